import pytest
import trio
from trio.testing import MockClock

from kthena_router.kube.rate import RateLimit


async def leave(limit: RateLimit, count: int) -> list[float]:
    """Return when each of *count* requests that all want to leave at once may."""
    times: list[float] = []

    async def one() -> None:
        await limit.wait()
        times.append(trio.current_time())

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return [time - start for time in sorted(times)]


async def test_no_second_sees_ten_requests(autojump_clock: MockClock) -> None:
    times = await leave(RateLimit(5.0, 10), 60)

    busiest = max(sum(start <= time <= start + 1.0 for time in times) for start in times)
    assert 8 == busiest


async def test_steady_rate_is_kept(autojump_clock: MockClock) -> None:
    times = await leave(RateLimit(5.0, 10), 60)

    # ten from the burst, then one every 0.2 s
    assert times[-1] == pytest.approx((60 - 10) / 5.0)


async def test_burst_comes_back_after_a_rest(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 10)
    await leave(limit, 30)
    await trio.sleep(10)

    times = await leave(limit, 10)

    assert times[-1] == pytest.approx(9 / 7)


async def test_single_request_does_not_wait(autojump_clock: MockClock) -> None:
    assert [0.0] == await leave(RateLimit(5.0, 10), 1)


async def test_busy_moment_is_not_followed_by_a_volley(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 10)
    times: list[float] = []

    async def one() -> None:
        await limit.wait()
        times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(one)
        await trio.sleep(0.1)
        autojump_clock.jump(0.9)  # nobody runs for so long

    assert [0.0, 1.0, 1.143, 1.286, 1.429, 1.571] == [round(time - times[0], 3) for time in times]


async def test_server_that_asks_for_a_pause_gets_it(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 10)
    await limit.wait()
    limit.hold(2.0)
    start = trio.current_time()

    assert [2.0, 2.143] == [round(time, 3) for time in await leave(limit, 2)]
    assert trio.current_time() - start == pytest.approx(2.143, abs=0.001)


async def test_pause_holds_those_too_that_wait_already(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 10)
    await limit.wait()
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limit.wait)
        await trio.sleep(0.1)
        limit.hold(1.0)

    assert trio.current_time() - start == pytest.approx(1.1)


async def test_request_that_is_given_up_costs_nothing(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 1)
    await limit.wait()
    with trio.move_on_after(0.1):
        await limit.wait()

    assert [0.1] == [round(time, 3) for time in await leave(limit, 1)]
