"""A value that is replaced as a whole, and a way to wait for the next one."""

from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Published(Generic[T]):
    """The current value of something. One writer publishes; anybody reads `value` or waits for a newer one.

    A follower that is slow sees the newest value and skips those between.
    """

    def __init__(self, value: T) -> None:
        self.value = value
        self._changed = trio.Event()

    def publish(self, value: T) -> None:
        """Replace the value and wake everybody who waits."""
        self.value = value
        changed = self._changed
        self._changed = trio.Event()
        changed.set()

    async def wait_newer(self, seen: T) -> T:
        """Return the value as soon as it is another object than *seen*."""
        await trio.lowlevel.checkpoint()
        while self.value is seen:
            await self._changed.wait()
        return self.value
