import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import pytest
import trio
from trio._core._run import SystemClock
from trio.testing import wait_all_tasks_blocked

from kthena_router.concurrency.readiness import Readiness, ReadinessClock, trios_epoll


@pytest.fixture(params=["within trio", "around trio"], autouse=True)
def clock(request: pytest.FixtureRequest) -> trio.abc.Clock:
    """Every test here has the set within trio's own, and trio's within the set."""
    return ReadinessClock() if request.param == "around trio" else SystemClock()


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
    with trio.fail_after(60):
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


async def test_trio_has_its_own_sockets_timers_and_threads_meanwhile(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    done: list[str] = []

    async def note(name: str, wait: Callable[[], Awaitable[object]]) -> None:
        await wait()
        done.append(name)

    theirs = trio.socket.from_stdlib_socket(pairs[0].theirs)
    pairs[0].theirs.setblocking(False)
    with trio.fail_after(60):
        async with trio.open_nursery() as waiting:
            waiting.start_soon(note, "socket", partial(theirs.recv, 1))
            waiting.start_soon(note, "timer", partial(trio.sleep, 0.001))
            waiting.start_soon(note, "thread", partial(trio.to_thread.run_sync, never_mind))
            await wait_all_tasks_blocked()
            pairs[0].ours.send(b"x")
    assert ["socket", "thread", "timer"] == sorted(done)


async def test_descriptors_are_served_while_trio_never_sleeps(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    async def never_sleep() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    readiness.add(pairs[0].descriptor, never)
    nursery.start_soon(never_sleep)
    pairs[0].theirs.send(b"now!")

    with trio.fail_after(60):
        assert b"now!" == await readiness.drive(pairs[0].descriptor, lambda: pairs[0].take(b"!"))


async def test_failing_callback_ends_run_and_not_trio(pairs: list[Pair]) -> None:
    readiness = Readiness()

    def fail() -> None:
        pairs[0].take(b"!")
        raise ValueError("broken")

    readiness.add(pairs[0].descriptor, fail)
    pairs[0].theirs.send(b"x")
    with pytest.raises(ValueError, match="broken"):
        await readiness.run()
    await trio.sleep(0.001)  # trio goes on


async def test_second_one_under_a_clock_serves_as_well(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    second = Readiness()
    await wait_all_tasks_blocked()
    nursery.start_soon(second.run)
    second.add(pairs[0].descriptor, never)
    pairs[0].theirs.send(b"too!")

    with trio.fail_after(60):
        assert b"too!" == await second.drive(pairs[0].descriptor, lambda: pairs[0].take(b"!"))


async def test_epoll_set_of_trio_is_where_it_is_looked_for() -> None:
    """If a version of trio has it elsewhere, all goes on, but slower."""
    assert trios_epoll() is not None


def never_mind() -> None:
    pass
