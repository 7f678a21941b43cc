"""An endpoint and how busy it is, at the moment of a choice."""

from dataclasses import dataclass

from kthena_router.routing.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Candidate:
    """*in_flight*: requests of this router that the endpoint is working on."""

    endpoint: Endpoint
    in_flight: int
