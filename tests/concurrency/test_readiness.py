import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import trio
import trio.testing

from kthena_router.concurrency.readiness import Readiness


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


async def test_step_is_called_until_it_has_a_result(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    results: list[bytes] = []

    async def drive() -> None:
        results.append(await readiness.drive(pairs[0].ours.fileno(), lambda: pairs[0].take(b"!")))

    nursery.start_soon(drive)
    for piece in (b"one ", b"two ", b"three!"):
        await trio.testing.wait_all_tasks_blocked()
        pairs[0].theirs.send(piece)
    while not results:
        await trio.testing.wait_all_tasks_blocked(0.001)

    assert [b"one two three!"] == results
    assert 0 == len(readiness)


async def test_failure_of_one_step_touches_no_other(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    def fail() -> bytes:
        raise ValueError("broken")

    good: list[bytes] = []

    async def drive() -> None:
        good.append(await readiness.drive(pairs[1].ours.fileno(), lambda: pairs[1].take(b"!")))

    nursery.start_soon(drive)
    pairs[0].theirs.send(b"x")
    with pytest.raises(ValueError, match="broken"):
        await readiness.drive(pairs[0].ours.fileno(), fail)
    pairs[1].theirs.send(b"fine!")
    while not good:
        await trio.testing.wait_all_tasks_blocked(0.001)

    assert [b"fine!"] == good


async def test_cancelled_drive_leaves_nothing_registered(
    readiness: Readiness, pairs: list[Pair]
) -> None:
    with trio.move_on_after(0.01) as scope:
        await readiness.drive(pairs[0].ours.fileno(), lambda: None)

    assert scope.cancelled_caught
    assert 0 == len(readiness)


async def test_leaving_is_told_once_and_armed_again_by_asking(
    readiness: Readiness, pairs: list[Pair]
) -> None:
    left = trio.Event()
    descriptor = pairs[0].ours.fileno()
    readiness.watch_leaving(descriptor, lambda: pytest.fail("replaced"))
    readiness.watch_leaving(descriptor, left.set)
    pairs[0].theirs.send(b"data alone is no leaving")
    await trio.testing.wait_all_tasks_blocked(0.001)
    assert not left.is_set()

    pairs[0].theirs.shutdown(socket.SHUT_WR)
    await left.wait()

    readiness.forget(descriptor)
    readiness.forget(descriptor)
    assert 0 == len(readiness)


async def test_resting_descriptor_calls_nobody(readiness: Readiness, pairs: list[Pair]) -> None:
    descriptor = pairs[0].ours.fileno()
    readiness.watch_leaving(descriptor, lambda: pytest.fail("it rests"))
    readiness.rest(descriptor)

    pairs[0].theirs.close()
    await trio.testing.wait_all_tasks_blocked(0.001)
    readiness.forget(descriptor)


async def test_greedy_descriptor_does_not_starve_the_others(
    readiness: Readiness, pairs: list[Pair], nursery: trio.Nursery
) -> None:
    """One is always readable; the other one's step and an ordinary task go on beside it."""
    pairs[0].theirs.send(b"never read")
    turns = 0

    def greedy() -> None:
        nonlocal turns
        turns += 1

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as inner:

            async def for_ever() -> None:
                await readiness.drive(pairs[0].ours.fileno(), greedy)

            inner.start_soon(for_ever)
            pairs[1].theirs.send(b"fair!")
            found = await readiness.drive(pairs[1].ours.fileno(), lambda: pairs[1].take(b"!"))
            before = turns
            for _ in range(10):
                await trio.lowlevel.checkpoint()
            scope.cancel()

    assert b"fair!" == found
    assert turns - before < 100  # a go for each turn of the others, not a loop of its own
