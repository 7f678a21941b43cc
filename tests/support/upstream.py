"""Short forms for calling an endpoint in tests, and what a process holds."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import trio

from kthena_router.routing.endpoint import Endpoint
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.exchange import UpstreamResponse
from kthena_router.upstream.pools import Pools


class Answer(NamedTuple):
    status: int
    body: bytes


async def drain(response: UpstreamResponse) -> bytes:
    body = b""
    while piece := await response.receive():
        body += piece
    return body


async def fetch(
    pools: Pools,
    endpoint: Endpoint,
    body: bytes = b"",
    *,
    method: bytes = b"POST",
    header_timeout: float | None = None,
) -> Answer:
    """Make a call and take all of its answer."""
    request = UpstreamRequest(method=method, target=b"/v1/completions", body=body)
    async with pools.open_call(endpoint, request, header_timeout=header_timeout) as response:
        return Answer(response.status, await drain(response))


async def until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds; half a minute is plenty for the kernel and the other tasks."""
    with trio.fail_after(30):
        while not condition():
            await trio.testing.wait_all_tasks_blocked(0.001)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
