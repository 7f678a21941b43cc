"""The wide sequence of requests: between plain ones, what a program asks besides."""

import random
from collections.abc import Callable, Iterator

from tests.differential.generator import Request, requests
from tests.differential.wide import changes, crds, forms, reviews, schemas

_MAKERS: tuple[tuple[Callable[[random.Random], Request], int], ...] = (
    (schemas.custom, 40), (crds.defined, 14),
    (reviews.review, 6), (reviews.somebody, 4), (reviews.token, 3), (reviews.moved, 5),
    (forms.accepted, 8), (forms.queried, 10), (forms.bodied, 8), (forms.placed, 6), (forms.large, 1), (forms.many, 4), (forms.watch, 1),
    (changes.strategic, 12), (changes.json_patch, 5), (changes.shared, 10), (changes.scaled, 6), (changes.event, 6),
)  # fmt: skip
_PLAIN = 0.25  # of all, so that there is something to ask about


def wide_requests(seed: int, count: int) -> Iterator[Request]:
    """Yield *count* requests, the same for the same seed."""
    dice = random.Random(seed)
    plain = requests(seed, count)
    makers, weights = zip(*_MAKERS, strict=True)
    for _ in range(count):
        if dice.random() < _PLAIN:
            yield next(plain)
        else:
            yield dice.choices(makers, weights)[0](dice)
