"""The figures of a soak as a table, and what is wrong with them."""

from collections import Counter
from dataclasses import dataclass, field

from tests.support.crowd import Losses
from tests.support.observed_router import Inventory
from tests.support.process_figures import ProcessFigures
from tests.support.traffic import Tally

# What lies free between the blocks: it grows for some minutes (57,000 streams of 300 clients: by 10 MiB in four, then not at
# all), and with many clients by more. The blocks tell whether anything is left over.
MEMORY_ALLOWANCE_MEBIBYTES = 16.0
MEBIBYTES_FOR_EACH_STREAM = 0.004
BLOCKS_ALLOWANCE = 20_000
# trio forgets deadlines in batches of a thousand, and what is seen first becomes a series of the metrics.
OBJECTS_ALLOWANCE = 3000
API_REQUESTS_PER_SECOND = 10
# Of CPU: the longest are full collections of garbage, which look at every stream.
LONGEST_STEP_SECONDS = 0.25
STEP_SECONDS_FOR_EACH_STREAM = 0.0001
MOST_HELD_UP_SECONDS = 2.0  # by a machine that is busy otherwise: nothing can be said then
HELD_UP = "the machine had no time for this"


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


def tell_hold_ups(seconds: float, report: Report) -> None:
    """Say for how long the clients could not run, at the most."""
    report.say("clients", f"held up for {seconds:.2f} s at most")
    report.require(seconds < MOST_HELD_UP_SECONDS, HELD_UP)


def tell_traffic(seen: Seen, token_pause: float, report: Report) -> None:
    """Say what the clients saw."""
    streams, questions, losses = seen.streams, seen.questions, seen.losses
    pauses = sorted(streams.pauses)
    longest, usual = pauses[-1], pauses[len(pauses) * 99 // 100]
    report.say(
        "untouched Gateway",
        f"{streams.answers.total()} streams: {listed(streams.answers)}; {streams.events} events, "
        f"{len(streams.faults)} faults; longest pause between events {longest:.2f} s, "
        f"99th percentile {usual:.2f} s ({token_pause} s by the engine)",
    )
    report.say(
        "killed engines",
        f"{len(losses.kills)}, on which {sum(one.running for one in losses.kills)} streams ran; "
        f"{len(losses.lost)} were cut and say so, {len(losses.refused)} answered with an error",
    )
    report.say(
        "changed Gateways",
        f"{questions.answers.total()} answers: {listed(questions.answers)}; {len(questions.faults)} faults; "
        f"{questions.exact} had one right answer only",
    )


def tell_costs(cpu: float, rates: tuple[float, float], report: Report) -> None:
    """Say what the router used; *rates*: of its requests to the API, in the mean and at the most."""
    report.say("router's CPU", f"{cpu:.0%} of a core")
    mean, most = rates
    report.say("requests to the API", f"{mean:.1f} per second, at most {most:.1f}")
    report.require(most < API_REQUESTS_PER_SECOND, f"{most:.1f} requests to the API per second")


def compare(before: Held, seen: Seen, after: Held, streams: int, report: Report) -> None:
    """Require that the router holds what it held before."""
    for name in ("descriptors", "sockets", "threads"):
        was, now = (getattr(one, name) for one in (before.figures, after.figures))
        most = max(getattr(one, name) for one in seen.figures)
        report.say(name, f"{was} before, {now} after, {most} in between")
        report.require(now <= was, f"{now} {name}, {was} before")
    was, now = before.in_flight, after.in_flight
    report.say("in flight", f"{was.total()} before, {now.total()} after, by {len(now)} gauges")
    report.require(not now.total(), f"requests are left over: {listed(now)}")
    was, now = before.inventory.tasks, after.inventory.tasks
    report.say("tasks", f"{sum(was.values())} before, {sum(now.values())} after")
    for name, count in (Counter(now) - Counter(was)).items():
        report.require(False, f"{count} tasks {name} are left over")
    was, now = before.inventory.objects, after.inventory.objects
    report.say(
        "objects",
        f"{sum(was.values())} before, {sum(now.values())} after; {listed(Counter(now) - Counter(was))}",
    )
    report.require(
        sum(now.values()) <= sum(was.values()) + OBJECTS_ALLOWANCE, "objects are left over"
    )
    was, now = before.inventory.blocks, after.inventory.blocks
    report.say("blocks of memory", f"{was} before, {now} after")
    report.require(now <= was + BLOCKS_ALLOWANCE, "memory is left over")
    step, task = after.inventory.longest_step
    report.say("longest step", f"{step * 1000:.0f} ms of CPU in {task}")
    longest = LONGEST_STEP_SECONDS + streams * STEP_SECONDS_FOR_EACH_STREAM
    report.require(step < longest, "a task has held all others for too long")
    was, now = (one.figures.resident_mebibytes for one in (before, after))
    between = [one.resident_mebibytes for one in seen.figures]
    parts = [max(between[i * len(between) // 5 :][: len(between) // 5 + 1]) for i in range(5)]
    trend = ", ".join(f"{one:.1f}" for one in parts)
    report.say("memory", f"{was:.1f} MiB before, {now:.1f} after; in between, by fifths, {trend}")
    allowance = MEMORY_ALLOWANCE_MEBIBYTES + streams * MEBIBYTES_FOR_EACH_STREAM
    report.require(now <= was + allowance, "memory has grown")


def check_log(log: str, report: Report) -> None:
    """Require that the router has logged no error."""
    lines = log.splitlines()
    warnings = [line for line in lines if " WARNING " in line]
    report.say("router's log", f"{len(lines)} lines, {len(warnings)} warnings")
    for line in lines:
        report.require(" ERROR " not in line and "Traceback" not in line, f"router's log: {line}")


def listed(counts: Counter[str]) -> str:
    """Return the largest counts with their names."""
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(8))
