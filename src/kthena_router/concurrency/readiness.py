"""One epoll set for many sockets, waited on through trio: a callback for each instead of a task for each.

Two uses make up nearly all the waiting of a proxy: whether a client has left while its request is being answered, and
whether an engine has sent more of a stream. A task with a nursery for the first costs 46 microseconds a request against 2
here; for the second, the scheduler's share of a relayed piece goes down with every stream that is ready at the same time.
"""

import select
from collections.abc import Callable
from typing import TypeVar

import outcome
import trio

T = TypeVar("T")
Callback = Callable[[], None]

LEFT = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
MOST_AT_ONCE = 256  # events taken in one go; whoever else is ready has a turn before the next go
_ONCE = select.EPOLLONESHOT


class Readiness:
    """Calls back while `run` runs. Nothing here may be used by two for one descriptor at the same time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}

    def __len__(self) -> int:
        """Return how many descriptors are being watched."""
        return len(self._callbacks)

    async def run(self) -> None:
        """Call back for ever, every callback at most once between two turns of trio's other tasks."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll)
                for descriptor, _ in self._epoll.poll(0, MOST_AT_ONCE):
                    callback = self._callbacks.get(descriptor)
                    if callback is not None:
                        callback()
        finally:
            trio.lowlevel.notify_closing(self._epoll)
            self._epoll.close()

    def watch_leaving(self, descriptor: int, callback: Callback) -> None:
        """Call *callback* once when the peer has shut its side or the connection has broken (epoll_ctl(2), EPOLLRDHUP).

        Until `forget`, which has to come before the descriptor is closed, `watch_leaving` may be called again to arm
        it anew.
        """
        known = descriptor in self._callbacks
        self._callbacks[descriptor] = callback
        arm = self._epoll.modify if known else self._epoll.register
        arm(descriptor, LEFT | _ONCE)

    def rest(self, descriptor: int) -> None:
        """Do not call back for *descriptor* until it is armed again; it stays registered, which is cheaper than `forget`."""
        self._callbacks[descriptor] = _nothing

    def forget(self, descriptor: int) -> None:
        """Stop watching *descriptor*; it is fine if it is not watched."""
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    async def drive(self, descriptor: int, step: Callable[[], T | None]) -> T:
        """Call *step* whenever *descriptor* is readable, until it returns something else than None, and return that.

        *step* must not block, and must bear being called although there is nothing to read. What it raises is raised
        here, and touches nobody else. Cancelled between two steps, never within one.
        """
        task = trio.lowlevel.current_task()

        def ready() -> None:
            try:
                result = step()
            except Exception as error:  # noqa: BLE001 - it belongs to the task that waits
                self.forget(descriptor)
                trio.lowlevel.reschedule(task, outcome.Error(error))
                return
            if result is not None:
                self.forget(descriptor)
                trio.lowlevel.reschedule(task, outcome.Value(result))

        def abort(_: object) -> trio.lowlevel.Abort:
            self.forget(descriptor)
            return trio.lowlevel.Abort.SUCCEEDED

        self._callbacks[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)
        found: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return found


def _nothing() -> None:
    pass
