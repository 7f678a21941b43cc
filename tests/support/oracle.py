"""What a router may answer while its configuration changes: a small model of Gateways and ModelRoutes. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

REFUSED = "refused"  # nobody listens
NOT_FOUND = "404"  # no listener for the host, or no route for the model
UNAVAILABLE = "503"  # the port is about to be closed: no listener claims it any more


@dataclass(frozen=True)
class Listener:
    """*hostname* is empty for any host, and may begin with `*.`."""

    port: int
    hostname: str


@dataclass(frozen=True)
class Gateway:
    """*created* is in RFC 3339, as the API server says it."""

    name: str
    created: str
    listeners: tuple[Listener, ...]


Gateways = Mapping[str, Gateway]  # by name
Routes = Mapping[str, str]  # the model that the route of a Gateway leads to, by the Gateway's name


def expected(gateways: Gateways, routes: Routes, port: int, host: str) -> str:
    """Return the answer that a configuration in force gives: REFUSED, NOT_FOUND or the name of a model."""
    best: tuple[tuple[int, int], Gateway] | None = None
    open_port = False
    claimed: set[str] = set()
    for gateway in sorted(gateways.values(), key=lambda one: (one.created, one.name)):
        for listener in gateway.listeners:
            if listener.port != port:
                continue
            open_port = True
            rank = _rank(listener.hostname, host)
            if listener.hostname not in claimed and rank is not None:
                best = max(best or (rank, gateway), (rank, gateway), key=lambda one: one[0])
            claimed.add(listener.hostname)
    if not open_port:
        return REFUSED
    return routes.get(best[1].name, NOT_FOUND) if best else NOT_FOUND


def _rank(hostname: str, host: str) -> tuple[int, int] | None:
    if not hostname:
        return (0, 0)
    if hostname.startswith("*."):
        return (1, len(hostname)) if host.endswith(hostname[1:]) else None
    return (2, 0) if hostname == host else None


class Timeline(Generic[T]):
    """The versions of something that is changed from time to time, in seconds of any clock."""

    def __init__(self, first: T) -> None:
        self._versions: list[tuple[float, float, T]] = [(float("-inf"), float("-inf"), first)]

    @property
    def newest(self) -> T:
        return self._versions[-1][2]

    def change(self, begun: float, done: float, value: T) -> None:
        """Note a change that was asked for at *begun* and confirmed at *done*."""
        self._versions.append((begun, done, value))

    def visible(self, since: float, until: float, lag: float) -> Iterator[T]:
        """Return what may have been in force between two times, somewhere that hears of a change within *lag*."""
        replaced = [done for _, done, _ in self._versions[1:]]
        for (begun, _, value), end in zip(self._versions, [*replaced, float("inf")], strict=True):
            if begun <= until and end + lag >= since:
                yield value


def allowed(
    gateways: Timeline[Gateways],
    routes: Timeline[Routes],
    place: tuple[int, str],
    span: tuple[float, float],
    lag: float,
) -> frozenset[str]:
    """Return the answers that a request to *place* (port and host) may have had in the *span* of its life.

    One answer means that nothing that matters had changed for longer than *lag*. The two kinds are heard of apart.
    """
    answers = {
        expected(gateway_version, route_version, *place)
        for gateway_version in gateways.visible(*span, lag)
        for route_version in routes.visible(*span, lag)
    }
    return frozenset(answers if len(answers) == 1 else answers | {UNAVAILABLE})
