"""One run: all peers in turn in every case and round, so that a slow minute of the machine meets all of them."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from benchmarks.errors import MeasurementFailed
from benchmarks.fleet import Fleet
from benchmarks.native import build, open_backend
from benchmarks.parts.base import Bench, Case, Part
from benchmarks.peers.base import Cores, Kit, Peer, Surroundings
from benchmarks.peers.ours import ENDPOINTS
from benchmarks.progress import Progress
from benchmarks.results import Failure, Results, Sample

_SETTLE_SECONDS = 1.0
_LARGE = 1 << 20


@dataclass(frozen=True)
class Plan:
    """What to do. *scale* stretches the time of each measurement."""

    parts: tuple[Part, ...]
    peers: tuple[Peer, ...]
    rounds: int
    scale: float
    pinned: bool

    def rounds_of(self, part: Part) -> int:
        """Return how often a part is taken."""
        return part.rounds or self.rounds

    def steps(self) -> int:
        """Return how many measurements there are at most."""
        cases = sum(len(part.cases) * self.rounds_of(part) for part in self.parts)
        return cases * len(self.peers)


def choose_cores(pinned: bool) -> Cores:
    """Return the router's core and the one for all else; none where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[0], cores[1]) if pinned and len(cores) > 1 else Cores(None, None)


class Run:
    """The measurements of a plan, one after the other."""

    def __init__(
        self, plan: Plan, results: Results, bench: Bench, fleet: Fleet, progress: Progress
    ) -> None:
        self._plan = plan
        self._results = results
        self._bench = bench
        self._fleet = fleet
        self._progress = progress

    async def take(self, part: Part) -> None:
        """Take a part: case by case, round by round, peer by peer."""
        if part.fresh:
            await self._fleet.stop_all(self._plan.peers)
        else:
            await self._fleet.start_all(self._plan.peers)
        for peer in self._plan.peers:
            if part.name in peer.leaves_out:
                self._results.failures.append(Failure(peer.name, peer.why, part.name))
        for case in part.cases:
            for number in range(self._plan.rounds_of(part)):
                for peer in self._plan.peers:
                    await self._measure(part, case, number, peer)

    async def _measure(self, part: Part, case: Case, number: int, peer: Peer) -> None:
        self._progress.step(part.name, f"{case.name}, round {number + 1}, {peer.name}")
        if part.name in peer.leaves_out:
            return
        running = await self._fleet.get(peer)
        if running is None:
            return
        if part.fresh:
            await trio.sleep(_SETTLE_SECONDS)
        try:
            figures = await part.measure(self._bench, running, case)
        except MeasurementFailed as error:
            self._fail(part, case, peer, str(error))
            figures = error.figures
        if figures:
            sample = Sample(part.name, case.name, peer.name, number, figures)
            self._results.samples.append(sample)
        if part.fresh:
            await self._fleet.stop(peer)
        elif running.group is not None:
            # A slow one goes on with what its clients have given up, on the core that the next one is measured on.
            await running.group.rest()

    def _fail(self, part: Part, case: Case, peer: Peer, reason: str) -> None:
        failure = Failure(peer.name, reason, part.name, case.name)
        if failure not in self._results.failures:
            self._results.failures.append(failure)
            self._progress.tell(f"{peer.name}, {part.name}, {case.name}: {reason}")


def _drop_large_files(folder: Path) -> None:
    """Access logs of a run are large, and nobody reads them."""
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_size > _LARGE:
            path.unlink()


async def _end_at_sigterm(scope: trio.CancelScope) -> None:
    """End in order, as at Ctrl-C: a peer's own children would outlive us otherwise."""
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def execute(plan: Plan, kit: Kit, results: Results, done: Callable[[Part], None]) -> bool:
    """Carry a plan out, tell of each part when it is *done*, and return False where SIGTERM came first.

    What was measured is in *results*, also where the run is broken off. Raises BenchmarkError.
    """
    cores = choose_cores(plan.pinned)
    if cores.rest is not None:
        os.sched_setaffinity(0, {cores.rest})
    program = build(kit.cache)
    folder = kit.cache / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    complete = False
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        nursery.start_soon(_end_at_sigterm, nursery.cancel_scope)
        stack.callback(_drop_large_files, folder)
        log = folder / "backend.log"
        backend = await stack.enter_async_context(open_backend(program, ENDPOINTS, cores.rest, log))
        progress = Progress(plan.steps())
        fleet = Fleet(Surroundings(kit, backend, cores, folder), results, progress.tell)
        stack.push_async_callback(fleet.stop_all, plan.peers)
        run = Run(plan, results, Bench(program, backend, cores, plan.scale), fleet, progress)
        for part in plan.parts:
            await run.take(part)
            progress.clear()
            done(part)
        complete = True
        nursery.cancel_scope.cancel()
    return complete
