"""From the endpoints of a backend to an order in which to try them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from kthena_router.routing.endpoint import Endpoint

MAX_ATTEMPTS = 5
FEW = 8  # endpoints that are all looked at
THROWS = 3  # for an idle one among more, before all are looked at


class InferenceRequest(Struct, frozen=True):
    """What a scheduler may know of a request."""

    model: str
    is_lora: bool = False


class Candidates(Struct, frozen=True):
    """Endpoints, and how busy they are at the moment of a choice: *in_flight*, requests of this router by `Endpoint.key`.

    Those that are idle have no entry.
    """

    endpoints: Sequence[Endpoint]
    in_flight: Mapping[str, int]

    def loads(self) -> list[int]:
        """Return the requests in flight in the order of the endpoints."""
        return [self.in_flight.get(endpoint.key, 0) for endpoint in self.endpoints]


class Scheduler(Protocol):
    """Answers with the best endpoints first, at most `MAX_ATTEMPTS`; *dice* is uniform in [0, 1).

    The first is nearly always the only one that is asked for, so the others are worth no work before they are.
    """

    def order(
        self, candidates: Candidates, request: InferenceRequest, dice: Callable[[], float]
    ) -> Iterator[Endpoint]: ...


class LeastInFlight:
    """Fewest requests in flight first, ties by dice."""

    def order(
        self, candidates: Candidates, request: InferenceRequest, dice: Callable[[], float]
    ) -> Iterator[Endpoint]:
        """Yield the endpoints to try, best first."""
        endpoints = candidates.endpoints
        if not endpoints:
            return
        first = _throw_for_idle(candidates, dice)
        if first is None:
            first = _least_busy(candidates, dice)
        yield endpoints[first]  # for as long as the request goes on: nothing large is held here
        loads = candidates.loads()
        others = sorted((load, dice(), i) for i, load in enumerate(loads) if i != first)
        for _, _, i in others[: MAX_ATTEMPTS - 1]:
            yield endpoints[i]


def _least_busy(candidates: Candidates, dice: Callable[[], float]) -> int:
    loads = candidates.loads()
    least = min(loads)
    ties = [i for i, load in enumerate(loads) if load == least]
    return ties[int(dice() * len(ties))]


def _throw_for_idle(candidates: Candidates, dice: Callable[[], float]) -> int | None:
    """Return one of the idle endpoints, each as likely as another, None where a few throws hit none.

    Where there are many, most of them are idle, and looking at a hundred takes 12 microseconds.
    """
    endpoints, busy = candidates.endpoints, candidates.in_flight
    if len(endpoints) <= FEW:
        return None
    for _ in range(THROWS):
        thrown = int(dice() * len(endpoints))
        if endpoints[thrown].key not in busy:
            return thrown
    return None
