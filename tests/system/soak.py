"""Streams on one Gateway while others come and go: `python -m tests.system.soak --seconds 60 --streams 200 --seed 1`.

With `--leaving 0.1` a tenth of the clients leave in the middle of their streams and come back, with `--restart-engines`
the engines are killed one after the other: only the streams that ran on them may end early, and must say so.

The real processes: the sandbox, and a router whose way to the API server is counted. Everything runs twice: briefly, so
that what a router sets up once is there, then for as long as was asked. What the router holds after either is compared.
Prints a table of figures, then what is wrong, and exits with 0 or 1.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trio
from tests.support.api_proxy import ApiProxy, open_api_proxy
from tests.support.churn import (
    CHANGED,
    GATEWAYS,
    ROUTES,
    Api,
    Churn,
    gateway_document,
    models_of,
    open_api,
    route_document,
)
from tests.support.crowd import Crowd, Losses, Reaper
from tests.support.observed_router import Inventory, take_inventory
from tests.support.oracle import Gateway, Listener
from tests.support.process_figures import ProcessFigures, figures_of
from tests.support.stack import Router, free_ports, open_router, open_stack
from tests.support.traffic import (
    Client,
    Tally,
    answer_at,
    ask_for_ever,
    wait_until_served,
)
from tests.support.workloads import deploy

CONSTANT = "constant"  # the Gateway that nobody touches, its route and its model
ENGINES = 4  # of the Gateway that nobody touches
ASKERS = 8
PORTS = 6
CONVERGED_SECONDS = 5.0
QUIET_SECONDS = 5.0  # longer than the pauses in which the router closes idle connections
SETTLE_SECONDS = 30.0
MEMORY_ALLOWANCE_MEBIBYTES = 8.0
# trio forgets deadlines in batches of a thousand, and what is seen first becomes a series of the metrics.
OBJECTS_ALLOWANCE = 3000
API_REQUESTS_PER_SECOND = 10
# Of CPU: the longest are full collections of garbage, which look at every stream.
LONGEST_STEP_SECONDS = 0.25
STEP_SECONDS_FOR_EACH_STREAM = 0.0001
MOST_HELD_UP_SECONDS = 2.0  # by a machine that is busy otherwise: nothing can be said then
MOST_FAULTS = 20  # that are shown of one kind


@dataclass(frozen=True)
class Plan:
    seconds: float = 60.0
    streams: int = 200
    seed: int = 1
    warm_up: float = 10.0
    token_pause: float = 0.25
    leaving: float = 0.0
    restart_engines: bool = False


@dataclass
class Report:
    """The figures, and what is wrong with them."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        width = max(len(name) for name, _ in self.lines)
        table = [f"{name:<{width}}  {value}" for name, value in self.lines]
        return "\n".join([*table, *(f"FAULT: {one}" for one in self.faults)])

    def say(self, name: str, value: str) -> None:
        self.lines.append((name, value))

    def require(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)


@dataclass
class Seen:
    """What was seen in one run: by the clients, and of the router, once a second.

    *held_up*: for how many seconds the clients themselves could not run, at the most.
    """

    streams: Tally = field(default_factory=Tally)
    questions: Tally = field(default_factory=Tally)
    losses: Losses = field(default_factory=Losses)
    figures: list[ProcessFigures] = field(default_factory=list)
    held_up: float = 0.0


@dataclass(frozen=True)
class Held:
    """What a router holds; *in_flight* is what its gauges say of it."""

    figures: ProcessFigures
    inventory: Inventory
    in_flight: Counter[str]


@dataclass(frozen=True)
class Ground:
    """The processes; *api* is the address of the API server, *inventory* where the router tells what lives in it."""

    api: str
    proxy: ApiProxy
    router: Router
    inventory: Path
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """What a soak plays on."""

    plan: Plan
    ground: Ground
    churn: Churn
    report: Report

    async def run_for(self, seconds: float, seen: Seen) -> None:
        """Let clients and changes loose; return when all has ended and is deleted."""
        plan, dice = self.plan, self.churn.dice
        stop = trio.Event()
        streams, questions = seen.streams, seen.questions
        port = self.churn.constant.listeners[0].port
        crowd = Crowd(port, CONSTANT, plan.token_pause, plan.leaving, streams, seen.losses)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.run, plan.streams, random.Random(dice.random()), stop)
            if plan.restart_engines:
                reaper = Reaper(self.churn.api, CONSTANT, dice, seen.losses)
                nursery.start_soon(reaper.run, stop)
            for _ in range(ASKERS):
                one = random.Random(dice.random())
                nursery.start_soon(ask_for_ever, self.churn, one, questions, stop)
            nursery.start_soon(self.churn.run, stop)
            await self._watch(seconds, seen)
            stop.set()
        for faults in (streams.faults, questions.faults, seen.losses.faults()):
            self.report.faults += faults[:MOST_FAULTS]  # they come by the thousand

    async def _watch(self, seconds: float, seen: Seen) -> None:
        last = trio.current_time()
        end = last + seconds
        while (now := trio.current_time()) < end:
            seen.held_up = max(seen.held_up, now - last - 1)
            last = now
            seen.figures.append(figures_of(self.ground.router.pid))
            await trio.sleep(1)

    async def converge(self) -> float:
        """Return the seconds until every port and host answers as the newest configuration says."""
        began = trio.current_time()
        wanted = self.churn.expected()
        while True:
            found: dict[tuple[int, str], str] = {}
            async with trio.open_nursery() as nursery:
                for place in wanted:
                    nursery.start_soon(self._look, place, found)
            took = trio.current_time() - began
            if found == wanted or took > CONVERGED_SECONDS:
                self.report.faults += [
                    f"in the end {place} answers {found[place]}, not {right}"
                    for place, right in wanted.items()
                    if found[place] != right
                ]
                return took

    async def _look(self, place: tuple[int, str], found: dict[tuple[int, str], str]) -> None:
        client = Client(self.churn.dice)
        found[place] = await answer_at(client, place)
        client.close()

    async def clear(self) -> Held:
        """Delete all that changes, and return what the router holds when it has become quiet."""
        await self.churn.delete_all()
        end = trio.current_time() + SETTLE_SECONDS
        since, descriptors = trio.current_time(), -1
        while (now := trio.current_time()) < min(since + QUIET_SECONDS, end):
            await trio.sleep(0.2)
            if (found := figures_of(self.ground.router.pid).descriptors) != descriptors:
                since, descriptors = now, found
        inventory = take_inventory(self.ground.inventory)  # collects garbage first
        figures = figures_of(
            self.ground.router.pid
        )  # before a connection is made to ask for metrics
        in_flight = await trio.to_thread.run_sync(self.ground.router.in_flight)
        return Held(figures, inventory, in_flight)


def soak(plan: Plan) -> Report:
    """Start everything, play, end everything."""
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        sandbox = stack.enter_context(open_stack(folder, "--no-router"))
        proxy, kubeconfig = stack.enter_context(open_api_proxy(sandbox.kubeconfig))
        inventory = folder / "inventory"
        port, *ports = free_ports(1 + PORTS)
        program = ("tests.support.observed_router", str(inventory))
        router = stack.enter_context(open_router(folder, kubeconfig, port, program=program))
        trio.run(play, plan, Ground(sandbox.api, proxy, router, inventory, tuple(ports)), report)
        router.terminate()
        report.require(router.wait() == 0, "the router did not exit with 0")
        check_log(router.log, report)
    return report


async def play(plan: Plan, ground: Ground, report: Report) -> None:
    """Warm up, play for the time of the plan, and compare."""
    router = ground.router
    async with open_api(ground.api) as api:
        constant = await set_up(api, ground.ports[0], plan)
        churn = Churn(api, random.Random(plan.seed), ground.ports, constant)
        stage = Stage(plan, ground, churn, report)
        warm_up, seen = Seen(), Seen()
        await stage.run_for(plan.warm_up, warm_up)
        before = await stage.clear()
        churn.done.clear()
        began, used = time.monotonic(), figures_of(router.pid).cpu_seconds
        await stage.run_for(plan.seconds, seen)
        took = time.monotonic() - began
        used = figures_of(router.pid).cpu_seconds - used
        converged = await stage.converge()
        after = await stage.clear()
    tell_hold_ups(max(warm_up.held_up, seen.held_up), report)
    tell_traffic(plan, seen, report)
    report.say(
        "changes",
        f"{churn.done.total()}: {_listed(churn.done)}; in force {converged:.2f} s after the last",
    )
    report.require(converged < CONVERGED_SECONDS, f"not in force after {CONVERGED_SECONDS} s")
    tell_costs(used / took, requests_to_the_api(ground.proxy, began, began + took), report)
    compare(before, seen, after, plan, report)


async def set_up(api: Api, port: int, plan: Plan) -> Gateway:
    """Create engines, and the Gateway that stays; return when it serves."""
    pace = ("--inter-token-latency", f"{plan.token_pause}s", "--max-num-seqs", str(plan.streams))
    await deploy(api, CONSTANT, [CONSTANT], replicas=ENGINES, arguments=pace)
    models = [model for gateway in CHANGED for model in models_of(gateway)]
    await deploy(api, "changed", models, replicas=2, arguments=("--inter-token-latency", "30ms"))
    listeners = (Listener(port, ""),)
    document = await api.create(GATEWAYS, gateway_document(CONSTANT, listeners))
    await api.create(ROUTES, route_document(CONSTANT, CONSTANT, CONSTANT))
    await wait_until_served(port, CONSTANT)
    return Gateway(CONSTANT, document["metadata"]["creationTimestamp"], listeners)


def tell_hold_ups(seconds: float, report: Report) -> None:
    report.say("clients", f"held up for {seconds:.2f} s at most")
    report.require(seconds < MOST_HELD_UP_SECONDS, "the machine had no time for this")


def tell_traffic(plan: Plan, seen: Seen, report: Report) -> None:
    streams, questions, losses = seen.streams, seen.questions, seen.losses
    pauses = sorted(streams.pauses)
    longest, usual = pauses[-1], pauses[len(pauses) * 99 // 100]
    report.say(
        "untouched Gateway",
        f"{streams.answers.total()} streams: {_listed(streams.answers)}; {streams.events} events, "
        f"{len(streams.faults)} faults; longest pause between events {longest:.2f} s, "
        f"99th percentile {usual:.2f} s ({plan.token_pause} s by the engine)",
    )
    report.say(
        "killed engines",
        f"{len(losses.kills)}, on which {sum(one.running for one in losses.kills)} streams ran; "
        f"{len(losses.lost)} were cut and say so, {len(losses.refused)} answered with an error",
    )
    report.say(
        "changed Gateways",
        f"{questions.answers.total()} answers: {_listed(questions.answers)}; {len(questions.faults)} faults; "
        f"{questions.exact} had one right answer only",
    )


def requests_to_the_api(proxy: ApiProxy, since: float, until: float) -> tuple[float, int]:
    """Return how many the router made per second, and the most within any one second."""
    count = sum(since <= one.at <= until for one in proxy.noted)
    return count / (until - since), proxy.busiest_second(since, until)


def tell_costs(cpu: float, rates: tuple[float, int], report: Report) -> None:
    report.say("router's CPU", f"{cpu:.0%} of a core")
    mean, most = rates
    report.say("requests to the API", f"{mean:.1f} per second, at most {most} within a second")
    report.require(most < API_REQUESTS_PER_SECOND, f"{most} requests to the API within a second")


def compare(before: Held, seen: Seen, after: Held, plan: Plan, report: Report) -> None:
    """Require that the router holds what it held before."""
    for name in ("descriptors", "sockets", "threads"):
        was, now = (getattr(one, name) for one in (before.figures, after.figures))
        most = max(getattr(one, name) for one in seen.figures)
        report.say(name, f"{was} before, {now} after, {most} in between")
        report.require(now <= was, f"{now} {name}, {was} before")
    was, now = before.in_flight, after.in_flight
    report.say("in flight", f"{was.total()} before, {now.total()} after, by {len(now)} gauges")
    report.require(not now.total(), f"requests are left over: {_listed(now)}")
    was, now = before.inventory.tasks, after.inventory.tasks
    report.say("tasks", f"{sum(was.values())} before, {sum(now.values())} after")
    for name, count in (Counter(now) - Counter(was)).items():
        report.require(False, f"{count} tasks {name} are left over")
    was, now = before.inventory.objects, after.inventory.objects
    report.say(
        "objects",
        f"{sum(was.values())} before, {sum(now.values())} after; {_listed(Counter(now) - Counter(was))}",
    )
    report.require(
        sum(now.values()) <= sum(was.values()) + OBJECTS_ALLOWANCE, "objects are left over"
    )
    step, task = after.inventory.longest_step
    report.say("longest step", f"{step * 1000:.0f} ms of CPU in {task}")
    longest = LONGEST_STEP_SECONDS + plan.streams * STEP_SECONDS_FOR_EACH_STREAM
    report.require(step < longest, "a task has held all others for too long")
    was, now = (one.figures.resident_mebibytes for one in (before, after))
    between = [one.resident_mebibytes for one in seen.figures]
    parts = [max(between[i * len(between) // 5 :][: len(between) // 5 + 1]) for i in range(5)]
    trend = ", ".join(f"{one:.1f}" for one in parts)
    report.say("memory", f"{was:.1f} MiB before, {now:.1f} after; in between, by fifths, {trend}")
    report.require(now <= was + MEMORY_ALLOWANCE_MEBIBYTES, "memory has grown")


def check_log(log: str, report: Report) -> None:
    lines = log.splitlines()
    warnings = [line for line in lines if " WARNING " in line]
    report.say("router's log", f"{len(lines)} lines, {len(warnings)} warnings")
    for line in lines:
        report.require(" ERROR " not in line and "Traceback" not in line, f"router's log: {line}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(8))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="after warming up")
    parser.add_argument("--streams", type=int, default=200, help="at the same time")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds")
    parser.add_argument(
        "--token-pause", type=float, default=0.25, help="of the engines, in seconds"
    )
    parser.add_argument("--leaving", type=float, default=0.0, help="share of clients that leave")
    parser.add_argument("--restart-engines", action="store_true", help="kill one after the other")
    report = soak(Plan(**vars(parser.parse_args())))
    print(report.text)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
