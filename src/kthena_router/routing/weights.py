"""A choice in proportion to weights."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def choose_weighted(items: Sequence[tuple[T, int]], dice: Callable[[], float]) -> T | None:
    """Return one of *items* (value, weight) in proportion to its weight; None where no weight is above zero."""
    total = sum(weight for _, weight in items)
    if total <= 0:
        return None
    point = dice() * total
    chosen = None
    for value, weight in items:
        if weight <= 0:
            continue
        chosen = value
        if point < weight:
            break
        point -= weight
    return chosen
