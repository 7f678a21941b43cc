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
    assert 9 == busiest


async def test_steady_rate_is_kept(autojump_clock: MockClock) -> None:
    times = await leave(RateLimit(5.0, 10), 60)

    # ten from the burst, then one every 0.2 s
    assert times[-1] == pytest.approx((60 - 10) / 5.0)


async def test_burst_comes_back_after_a_rest(autojump_clock: MockClock) -> None:
    limit = RateLimit(5.0, 10)
    await leave(limit, 30)
    await trio.sleep(10)

    times = await leave(limit, 10)

    assert times[-1] == pytest.approx(9 * 0.125)


async def test_single_request_does_not_wait(autojump_clock: MockClock) -> None:
    assert [0.0] == await leave(RateLimit(5.0, 10), 1)
