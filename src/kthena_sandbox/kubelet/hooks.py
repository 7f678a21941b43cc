"""Lifecycle hooks: `sleep`, and what probes can ask too."""

import trio

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.probes import Execute, check, read_handler

_LONGEST_SECONDS = 3600.0


async def run_hook(handler: Document, container: Document, address: str, execute: Execute) -> str:
    """Run it to its end; "" or what went wrong. The caller sets the time limit."""
    if "sleep" in handler:
        await trio.sleep(float(handler["sleep"]["seconds"]))
        return ""
    probe = read_handler(handler, container, timeout=_LONGEST_SECONDS)
    return await check(probe, address, execute)
