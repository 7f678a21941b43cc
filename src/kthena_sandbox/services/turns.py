"""Which endpoint of a route a client gets."""

from collections.abc import Iterator

import trio

from kthena_sandbox.services.frontends import Endpoint, Route


class Turns:
    """Endpoints take turns; with affinity a client stays with the one that it had. `route` may be replaced at any time."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._turn = 0
        self._clients: dict[str, tuple[Endpoint, float]] = {}

    def order(self, client: str) -> Iterator[Endpoint]:
        """The endpoint whose turn it is, then the others."""
        endpoints = self.route.endpoints
        if not endpoints:
            return
        last, since = self._clients.get(client, (None, 0.0))
        kept = last in endpoints and trio.current_time() - since < self.route.affinity_seconds
        start = endpoints.index(last) if kept and last is not None else self._turn
        if not kept:
            self._turn += 1
        for step in range(len(endpoints)):
            yield endpoints[(start + step) % len(endpoints)]

    def note(self, client: str, endpoint: Endpoint) -> None:
        """A client has got an endpoint."""
        if self.route.affinity_seconds:
            self._clients[client] = (endpoint, trio.current_time())
