"""How many requests each endpoint is working on for this router."""

from collections.abc import Iterator
from contextlib import contextmanager

from kthena_router.routing.endpoint import Endpoint

_Key = tuple[str, int]


class LoadTable:
    """Counts per endpoint; a count can only be held as a block, so that none can leak."""

    def __init__(self) -> None:
        self._counts: dict[_Key, int] = {}

    def in_flight_of(self, endpoint: Endpoint) -> int:
        """Return the requests that *endpoint* is working on."""
        return self._counts.get((endpoint.uid, endpoint.port), 0)

    @property
    def total(self) -> int:
        """Return all requests in flight."""
        return sum(self._counts.values())

    @contextmanager
    def in_flight(self, endpoint: Endpoint) -> Iterator[None]:
        """Count one more request of *endpoint* while the block runs.

        The row goes with its last request, so an endpoint that leaves and returns meanwhile keeps its count.
        """
        key = (endpoint.uid, endpoint.port)
        self._counts[key] = self._counts.get(key, 0) + 1
        try:
            yield
        finally:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]
