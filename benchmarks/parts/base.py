"""What a part is to the run: cases, metrics, and how one peer is measured in one case."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from benchmarks.errors import MeasurementFailed
from benchmarks.native import Backend, LoadResult, run_load
from benchmarks.peers.base import Cores, Running
from benchmarks.processes import core_ticks

MARKS = ("begin", "end")
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
    compared: bool = True  # whether ours divided by it is shown


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

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    @property
    def cases(self) -> tuple[Case, ...]: ...

    @property
    def tables(self) -> tuple[Table, ...]: ...

    @property
    def fresh(self) -> bool: ...

    @property
    def rounds(self) -> int: ...

    async def measure(self, bench: Bench, peer: Running, case: Case) -> dict[str, float]:
        """Return figures by the names of metrics. Raises MeasurementFailed."""


class Meter:
    """What was used within the measured time of a load, whose marks it observes."""

    def __init__(self, bench: Bench, peer: Running) -> None:
        self._core = bench.cores.rest
        self._group = peer.group
        self._cpu: dict[str, float] = {}
        self._ticks: dict[str, tuple[int, int]] = {}

    def __call__(self, mark: str) -> None:
        if self._group is not None:
            self._cpu[mark] = self._group.cpu_seconds()
        if self._core is not None:
            self._ticks[mark] = core_ticks(self._core)

    def figures(self, count: int) -> dict[str, float]:
        """Return `cpu`, the peer's µs for each of *count*, and `busy`, % of the load's core.

        Where the load's core is busy all the time, it and not the peer may be the limit.
        """
        found = {}
        if len(self._cpu) == len(MARKS) and count:
            found["cpu"] = (self._cpu["end"] - self._cpu["begin"]) * 1e6 / count
        if len(self._ticks) == len(MARKS):
            busy, ticks = (
                self._ticks["end"][place] - self._ticks["begin"][place] for place in (0, 1)
            )
            found["busy"] = 100 * busy / max(ticks, 1)
        return found


def check(result: LoadResult, done: int) -> None:
    """Raise MeasurementFailed where the load went wrong more than once in a hundred times."""
    if done == 0 or result.errors > max(done, result.answers) * MAX_ERROR_SHARE:
        errors = f"{result.errors} errors, " if result.errors else ""
        raise MeasurementFailed(f"{errors}{result.first_error or 'nothing came'}")
