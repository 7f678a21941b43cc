"""Lifecycle hooks: `httpGet` and `sleep`; others are refused with a text. They read as handlers of probes do."""

import trio

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.probes import check, read_handler

_LONGEST_SECONDS = 3600.0


async def run_hook(handler: Document, container: Document, address: str) -> str:
    """Run it to its end; "" or what went wrong. The caller sets the time limit."""
    if "sleep" in handler:
        await trio.sleep(float(handler["sleep"]["seconds"]))
        return ""
    return await check(read_handler(handler, container, timeout=_LONGEST_SECONDS), address)
