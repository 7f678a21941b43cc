"""Clients without end that ask the Gateways which change, and what they make of the answers."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio
from tests.support.churn import HOSTS, MODEL, Churn
from tests.support.http_client import Broken, ClientConnection, Closed, Reply
from tests.support.oracle import NOT_FOUND, REFUSED, UNAVAILABLE

LAG_SECONDS = 3.0  # until a change is in force, with a busy machine in mind
PATIENCE_SECONDS = 20.0  # for an answer that takes at most 5 s
SETTLED_STATUSES = {404: NOT_FOUND, 503: UNAVAILABLE}


@dataclass
class Tally:
    """What clients saw; *faults* are what they never should see."""

    answers: Counter[str] = field(default_factory=Counter)
    pauses: list[float] = field(default_factory=list)  # the longest of each stream, in seconds
    events: int = 0
    exact: int = 0  # questions that had one right answer only
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        self.faults.append(f"at {trio.current_time():.2f} s: {text}")


class Client:
    """Asks one question after the other, on a connection that it keeps, or on a new one; *patience* is in seconds."""

    def __init__(self, dice: random.Random, patience: float = PATIENCE_SECONDS) -> None:
        self._dice = dice
        self._patience = patience
        self._kept: dict[int, ClientConnection] = {}

    async def ask(
        self, port: int, host: str, document: dict[str, Any], *, leave_early: bool = False
    ) -> Reply:
        """Return the answer. Raises OSError where no connection can be had, Broken, trio.TooSlowError."""
        with trio.fail_after(self._patience):
            kept = self._kept.pop(port, None)
            if kept is not None:
                try:
                    return await self._ask(kept, port, host, document, leave_early)
                except Closed:
                    pass  # as every client of HTTP does: once more on a new connection
            fresh = await ClientConnection.open(port)
            return await self._ask(fresh, port, host, document, leave_early)

    async def _ask(
        self,
        connection: ClientConnection,
        port: int,
        host: str,
        document: dict[str, Any],
        leave_early: bool,
    ) -> Reply:
        try:
            reply = await connection.post(host, document, leave_early=leave_early)
        except BaseException:
            connection.close()
            raise
        if connection.usable and self._dice.random() < 0.5:
            self._kept[port] = connection
        else:
            connection.close()
        return reply

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()


async def ask_for_ever(churn: Churn, dice: random.Random, tally: Tally, stop: trio.Event) -> None:
    """Ask the Gateways that change, wherever, until *stop*, and compare with what they may answer."""
    client = Client(dice)
    while not stop.is_set():
        place = (dice.choice(churn.ports), dice.choice(HOSTS))
        began = trio.current_time()
        try:
            answer = await ask_once(client, place, dice)
        except (Broken, trio.TooSlowError) as error:
            tally.fault(f"{place} gave no answer: {error!r}")
            continue
        options = await churn.allowed(place, (began, trio.current_time()), LAG_SECONDS)
        tally.answers[answer if answer in {REFUSED, NOT_FOUND, UNAVAILABLE} else "200"] += 1
        tally.exact += len(options) == 1
        if answer not in options:
            tally.fault(f"{place} answered {answer}: allowed was {' or '.join(sorted(options))}")
        await trio.sleep(dice.uniform(0, 0.1))
    client.close()


async def ask_once(client: Client, place: tuple[int, str], dice: random.Random) -> str:
    """Ask for a whole answer, a stream, or the beginning of a stream; otherwise as `answer_at`."""
    if dice.random() < 0.5:
        return await answer_at(client, place)
    length = dice.randint(1, 20)
    return await answer_at(client, place, length, stream=True, leave_early=dice.random() < 0.2)


async def answer_at(
    client: Client,
    place: tuple[int, str],
    length: int = 2,
    *,
    model: str = MODEL,
    stream: bool = False,
    leave_early: bool = False,
) -> str:
    """Return REFUSED, NOT_FOUND, UNAVAILABLE, or the model that answered. Raises Broken, trio.TooSlowError."""
    port, host = place
    body = question(model, length, stream=stream)
    try:
        reply = await client.ask(port, host, body, leave_early=leave_early)
    except OSError:
        return REFUSED
    if reply.status in SETTLED_STATUSES:
        return SETTLED_STATUSES[reply.status]
    if reply.status != 200:
        raise Broken(f"{reply.status} {reply.body!r}")
    answering = model_of(reply)
    if stream and not leave_early and (wrong := stream_fault(reply, answering, length)):
        raise Broken(wrong)
    return answering


async def wait_until_served(port: int, model: str) -> None:
    """Return when *model* answers. Raises trio.TooSlowError after a minute."""
    client = Client(random.Random(0))
    answer = ""
    with trio.fail_after(60):
        while answer != model:
            await trio.sleep(0.05)
            answer = await answer_at(client, (port, "any"), model=model)
    client.close()


def question(model: str, length: int, *, stream: bool) -> dict[str, Any]:
    """Return the body of a completion request for exactly *length* tokens."""
    return {
        "model": model, "prompt": "x", "max_tokens": length, "ignore_eos": True, "stream": stream,
    }  # fmt: skip


def events_of(body: bytes) -> list[bytes]:
    return [part.removeprefix(b"data: ") for part in body.split(b"\n\n") if part]


def model_of(reply: Reply) -> str:
    """Return the model that an engine names in its answer. Raises Broken."""
    try:
        return str(msgspec.json.decode(events_of(reply.body)[0])["model"])
    except (msgspec.DecodeError, IndexError, KeyError, TypeError) as error:
        raise Broken(f"no answer of an engine: {reply.body!r}") from error


def stream_fault(reply: Reply, model: str, length: int) -> str:
    """Return what is wrong with the stream of an engine, "" when nothing is: every token, in order, and its end."""
    *events, last = events_of(reply.body) or [b""]
    if reply.status != 200 or last != b"[DONE]" or len(events) != length:
        return f"{reply.status}, {len(events)} events of {length}, at the end {reply.body[-80:]!r}"
    documents = [msgspec.json.decode(event) for event in events]
    said = "".join(document["choices"][0]["text"] for document in documents)
    whole = " ".join([f"This is simulated message from {model}!"] * length)
    if not whole.startswith(said) or {document["model"] for document in documents} != {model}:
        return f"it says {said!r}"
    return ""
