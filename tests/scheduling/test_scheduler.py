from collections import Counter
from collections.abc import Callable, Iterator

from hypothesis import given, strategies as st

from kthena_router.routing.endpoint import Endpoint
from kthena_router.scheduling.scheduler import Candidates, InferenceRequest, LeastInFlight

REQUEST = InferenceRequest("m")


def candidates(**loads: int) -> Candidates:
    """Return endpoints by name, with their requests in flight."""
    endpoints = [Endpoint(f"uid-{name}", "default", name, "127.0.0.1", 8000) for name in loads]
    busy = {one.key: load for one, load in zip(endpoints, loads.values(), strict=True) if load}
    return Candidates(endpoints, busy)


def thrown(*values: float) -> Callable[[], float]:
    given: Iterator[float] = iter(values)
    return lambda: next(given)


def order(among: Candidates, dice: Callable[[], float]) -> list[str]:
    return [one.name for one in LeastInFlight().order(among, REQUEST, dice)]


def test_fewest_requests_in_flight_come_first() -> None:
    assert ["b", "c", "a"] == order(candidates(a=3, b=0, c=1), thrown(0.1, 0.9, 0.5))


def test_dice_decide_between_equals() -> None:
    among = candidates(a=1, b=1, c=1, d=0)
    assert ["d", "c", "a", "b"] == order(among, thrown(0.99, 0.5, 0.9, 0.1))


def test_every_one_of_the_least_busy_can_be_the_first() -> None:
    among = candidates(a=1, b=0, c=0, d=0)
    firsts = [next(LeastInFlight().order(among, REQUEST, thrown(t))).name for t in (0, 0.5, 0.99)]
    assert ["b", "c", "d"] == firsts


def test_idle_one_of_many_is_hit_by_a_throw() -> None:
    among = candidates(**{str(number): number % 2 for number in range(20)})
    assert "12" == next(LeastInFlight().order(among, REQUEST, thrown(0.25, 0.6))).name


def test_the_least_busy_of_many_is_looked_for_when_throws_hit_none() -> None:
    among = candidates(**{str(number): int(number != 13) for number in range(20)})
    assert "13" == next(LeastInFlight().order(among, REQUEST, thrown(0, 0.3, 0.9, 0.5))).name


def test_at_most_five_are_tried() -> None:
    among = candidates(a=10, b=9, c=8, d=7, e=6, f=5, g=4)
    assert ["g", "f", "e", "d", "c"] == order(among, lambda: 0.0)


def test_nothing_to_choose_from_is_no_choice() -> None:
    assert [] == order(candidates(), lambda: 0.0)


def test_equal_throws_are_no_tie_that_matters() -> None:
    assert ["a", "b"] == order(candidates(a=0, b=0), lambda: 0.0)


@given(st.lists(st.integers(0, 3), max_size=30), st.randoms(use_true_random=False))
def test_nobody_is_tried_before_one_with_less_to_do_or_twice(
    loads: list[int], dice: object
) -> None:
    among = candidates(**{str(index): load for index, load in enumerate(loads)})
    tried = order(among, dice.random)  # type: ignore[attr-defined]
    assert sorted(loads)[:5] == [loads[int(name)] for name in tried]
    assert all(count == 1 for count in Counter(tried).values())
