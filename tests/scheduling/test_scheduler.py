from collections import Counter
from collections.abc import Callable, Iterator

from hypothesis import given, strategies as st

from kthena_router.routing.endpoint import Endpoint
from kthena_router.scheduling.candidate import Candidate
from kthena_router.scheduling.scheduler import InferenceRequest, LeastInFlight

REQUEST = InferenceRequest("m")


def candidate(name: str, in_flight: int) -> Candidate:
    return Candidate(Endpoint(f"uid-{name}", "default", name, "127.0.0.1", 8000), in_flight)


def thrown(*values: float) -> Callable[[], float]:
    given: Iterator[float] = iter(values)
    return lambda: next(given)


def order(candidates: list[Candidate], dice: Callable[[], float]) -> list[str]:
    return [one.name for one in LeastInFlight().order(candidates, REQUEST, dice)]


def test_fewest_requests_in_flight_come_first() -> None:
    candidates = [candidate("a", 3), candidate("b", 0), candidate("c", 1)]
    assert ["b", "c", "a"] == order(candidates, thrown(0.1, 0.9, 0.5))


def test_dice_decide_between_equals() -> None:
    candidates = [candidate("a", 1), candidate("b", 1), candidate("c", 1), candidate("d", 0)]
    assert ["d", "c", "a", "b"] == order(candidates, thrown(0.5, 0.9, 0.1, 0.99))


def test_at_most_five_are_tried() -> None:
    candidates = [candidate(name, 10 - index) for index, name in enumerate("abcdefg")]
    assert ["g", "f", "e", "d", "c"] == order(candidates, lambda: 0.0)


def test_nothing_to_choose_from_is_no_choice() -> None:
    assert [] == order([], lambda: 0.0)


def test_equal_throws_are_no_tie_that_matters() -> None:
    assert ["a", "b"] == order([candidate("a", 0), candidate("b", 0)], lambda: 0.0)


@given(st.lists(st.integers(0, 3), max_size=9), st.randoms(use_true_random=False))
def test_nobody_is_tried_before_one_with_less_to_do_or_twice(
    loads: list[int], dice: object
) -> None:
    candidates = [candidate(str(index), load) for index, load in enumerate(loads)]
    tried = order(candidates, dice.random)  # type: ignore[attr-defined]
    assert sorted(loads)[:5] == [loads[int(name)] for name in tried]
    assert all(count == 1 for count in Counter(tried).values())
