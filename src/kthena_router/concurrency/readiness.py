"""One epoll set for the sockets of all clients and engines.

A socket stays in the set for as long as it is open, so that waiting for it costs no system call, and what comes is read
at once, on behalf of the task that waits. trio's own `wait_readable` asks the kernel to watch anew each time, and wakes a
task before anything is read; a task that only watches whether a client leaves costs 46 microseconds a request.

Under a `ReadinessClock` the set is waited on in trio's place, just when trio is about to sleep, for trio's own epoll set
lies in it: an event that wakes no task never reaches trio's scheduler, a round of which costs more than the event. Under
any other clock the set lies in trio's.
"""

import select
from collections.abc import Callable
from functools import partial
from random import uniform
from time import perf_counter
from typing import TypeVar

import outcome
import trio
from trio._core import _run as trio_internals  # where the epoll set of a run is to be found

T = TypeVar("T")
Callback = Callable[[], bool | None]  # False: no task of trio's has anything to do with it yet

LONGEST_SLEEP_SECONDS = 3600.0
MOST_AT_ONCE = 256  # events taken in one go; whoever else is ready has a turn before the next go
_ANYTHING = select.EPOLLIN | select.EPOLLRDHUP
_LEAVING = select.EPOLLRDHUP | select.EPOLLONESHOT


class ReadinessClock(trio.abc.Clock):
    """The system's clock, for `trio.run`. The Readiness that runs under it serves its sockets while trio would sleep."""

    def __init__(self) -> None:
        self._offset = uniform(10_000, 200_000)  # as trio's: no other clock's times fit  # noqa: S311
        self.serve: Callable[[float], float] | None = None

    def start_clock(self) -> None:
        """Do nothing: it always runs."""

    def current_time(self) -> float:
        return self._offset + perf_counter()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how long trio may sleep; it asks just before it does, and only when no task is runnable."""
        seconds = deadline - self.current_time()
        return seconds if self.serve is None or seconds <= 0 else self.serve(seconds)


class Readiness(trio.abc.Instrument):
    """Calls back while `run` runs. A descriptor has to be removed before it is closed."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._trios = -1  # the descriptor of trio's own epoll set
        self._served = False  # since trio began this round
        self._task: trio.lowlevel.Task | None = None

    def __len__(self) -> int:
        """Return how many descriptors are watched."""
        return len(self._callbacks)

    async def run(self) -> None:
        """Call back for ever, for each descriptor at most once in a go. Trio's other tasks have their turn between two gos."""
        clock = trio.lowlevel.current_clock()
        trios = trios_epoll()
        try:
            if isinstance(clock, ReadinessClock) and clock.serve is None and trios is not None:
                await self._run_around_trio(clock, trios)
            else:
                await self._run_within_trio()
        finally:
            trio.lowlevel.notify_closing(self._epoll)
            self._epoll.close()

    async def _run_within_trio(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._epoll)
            self._go(self._epoll.poll(0, MOST_AT_ONCE))

    async def _run_around_trio(self, clock: ReadinessClock, trios: int) -> None:
        self._trios = trios
        self._epoll.register(trios, select.EPOLLIN)
        self._task = trio.lowlevel.current_task()
        clock.serve = self._serve
        trio.lowlevel.add_instrument(self)
        try:
            await trio.lowlevel.wait_task_rescheduled(_give_up)
        finally:
            clock.serve = self._task = None
            trio.lowlevel.remove_instrument(self)

    def _serve(self, seconds: float) -> float:
        """Serve for at most *seconds*, until a task of trio's is runnable or one of its sockets ready; return 0, no time to sleep."""
        self._served = True
        end = perf_counter() + seconds
        while seconds > 0:
            events = self._epoll.poll(min(seconds, LONGEST_SLEEP_SECONDS), MOST_AT_ONCE)
            if self._go_safely(events):
                break
            seconds = end - perf_counter()
        return 0.0

    def before_io_wait(self, timeout: float) -> None:
        """Serve what is here, also in a round of trio's in which it does not come to sleep."""
        if not self._served:
            self._go_safely(self._epoll.poll(0, MOST_AT_ONCE))
        self._served = False

    def _go_safely(self, events: list[tuple[int, int]]) -> bool:
        """Go; what a callback raises ends `run`, and not trio."""
        try:
            return self._go(events)
        except Exception as error:  # noqa: BLE001 - it is raised there
            if self._task is not None:
                task, self._task = self._task, None
                trio.lowlevel.reschedule(task, outcome.Error(error))
            return True

    def _go(self, events: list[tuple[int, int]]) -> bool:
        """Call back for *events*; return whether that may have made a task of trio's runnable."""
        woke = False
        callbacks = self._callbacks
        for descriptor, _ in events:
            callback = callbacks.get(descriptor)
            if callback is None:  # trio's own, or removed by a callback of this go
                woke |= descriptor == self._trios
            elif callback() is not False:
                woke = True
        return woke

    def add(self, descriptor: int, unexpected: Callback) -> None:
        """Watch a socket. *unexpected* is called, again and again, while something is there that nobody reads.

        It has to read it, or to call `remove` or `only_leaving`.
        """
        self._callbacks[descriptor] = unexpected
        self._epoll.register(descriptor, _ANYTHING)

    def only_leaving(self, descriptor: int, callback: Callback) -> None:
        """Call *callback* once when the peer has shut its side or the connection has broken, whatever there is to read."""
        self._callbacks[descriptor] = callback
        self._epoll.modify(descriptor, _LEAVING)

    def anything(self, descriptor: int, unexpected: Callback) -> None:
        """Watch a socket as after `add` again, that was left with `only_leaving`."""
        self._callbacks[descriptor] = unexpected
        self._epoll.modify(descriptor, _ANYTHING)

    def remove(self, descriptor: int) -> None:
        """Watch a socket no longer; it is fine if it is not watched."""
        if self._callbacks.pop(descriptor, None) is not None and not self._epoll.closed:
            self._epoll.unregister(descriptor)

    def prod(self, descriptor: int) -> None:
        """Call back now, as if there were something; nothing happens if *descriptor* is not watched."""
        callback = self._callbacks.get(descriptor)
        if callback is not None:
            callback()

    def watches(self, descriptor: int) -> bool:
        """Return whether *descriptor* was added and not removed."""
        return descriptor in self._callbacks

    async def wait_readable(self, descriptor: int) -> None:
        """Return when there is something to read. Only for descriptors that are watched in no other way; add is not needed."""
        if descriptor not in self._callbacks:
            self.add(descriptor, partial(self.remove, descriptor))
        await self.drive(descriptor, _at_once)

    async def drive(self, descriptor: int, step: Callable[[], T | None]) -> T:
        """Call *step* whenever there is something to read, until it returns something else than None, and return that.

        *step* must not block, and must bear being called when there is nothing. What it raises is raised here and
        touches nobody else. It can be cancelled between two steps, never within one. Only for descriptors that are
        watched; meanwhile nothing is unexpected.
        """
        task = trio.lowlevel.current_task()
        unexpected = self._callbacks[descriptor]

        def ready() -> bool:
            try:
                result = step()
            except Exception as error:  # noqa: BLE001 - it belongs to the task that waits
                self._resume(descriptor, unexpected)
                trio.lowlevel.reschedule(task, outcome.Error(error))
                return True
            if result is None:
                return False
            self._resume(descriptor, unexpected)
            trio.lowlevel.reschedule(task, outcome.Value(result))
            return True

        def abort(_: object) -> trio.lowlevel.Abort:
            self._resume(descriptor, unexpected)
            return trio.lowlevel.Abort.SUCCEEDED

        self._callbacks[descriptor] = ready
        found: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return found

    def _resume(self, descriptor: int, unexpected: Callback) -> None:
        if descriptor in self._callbacks:  # it may have been removed meanwhile
            self._callbacks[descriptor] = unexpected


def trios_epoll() -> int | None:
    """Return the descriptor of the epoll set on which trio sleeps, None where it is not to be found.

    Trio does not offer it, so it is only used to be faster: an event of one of 500 streams takes 30
    microseconds of CPU in place of 42.
    """
    manager = trio_internals.GLOBAL_RUN_CONTEXT.runner.io_manager
    found = getattr(manager, "_epoll", None)
    return found.fileno() if isinstance(found, select.epoll) else None


def _give_up(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.SUCCEEDED


def _at_once() -> bool:
    return True
