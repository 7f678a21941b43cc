import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kthena_router.concurrency.readiness import Readiness, _Linger


@pytest.fixture
async def readiness(nursery: trio.Nursery) -> AsyncIterator[Readiness]:
    one = Readiness()
    nursery.start_soon(one.run)
    yield one
    nursery.cancel_scope.cancel()


class Pair:
    """Two ends of a connection, ours and the peer's."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.read: list[bytes] = []

    @property
    def descriptor(self) -> int:
        return self.ours.fileno()

    def take(self, until: bytes) -> bytes | None:
        """Read once; return what was read in all when it ends with *until*."""
        try:
            self.read.append(self.ours.recv(100))
        except BlockingIOError:
            return None
        whole = b"".join(self.read)
        return whole if whole.endswith(until) else None

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made = [Pair() for _ in range(3)]
    yield made
    for one in made:
        one.close()


async def test_task_that_is_woken_just_before_trio_sleeps_runs_at_once(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    first, second, _ = pairs
    for one in pairs:
        readiness.add(one.descriptor, never)

    def pass_on() -> None:
        if first.take(b"!"):
            second.theirs.send(b"!")  # while the first one is served: no round of trio's sees it

    nursery.start_soon(readiness.drive, first.descriptor, pass_on)
    with trio.fail_after(2):
        for _ in range(50):
            await wait_all_tasks_blocked()
            first.theirs.send(b"!")
            await readiness.drive(second.descriptor, lambda: second.take(b"!"))
    for one in pairs:
        readiness.remove(one.descriptor)


async def test_waiting_for_something_to_read(readiness: Readiness, pairs: list[Pair]) -> None:
    pair = pairs[0]
    for _ in range(2):
        pair.theirs.send(b"x")
        await readiness.wait_readable(pair.descriptor)
        assert b"x" == pair.ours.recv(2)
    with trio.move_on_after(0.01) as waiting:
        await readiness.wait_readable(pair.descriptor)
    assert waiting.cancelled_caught
    readiness.remove(pair.descriptor)


async def test_step_is_called_until_it_has_a_result(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    results: list[bytes] = []
    readiness.add(pairs[0].descriptor, never)

    async def drive() -> None:
        results.append(await readiness.drive(pairs[0].descriptor, lambda: pairs[0].take(b"!")))

    nursery.start_soon(drive)
    for piece in (b"one ", b"two ", b"three!"):
        await wait_all_tasks_blocked()
        pairs[0].theirs.send(piece)
    while not results:
        await wait_all_tasks_blocked(0.001)

    assert [b"one two three!"] == results
    readiness.remove(pairs[0].descriptor)
    assert 0 == len(readiness)


async def test_failure_of_one_step_touches_no_other(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    for one in pairs:
        readiness.add(one.descriptor, never)

    def fail() -> bytes:
        pairs[0].ours.recv(100)
        raise ValueError("broken")

    good: list[bytes] = []

    async def drive() -> None:
        good.append(await readiness.drive(pairs[1].descriptor, lambda: pairs[1].take(b"!")))

    nursery.start_soon(drive)
    pairs[0].theirs.send(b"x")
    with pytest.raises(ValueError, match="broken"):
        await readiness.drive(pairs[0].descriptor, fail)
    pairs[1].theirs.send(b"fine!")
    while not good:
        await wait_all_tasks_blocked(0.001)

    assert [b"fine!"] == good


async def test_cancelled_drive_gives_the_descriptor_back(
    readiness: Readiness, pairs: list[Pair]
) -> None:
    unexpected = trio.Event()

    def read() -> None:
        pairs[0].take(b"!")
        unexpected.set()

    readiness.add(pairs[0].descriptor, read)
    with trio.move_on_after(0.01) as scope:
        await readiness.drive(pairs[0].descriptor, lambda: pytest.fail("nothing has come"))

    assert scope.cancelled_caught
    pairs[0].theirs.send(b"later")
    await unexpected.wait()
    assert [b"later"] == pairs[0].read


async def test_leaving_is_told_once_and_data_is_not(
    readiness: Readiness, pairs: list[Pair]
) -> None:
    left: list[bool] = []
    readiness.add(pairs[0].descriptor, never)
    readiness.only_leaving(pairs[0].descriptor, lambda: left.append(True))
    pairs[0].theirs.send(b"data alone is no leaving")
    await wait_all_tasks_blocked(0.001)
    assert [] == left

    pairs[0].theirs.shutdown(socket.SHUT_WR)
    while not left:
        await wait_all_tasks_blocked(0.001)
    await wait_all_tasks_blocked(0.001)

    assert [True] == left


async def test_what_was_unread_is_unexpected_again_after_anything(
    readiness: Readiness, pairs: list[Pair]
) -> None:
    come = trio.Event()

    def read() -> None:
        pairs[0].take(b"!")
        come.set()

    readiness.add(pairs[0].descriptor, never)
    readiness.only_leaving(pairs[0].descriptor, never)
    pairs[0].theirs.send(b"x")
    await wait_all_tasks_blocked(0.001)

    readiness.anything(pairs[0].descriptor, read)

    await come.wait()


async def test_removed_descriptor_calls_nobody(readiness: Readiness, pairs: list[Pair]) -> None:
    readiness.add(pairs[0].descriptor, never)
    readiness.remove(pairs[0].descriptor)
    readiness.remove(pairs[0].descriptor)

    pairs[0].theirs.send(b"x")
    await wait_all_tasks_blocked(0.001)

    assert not readiness.watches(pairs[0].descriptor)


async def test_greedy_descriptor_does_not_starve_the_others(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    """One is always readable; the other one's step and ordinary tasks go on beside it."""
    turns = 0

    def greedy() -> None:
        nonlocal turns
        turns += 1

    readiness.add(pairs[0].descriptor, greedy)
    readiness.add(pairs[1].descriptor, never)
    pairs[0].theirs.send(b"never read")
    pairs[1].theirs.send(b"fair!")

    found = await readiness.drive(pairs[1].descriptor, lambda: pairs[1].take(b"!"))
    before = turns
    for _ in range(10):
        await trio.lowlevel.checkpoint()

    assert b"fair!" == found
    assert turns - before < 100  # a go for each turn of the others, not a loop of its own


def never() -> None:
    pytest.fail("nothing is expected here")


class Scripted:
    """Stands for the epoll set and for trio's token: a few gos with events, then none."""

    def __init__(self, gos: int) -> None:
        self.gos = gos
        self.polls = 0
        self.alarms = 0

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        self.polls += 1
        return [(7, 1)] if self.polls <= self.gos else []

    def run_sync_soon(self, _: object) -> None:
        self.alarms += 1


@pytest.mark.parametrize(
    ("may", "timeout", "woken", "polls", "alarms"),
    [
        (True, 1.0, False, 4, 0),  # all three gos, and one that finds nothing
        (True, 1.0, True, 1, 1),  # a task has something to do: trio must not sleep
        (False, 1.0, False, 0, 0),  # the last go woke a task, which may wait for a socket of trio's
        (True, 0.0, False, 0, 0),  # trio has something to do
    ],
)
def test_lingering(may: bool, timeout: float, woken: bool, polls: int, alarms: int) -> None:
    script: Any = Scripted(3)
    linger = _Linger(script, lambda _: woken, script, lambda: 0.0)
    linger.may = may
    linger.before_io_wait(timeout)
    assert (polls, alarms) == (script.polls, script.alarms)
    assert not linger.may or timeout == 0.0
