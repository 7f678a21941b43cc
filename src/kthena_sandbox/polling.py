"""Asks again and again until something holds, where there is nothing to be told by."""

from collections.abc import Awaitable, Callable

import trio


async def holds_within(
    seconds: float, look: Callable[[], Awaitable[bool]], *, pause: float = 0.1
) -> bool:
    """Whether *look* becomes true in time."""
    with trio.move_on_after(seconds):
        while True:
            if await look():
                return True
            await trio.sleep(pause)
    return False
