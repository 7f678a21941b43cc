"""Plain requests as fast as they go: 32 and 128 clients, bodies of 300 bytes, 2 KB and 100 KB."""

from dataclasses import dataclass

from benchmarks.parts.base import Bench, Case, Column, Meter, Metric, Table, check
from benchmarks.peers.base import Running

SIZES = {"300 B": 300, "2 KB": 2048, "100 KB": 102400}
CONNECTIONS = (32, 128)


def _case(connections: int, size: str) -> Case:
    values = {"connections": connections, "body_bytes": SIZES[size]}
    return Case(f"{connections} x {size}", values)


def _table(connections: int, metric: str, title: str) -> Table:
    columns = tuple(Column(f"{connections} x {size}", metric, size) for size in SIZES)
    return Table(f"{title}, {connections} connections", columns)


@dataclass(frozen=True)
class Requests:
    name: str = "requests"
    metrics: tuple[Metric, ...] = (
        Metric("rate", "requests/s", "/s", "more"),
        Metric("cpu", "CPU per request", "µs", "less", 1),
        Metric("p50", "latency, median", "µs", "less"),
        Metric("p99", "latency, 99th percentile", "µs", "less"),
    )
    cases: tuple[Case, ...] = tuple(_case(count, size) for count in CONNECTIONS for size in SIZES)
    tables: tuple[Table, ...] = (
        _table(32, "rate", "requests/s"),
        _table(128, "rate", "requests/s"),
        _table(32, "cpu", "CPU µs per request"),
    )
    fresh: bool = False
    rounds: int = 0

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        await bench.backend.set(answer_bytes=512)
        meter = Meter(bench, peer)
        result = await bench.load(
            "requests", peer, observe=meter, seconds=0.4, warmup=0.1, **case.values
        )
        check(result, result.answers)
        figures = {"rate": result.answers / result.seconds}
        figures |= {"p50": result.latency.p50, "p99": result.latency.p99}
        return figures | meter.figures(result.answers)
