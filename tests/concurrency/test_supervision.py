import pytest
import trio

from kthena_router.concurrency.published import Published
from kthena_router.concurrency.supervision import Backoff, run_forever


def test_delay_doubles_to_its_ceiling_and_never_overflows() -> None:
    backoff = Backoff(base=1.0, ceiling=30.0)

    assert [1.0, 2.0, 4.0, 30.0, 30.0] == [backoff.delay(n, 0.0) for n in (1, 2, 3, 6, 5000)]
    assert pytest.approx(0.8) == backoff.delay(1, 1.0)


async def test_failing_service_is_started_again_later_and_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    starts: list[float] = []
    began = trio.current_time()

    async def fail() -> None:
        starts.append(trio.current_time() - began)
        raise OSError

    with trio.move_on_after(40):
        await run_forever(fail, retry_on=OSError, backoff=Backoff(base=1.0), chance=lambda: 0.0)

    assert [0.0, 1.0, 3.0, 7.0, 15.0, 31.0] == starts


async def test_other_errors_are_bugs(autojump_clock: trio.testing.MockClock) -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised right above
        await run_forever(fail, retry_on=OSError, backoff=Backoff(), chance=lambda: 0.0)


async def test_follower_sees_the_newest_value_and_skips_those_between() -> None:
    published = Published(("a",))
    seen = published.value
    published.publish(("b",))
    published.publish(("c",))

    assert ("c",) == await published.wait_newer(seen)
