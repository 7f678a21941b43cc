"""From the endpoints of a backend to an order in which to try them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from kthena_router.routing.endpoint import Endpoint

MAX_ATTEMPTS = 5


class InferenceRequest(Struct, frozen=True):
    """What a scheduler may know of a request."""

    model: str
    is_lora: bool = False


class Candidates(Struct, frozen=True):
    """Endpoints and how busy each is at the moment of a choice: *in_flight*, requests of this router, in their order."""

    endpoints: Sequence[Endpoint]
    in_flight: Sequence[int]


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
        endpoints, loads = candidates.endpoints, candidates.in_flight
        if not endpoints:
            return
        least = min(loads)
        ties = [i for i, load in enumerate(loads) if load == least]
        first = ties[int(dice() * len(ties))]
        yield endpoints[first]
        others = sorted((load, dice(), i) for i, load in enumerate(loads) if i != first)
        for _, _, i in others[: MAX_ATTEMPTS - 1]:
            yield endpoints[i]
