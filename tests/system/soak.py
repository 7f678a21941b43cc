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
from contextlib import ExitStack
from dataclasses import dataclass
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
from tests.support.crowd import Crowd, Reaper
from tests.support.observed_router import take_inventory
from tests.support.oracle import Gateway, Listener
from tests.support.process_figures import figures_of
from tests.support.soak_report import (
    Held,
    Report,
    Seen,
    check_log,
    compare,
    listed,
    tell_costs,
    tell_hold_ups,
    tell_traffic,
)
from tests.support.stack import Router, free_ports, open_router, open_stack
from tests.support.traffic import Client, answer_at, ask_for_ever, wait_until_served
from tests.support.workloads import deploy

CONSTANT = "constant"  # the Gateway that nobody touches, its route and its model
ENGINES = 4  # of the Gateway that nobody touches
ASKERS = 8
PORTS = 6
CONVERGED_SECONDS = 5.0
QUIET_SECONDS = 5.0  # longer than the pauses in which the router closes idle connections
SETTLE_SECONDS = 30.0
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
    tell_traffic(seen, plan.token_pause, report)
    report.say(
        "changes",
        f"{churn.done.total()}: {listed(churn.done)}; in force {converged:.2f} s after the last",
    )
    report.require(converged < CONVERGED_SECONDS, f"not in force after {CONVERGED_SECONDS} s")
    tell_costs(used / took, requests_to_the_api(ground.proxy, began, began + took), report)
    compare(before, seen, after, plan.streams, report)


async def set_up(api: Api, port: int, plan: Plan) -> Gateway:
    """Create engines, and the Gateway that stays; return when it serves, and others will be younger."""
    pace = ("--inter-token-latency", f"{plan.token_pause}s", "--max-num-seqs", str(plan.streams))
    await deploy(api, CONSTANT, [CONSTANT], replicas=ENGINES, arguments=pace)
    models = [model for gateway in CHANGED for model in models_of(gateway)]
    await deploy(api, "changed", models, replicas=2, arguments=("--inter-token-latency", "30ms"))
    listeners = (Listener(port, ""),)
    document = await api.create(GATEWAYS, gateway_document(CONSTANT, listeners))
    await api.create(ROUTES, route_document(CONSTANT, CONSTANT, CONSTANT))
    await wait_until_served(port, CONSTANT)
    # Of two that claim a port the older has it, in whole seconds, and then the first by name.
    await trio.sleep(1)
    return Gateway(CONSTANT, document["metadata"]["creationTimestamp"], listeners)


def requests_to_the_api(proxy: ApiProxy, since: float, until: float) -> tuple[float, float]:
    """Return how many the router made per second, in the mean and at the most."""
    count = sum(since <= one.at <= until for one in proxy.noted)
    return count / (until - since), proxy.highest_rate(since, until)


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
