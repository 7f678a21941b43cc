from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from kthena_sandbox.client import ApiAway, ApiError
from kthena_sandbox.controllers.loop import Reconciler


async def test_keys_that_wait_count_once(autojump_clock: MockClock) -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)
        await trio.sleep(1)

    loop: Reconciler[str] = Reconciler("test", reconcile)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        for key in ("a", "b", "a"):
            loop.add(key)
        await trio.sleep(1.5)
        loop.add("b")  # gets dirty during its turn
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert seen == ["a", "b", "b"]


async def test_what_fails_is_tried_again_with_growing_pauses(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [ApiError(409, "Conflict", ""), ApiAway(), KeyError("ours"), None]
    times: list[float] = []

    async def reconcile(_: str) -> None:
        times.append(round(trio.current_time(), 3))
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    loop: Reconciler[str] = Reconciler("test", reconcile)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        loop.add("a")
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert [round(b - a, 3) for a, b in pairwise(times)] == [0.1, 0.5, 0.2]
    assert caplog.messages == ["test: a"]


async def test_a_controller_may_ask_to_look_again(autojump_clock: MockClock) -> None:
    times: list[float] = []

    async def reconcile(_: str) -> float | None:
        times.append(trio.current_time())
        return 5.0 if len(times) < 3 else None

    loop: Reconciler[str] = Reconciler("test", reconcile)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        loop.add("a")
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert [time - times[0] for time in times] == pytest.approx([0, 5, 10])
