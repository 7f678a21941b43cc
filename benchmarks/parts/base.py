"""What a part is to the run: cases, metrics, and how one peer is measured in one case."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from benchmarks.errors import MeasurementFailed
from benchmarks.native import Backend, LoadResult, run_load
from benchmarks.peers.base import Cores, Running

MAX_ERROR_SHARE = 0.01
FOREVER = 10**12  # events of a stream that only its client ends


@dataclass(frozen=True)
class Metric:
    """A figure; *added* ones are shown less what they are without a proxy in the same round."""

    name: str
    title: str
    unit: str
    better: Literal["more", "less"]
    digits: int = 0
    added: bool = False


@dataclass(frozen=True)
class Case:
    """One load. *values* are for the part that defines it."""

    name: str
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A metric in a case, as a table shows it."""

    case: str
    metric: str
    title: str


@dataclass(frozen=True)
class Table:
    """Columns that are shown side by side."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Bench:
    """The tools of a measurement. *scale* stretches all times."""

    program: Path
    backend: Backend
    cores: Cores
    scale: float

    async def load(
        self,
        mode: str,
        peer: Running,
        *,
        observe: Callable[[str], None] = lambda line: None,
        **options: float | str,
    ) -> LoadResult:
        """Run the load generator against a peer; `seconds` are stretched. Raises MeasurementFailed."""
        if "seconds" in options:
            options["seconds"] = float(options["seconds"]) * self.scale
        return await run_load(
            self.program, mode, peer.target, core=self.cores.rest, observe=observe, **options
        )


Restart = Callable[[], Awaitable[Running]]


class Part(Protocol):
    """A part. *fresh*: each measurement is of a peer just started; *rounds*: 0 for as many as asked."""

    name: str
    metrics: tuple[Metric, ...]
    cases: tuple[Case, ...]
    tables: tuple[Table, ...]
    fresh: bool
    rounds: int

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        """Return figures by the names of metrics. Raises MeasurementFailed."""


class CpuMeter:
    """The CPU time of a peer within the measured time of a load, whose marks it observes."""

    def __init__(self, peer: Running) -> None:
        self._group = peer.group
        self._at: dict[str, float] = {}

    def __call__(self, mark: str) -> None:
        if self._group is not None:
            self._at[mark] = self._group.cpu_seconds()

    def micros_per(self, count: int) -> dict[str, float]:
        """Return `cpu`: µs for each of *count*; nothing for a peer without a process."""
        if self._group is None or not count or len(self._at) < 2:
            return {}
        return {"cpu": (self._at["end"] - self._at["begin"]) * 1e6 / count}


def check(result: LoadResult, done: int) -> None:
    """Raise MeasurementFailed where the load went wrong more than once in a hundred times."""
    if done == 0 or result.errors > max(done, result.answers) * MAX_ERROR_SHARE:
        errors = f"{result.errors} errors, " if result.errors else ""
        raise MeasurementFailed(f"{errors}{result.first_error or 'nothing came'}")
