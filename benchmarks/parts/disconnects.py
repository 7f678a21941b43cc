"""How long a client has been gone when the backend learns of it, with an event every 400 ms."""

import statistics
from dataclasses import dataclass

import trio

from benchmarks.errors import MeasurementFailed
from benchmarks.parts.base import FOREVER, Bench, Case, Column, Metric, Table
from benchmarks.parts.streams import EVENT_BYTES
from benchmarks.peers.base import Running

CLIENTS = 50
_INTERVAL_US = 400_000
_WAIT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


def delays_ms(left: list[tuple[int, int]], seen: list[tuple[int, int]]) -> list[float]:
    """Return ms from leaving to being seen, for the tickets that were seen; all times are monotonic ns."""
    when = dict(seen)
    return sorted((when[ticket] - ns) / 1e6 for ticket, ns in left if ticket in when)


@dataclass(frozen=True)
class Disconnects:
    name: str = "disconnects"
    metrics: tuple[Metric, ...] = (
        Metric("median", "until the backend sees a disconnect, median", "ms", "less", 2),
        Metric("worst", "the same, slowest", "ms", "less", 2),
        Metric("unseen", "not seen within 2 s", "%", "less"),
    )
    cases: tuple[Case, ...] = (Case("50 clients"),)
    tables: tuple[Table, ...] = (
        Table(
            "a client leaves: until the backend sees it",
            (
                Column("50 clients", "median", "median, ms"),
                Column("50 clients", "worst", "slowest, ms"),
                Column("50 clients", "unseen", "unseen, %"),
            ),
        ),
    )
    fresh: bool = False
    rounds: int = 1

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        await bench.backend.set(interval_us=_INTERVAL_US, events=FOREVER, event_bytes=EVENT_BYTES)
        first = bench.backend.take_tickets(CLIENTS)
        result = await bench.load(
            "leave",
            peer,
            seconds=10,
            connections=CLIENTS,
            spacing_ms=23,  # no divisor of the interval, so that all phases of it are met
            after_events=2,
            first_ticket=first,
        )
        if len(result.left) < CLIENTS:
            raise MeasurementFailed(result.first_error or "the streams do not begin")
        delays: list[float] = []
        with trio.move_on_after(_WAIT_SECONDS):
            while len(delays) < CLIENTS:
                await trio.sleep(_PAUSE_SECONDS)
                delays = delays_ms(result.left, (await bench.backend.stats()).left)
        if not delays:
            raise MeasurementFailed("the backend saw none of the clients leave")
        return {
            "median": statistics.median(delays),
            "worst": delays[-1],
            "unseen": 100 * (1 - len(delays) / CLIENTS),
        }
