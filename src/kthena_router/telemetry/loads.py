"""How many requests each endpoint is working on for this router."""

from collections.abc import Mapping

from kthena_router.routing.endpoint import Endpoint


class LoadTable:
    """Counts per endpoint; a count can only be held as a block, so that none can leak."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    @property
    def by_key(self) -> Mapping[str, int]:
        """Return the requests in flight by `Endpoint.key`, as they are and will be; idle endpoints have no entry."""
        return self._counts

    @property
    def total(self) -> int:
        """Return all requests in flight."""
        return sum(self._counts.values())

    def in_flight(self, endpoint: Endpoint) -> "InFlight":
        """Return the block in which *endpoint* works on one more request."""
        return InFlight(self._counts, endpoint.key)


class InFlight:
    """Counts one request while its block runs.

    The row goes with its last request, so an endpoint that leaves and returns meanwhile keeps its count.
    """

    __slots__ = ("_counts", "_key")

    def __init__(self, counts: dict[str, int], key: str) -> None:
        self._counts = counts
        self._key = key

    def __enter__(self) -> None:
        self._counts[self._key] = self._counts.get(self._key, 0) + 1

    def __exit__(self, *_: object) -> None:
        self._counts[self._key] -= 1
        if not self._counts[self._key]:
            del self._counts[self._key]
