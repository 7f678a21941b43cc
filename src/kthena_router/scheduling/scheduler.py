"""From candidates to an order of endpoints to try."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kthena_router.routing.endpoint import Endpoint
from kthena_router.scheduling.candidate import Candidate

MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What a scheduler may know of a request."""

    model: str
    is_lora: bool = False


class Scheduler(Protocol):
    """Answers with the best endpoints first, at most `MAX_ATTEMPTS`; *dice* is uniform in [0, 1)."""

    def order(
        self, candidates: Sequence[Candidate], request: InferenceRequest, dice: Callable[[], float]
    ) -> Sequence[Endpoint]: ...


class LeastInFlight:
    """Fewest requests in flight first, ties by dice."""

    def order(
        self, candidates: Sequence[Candidate], request: InferenceRequest, dice: Callable[[], float]
    ) -> Sequence[Endpoint]:
        """Return the endpoints to try, best first."""
        ranked = sorted(((c.in_flight, dice(), i) for i, c in enumerate(candidates)))
        return [candidates[i].endpoint for _, _, i in ranked[:MAX_ATTEMPTS]]
