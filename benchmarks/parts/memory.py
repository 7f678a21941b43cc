"""Memory: at the start, with many streams, and with clients that take little of what is there for them."""

from dataclasses import dataclass

import trio

from benchmarks.errors import MeasurementFailed
from benchmarks.parts.base import FOREVER, Bench, Case, Column, Metric, Table, check
from benchmarks.parts.streams import EVENT_BYTES
from benchmarks.peers.base import Running
from benchmarks.processes import Group

MIB = 1024 * 1024
FEW, MANY = 500, 2000
_SAMPLE_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0  # until all streams have begun
LIMIT = 4 * 1024 * MIB  # what one peer may take before it is ended


def _group(peer: Running) -> Group:
    if peer.group is None:
        raise MeasurementFailed("there is no process to weigh")
    return peer.group


@dataclass(frozen=True)
class Memory:
    """A peer just started, then 500 streams, then 2,000, with an event every 500 ms."""

    name: str = "memory"
    metrics: tuple[Metric, ...] = (
        Metric("start", "memory at the start", "MiB", "less", 1),
        Metric("few", f"memory with {FEW} streams", "MiB", "less", 1),
        Metric("many", f"memory with {MANY} streams", "MiB", "less", 1),
        Metric("further", "memory for each further stream", "KiB", "less", 1),
    )
    cases: tuple[Case, ...] = (Case("paced"),)
    tables: tuple[Table, ...] = (
        Table(
            "resident memory, MiB",
            (
                Column("paced", "start", "start"),
                Column("paced", "few", f"{FEW} streams"),
                Column("paced", "many", f"{MANY} streams"),
                Column("paced", "further", "KiB/stream"),
            ),
        ),
    )
    fresh: bool = True
    rounds: int = 1

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        group = _group(peer)
        await bench.backend.set(interval_us=500_000, events=FOREVER, event_bytes=EVENT_BYTES)
        figures = {"start": group.resident_bytes() / MIB}
        for name, count in (("few", FEW), ("many", MANY)):
            weighed: list[int] = []

            def weigh(mark: str, weighed: list[int] = weighed) -> None:
                if mark == "end":
                    weighed.append(group.resident_bytes())

            result = await bench.load(
                "streams",
                peer,
                observe=weigh,
                seconds=1.0,
                warmup=0.5,
                patience=_PATIENCE_SECONDS,
                ramp=2000,
                connections=count,
            )
            if result.streaming < count:
                reason = result.first_error or "the others wait"
                raise MeasurementFailed(
                    f"only {result.streaming} of {count} streams run: {reason}", figures
                )
            figures[name] = weighed[0] / MIB
        figures["further"] = (figures["many"] - figures["few"]) / (MANY - FEW) * 1024
        return figures


@dataclass(frozen=True)
class SlowReaders:
    """64 clients that take 1 KB a second from streams that could give all they want."""

    name: str = "slow"
    metrics: tuple[Metric, ...] = (
        Metric("before", "memory before slow readers", "MiB", "less", 1),
        Metric("growth", "growth with slow readers", "MiB", "less", 1),
    )
    cases: tuple[Case, ...] = (Case("64 clients"),)
    tables: tuple[Table, ...] = (
        Table(
            "64 clients that read 1 KB/s, memory in MiB",
            (Column("64 clients", "before", "before"), Column("64 clients", "growth", "growth")),
        ),
    )
    fresh: bool = True
    rounds: int = 1

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        group = _group(peer)
        await bench.backend.set(interval_us=0, events=FOREVER, event_bytes=EVENT_BYTES)
        before = group.resident_bytes()
        watch = _Watch(group, before)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            result = await bench.load("slow", peer, seconds=3.5, connections=64, rate=1024)
            nursery.cancel_scope.cancel()
        if watch.peak > LIMIT:
            raise MeasurementFailed(f"ended at {watch.peak // MIB} MiB")
        check(result, result.bytes)
        return {"before": before / MIB, "growth": (watch.peak - before) / MIB}


@dataclass
class _Watch:
    """Follows the memory of a group, and ends it before it takes all there is."""

    group: Group
    peak: int

    async def run(self) -> None:
        while self.peak <= LIMIT:
            self.peak = max(self.peak, self.group.resident_bytes())
            await trio.sleep(_SAMPLE_SECONDS)
        await self.group.stop()
