import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kthena_router.concurrency.published import Published


async def test_a_newer_value_is_handed_out_at_once() -> None:
    published = Published("a")
    published.publish("b")
    assert "b" == await published.wait_newer("a")


async def test_followers_wait_for_the_next_value(autojump_clock: MockClock) -> None:
    published = Published(0)
    seen: list[int] = []

    async def follow() -> None:
        value = 0
        while value != 3:
            value = await published.wait_newer(value)
            seen.append(value)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(follow)
        for value in (1, 2, 3):
            await wait_all_tasks_blocked()
            assert value - 1 == published.value
            published.publish(value)
    assert [1, 1, 2, 2, 3, 3] == seen


async def test_a_slow_follower_sees_only_the_newest_value() -> None:
    published = Published("a")
    for value in ("b", "c", "d"):
        published.publish(value)
    assert "d" == await published.wait_newer("a")


async def test_an_equal_value_is_still_another_one() -> None:
    first, second = [1], [1]
    published = Published(first)
    published.publish(second)
    assert second is await published.wait_newer(first)


async def test_the_same_value_wakes_nobody_for_good(autojump_clock: MockClock) -> None:
    published = Published("a")
    with trio.move_on_after(5) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(published.wait_newer, "a")
            await wait_all_tasks_blocked()
            published.publish("a")
    assert scope.cancelled_caught


async def test_waiting_gives_others_a_turn_even_when_there_is_nothing_to_wait_for() -> None:
    published = Published("b")
    with trio.CancelScope() as scope:
        scope.cancel()
        await published.wait_newer("a")
    assert scope.cancelled_caught
