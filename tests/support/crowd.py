"""A crowd of streams that does not stay: clients leave in the middle and come back, and engines die under the others."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio
from tests.support.churn import DEPLOYMENTS, Api
from tests.support.http_client import Broken, Reply
from tests.support.traffic import Client, Tally, events_of, question, stream_fault
from tests.support.workloads import PODS, READY_SECONDS, Engines

TOKENS = (8, 20)  # of a stream, at least and at most
AWAY_SECONDS = 3.0  # of a client that has left, at most
HANG_SECONDS = 15.0  # without a sign of life: nothing here takes as long
NOTICED_SECONDS = 3.0  # from the end of an engine until all of its clients have been told
BETWEEN_KILLS_SECONDS = 6.0  # in the mean
GRACES = (0, 2)  # seconds: killed at once, or drained for as long
ENGINE_PORT = 8000
JUST_BEGUN = 10  # streams that an engine may have got between being counted and being dead


@dataclass(frozen=True)
class Kill:
    """The end of one engine, from the order until nothing of it was left; times are trio's."""

    since: float
    until: float
    running: int  # requests, when the order was given


@dataclass
class Losses:
    """The engines that were killed, and when clients saw that streams ended with them.

    *lost* broke off in the middle, *refused* were answered with an error in place of a stream.
    """

    kills: list[Kill] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Return the losses that no kill explains: none at another time, and no more than ran on the engines."""
        strange = sorted(
            at
            for at in (*self.lost, *self.refused)
            if not any(one.since <= at <= one.until + NOTICED_SECONDS for one in self.kills)
        )
        found = []
        if strange:
            kills = ", ".join(f"{one.since:.2f} to {one.until:.2f} s" for one in self.kills)
            found.append(
                f"from {strange[0]:.2f} to {strange[-1]:.2f} s {len(strange)} streams were lost, "
                f"and engines were killed at {kills or 'no time'}"
            )
        explained = sum(one.running + JUST_BEGUN for one in self.kills)
        if (lost := len(self.lost) + len(self.refused)) > explained:
            found.append(f"{lost} streams were lost, and {explained} at most ran on dead engines")
        return found


@dataclass(frozen=True)
class Crowd:
    """Streams of *model* at *port*. *pause*: seconds between two tokens. *leaving*: the share that does not stay."""

    port: int
    model: str
    pause: float
    leaving: float
    tally: Tally
    losses: Losses

    async def run(self, count: int, dice: random.Random, stop: trio.Event) -> None:
        """Keep *count* streams going until *stop*; the last ones to their end."""
        async with trio.open_nursery() as nursery:
            for number in range(count):
                leaves = number < count * self.leaving
                nursery.start_soon(self._stream, random.Random(dice.random()), leaves, stop)

    async def _stream(self, dice: random.Random, leaves: bool, stop: trio.Event) -> None:
        client = Client(dice, patience=TOKENS[1] * self.pause + HANG_SECONDS)
        while not stop.is_set():
            length = dice.randint(*TOKENS)
            patience = dice.uniform(0, length * self.pause) if leaves else float("inf")
            with trio.move_on_after(patience) as staying:
                await self._stream_once(client, length)
            if staying.cancelled_caught:
                self.tally.answers["left"] += 1
                with trio.move_on_after(dice.uniform(0, AWAY_SECONDS)):
                    await stop.wait()
        client.close()

    async def _stream_once(self, client: Client, length: int) -> None:
        body = question(self.model, length, stream=True)
        try:
            reply = await client.ask(self.port, f"127.0.0.1:{self.port}", body)
        except Broken as broken:
            self._cut(broken)
        except (OSError, trio.TooSlowError) as error:
            self.tally.fault(f"a stream failed: {error!r}")
        else:
            self._answered(reply, length)

    def _cut(self, broken: Broken) -> None:
        """Note an answer without its end; the client has to have been told why."""
        self.losses.lost.append(trio.current_time())
        if not names_an_error(broken.body):
            self.tally.fault(f"a stream ended without a word: {broken}")

    def _answered(self, reply: Reply, length: int) -> None:
        self.tally.answers[str(reply.status)] += 1
        self.tally.pauses.append(reply.longest_pause)
        if reply.status in {502, 503} and is_error(reply.body):
            self.losses.refused.append(trio.current_time())
        elif wrong := stream_fault(reply, self.model, length):
            self.tally.fault(f"a stream: {wrong}")
        self.tally.events += length


def names_an_error(body: bytes) -> bool:
    """Return whether a stream of events ends with an error as OpenAI's API shows them."""
    *_, last = events_of(body) or [b""]
    return is_error(last)


def is_error(document: bytes) -> bool:
    """Return whether a document is an error as OpenAI's API shows them."""
    try:
        error = msgspec.json.decode(document)["error"]
        return bool(error["message"]) and bool(error["type"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return False


class Reaper:
    """Kills one engine of a Deployment after the other, and waits for its successor each time."""

    def __init__(self, api: Api, deployment: str, dice: random.Random, losses: Losses) -> None:
        self._api = api
        self._deployment = deployment
        self._dice = dice
        self._losses = losses

    async def run(self, stop: trio.Event) -> None:
        """Kill until *stop*; all engines are ready when it returns."""
        while not stop.is_set():
            with trio.move_on_after(self._dice.expovariate(1 / BETWEEN_KILLS_SECONDS)):
                await stop.wait()
                return
            await self._kill_one()

    async def _kill_one(self) -> None:
        pod = self._dice.choice(await self._ready())
        name = pod["metadata"]["name"]
        address = pod["status"]["podIP"]
        engine = Engines([address])
        running = await engine.count("running")
        await engine.aclose()
        since = trio.current_time()
        grace = self._dice.choice(GRACES)
        await self._api.delete(PODS, f"{name}?gracePeriodSeconds={grace}")
        await _until(lambda: self._is_gone(name, address))
        self._losses.kills.append(Kill(since, trio.current_time(), running))
        await _until(self._is_whole)

    async def _is_gone(self, name: str, address: str) -> bool:
        """Return whether neither the pod is left nor its engine, which may live a little longer than it."""
        if await self._api.find(f"{PODS}/{name}") is not None:
            return False
        try:
            stream = await trio.open_tcp_stream(address, ENGINE_PORT)
        except OSError:
            return True
        await stream.aclose()
        return False

    async def _is_whole(self) -> bool:
        wanted = await self._api.read(f"{DEPLOYMENTS}/{self._deployment}")
        return len(await self._ready()) == int(wanted["spec"]["replicas"])

    async def _ready(self) -> list[dict[str, Any]]:
        """Return the pods of the Deployment that serve."""
        pods = (await self._api.read(f"{PODS}?labelSelector=app%3D{self._deployment}"))["items"]
        return [
            pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
        ]


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    with trio.fail_after(READY_SECONDS):
        while True:
            if await holds():
                return
            await trio.sleep(0.05)
