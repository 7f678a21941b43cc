"""Streams: as fast as they go, at a fixed pace, and the time to the first event."""

from dataclasses import dataclass

from benchmarks.native import LoadResult
from benchmarks.parts.base import FOREVER, Bench, Case, Column, Meter, Metric, Table, check
from benchmarks.peers.base import Running

EVENT_BYTES = 256


def _batching(result: LoadResult) -> float:
    return result.events / max(result.reads, 1)


@dataclass(frozen=True)
class Streams:
    """64 streams whose events come as fast as they are taken."""

    name: str = "streams"
    metrics: tuple[Metric, ...] = (
        Metric("rate", "events/s", "/s", "more"),
        Metric("cpu", "CPU per event", "µs", "less", 1),
        Metric("batch", "events per read of the client", "", "less", 2),
    )
    cases: tuple[Case, ...] = (Case("64 unpaced"),)
    tables: tuple[Table, ...] = (
        Table(
            "64 streams, unpaced",
            (
                Column("64 unpaced", "rate", "events/s"),
                Column("64 unpaced", "cpu", "CPU µs/event"),
                Column("64 unpaced", "batch", "events/read", compared=False),
            ),
        ),
    )
    fresh: bool = False
    rounds: int = 0

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        await bench.backend.set(interval_us=0, events=FOREVER, event_bytes=EVENT_BYTES)
        meter = Meter(bench, peer)
        result = await bench.load(
            "streams", peer, observe=meter, seconds=0.8, warmup=0.2, connections=64
        )
        check(result, result.events)
        figures = {"rate": result.events / result.seconds, "batch": _batching(result)}
        return figures | meter.figures(result.events)


def _paced_table(case: str, title: str) -> Table:
    return Table(
        title,
        (
            Column(case, "cpu", "CPU µs/event"),
            Column(case, "gap_p99", "gap p99, ms"),
            Column(case, "gap_p999", "p99.9, ms"),
            Column(case, "batch", "events/read", compared=False),
            Column(case, "delivered", "delivered, %", compared=False),
        ),
    )


@dataclass(frozen=True)
class Paced:
    """A fixed load that all can carry: what an event costs, and how evenly events come through."""

    name: str = "paced"
    metrics: tuple[Metric, ...] = (
        Metric("cpu", "CPU per event", "µs", "less", 1),
        Metric("gap_p99", "gap between events, 99th percentile", "ms", "less", 2),
        Metric("gap_p999", "gap between events, 99.9th percentile", "ms", "less", 2),
        Metric("delay_p50", "delay of an event, median", "µs", "less", added=True),
        Metric("delay_p99", "delay of an event, 99th percentile", "µs", "less", added=True),
        Metric("batch", "events per read of the client", "", "less", 2),
        Metric("delivered", "share of the events offered", "%", "more"),
    )
    cases: tuple[Case, ...] = (
        Case("64 x 2 ms", {"connections": 64, "interval_us": 2_000, "ms": 800}),
        Case("500 x 100 ms", {"connections": 500, "interval_us": 100_000, "ms": 1300}),
    )
    tables: tuple[Table, ...] = (
        _paced_table("64 x 2 ms", "64 streams, an event every 2 ms"),
        _paced_table("500 x 100 ms", "500 streams, an event every 100 ms"),
    )
    fresh: bool = False
    rounds: int = 0

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        connections, interval_us = case.values["connections"], case.values["interval_us"]
        await bench.backend.set(interval_us=interval_us, events=FOREVER, event_bytes=EVENT_BYTES)
        meter = Meter(bench, peer)
        result = await bench.load(
            "streams",
            peer,
            observe=meter,
            seconds=case.values["ms"] / 1000,
            warmup=0.3,
            connections=connections,
        )
        check(result, result.events)
        offered = connections * result.seconds * 1e6 / interval_us
        figures = {
            "gap_p99": result.gap.p99 / 1000,
            "gap_p999": result.gap.p999 / 1000,
            "delay_p50": result.delay.p50,
            "delay_p99": result.delay.p99,
            "batch": _batching(result),
            "delivered": 100 * result.events / offered,
        }
        return figures | meter.figures(result.events)


@dataclass(frozen=True)
class FirstEvent:
    """Time to the first event at low load: four clients with short streams."""

    name: str = "ttft"
    metrics: tuple[Metric, ...] = (
        Metric("p50", "added time to first event, median", "µs", "less", added=True),
        Metric("p99", "added time to first event, 99th percentile", "µs", "less", added=True),
    )
    cases: tuple[Case, ...] = (Case("4 clients"),)
    tables: tuple[Table, ...] = (
        Table(
            "added time to the first event, 4 clients",
            (Column("4 clients", "p50", "median, µs"), Column("4 clients", "p99", "p99, µs")),
        ),
    )
    fresh: bool = False
    rounds: int = 0

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        await bench.backend.set(interval_us=2_000, events=4, event_bytes=EVENT_BYTES)
        result = await bench.load("streams", peer, seconds=0.8, warmup=0.1, connections=4)
        check(result, result.answers)
        return {"p50": result.first_event.p50, "p99": result.first_event.p99}
