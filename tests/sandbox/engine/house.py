"""An engine over memory streams (for virtual time) or loopback, and a small client for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import h11
import msgspec
import trio
import trio.testing

from kthena_sandbox.engine import Engine, EngineSettings

MODEL = "org/model"
COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"


def make_engine(**settings: Any) -> Engine:
    usual: dict[str, Any] = {"models": (MODEL,), "root": MODEL, "port": 0}
    given = EngineSettings(**usual | settings)
    return Engine(given, wall_clock=lambda: 1000.0, make_id=lambda: "1")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool  # whether it came to the end that its framing promised

    @property
    def document(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def events(self) -> list[Any]:
        """The decoded events, and the text of the last one if that is `[DONE]`."""
        data = [line[6:] for line in self.body.split(b"\n\n") if line]
        return [msgspec.json.decode(entry) if entry[:1] == b"{" else entry for entry in data]


class Peer:
    """One connection to an engine."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._parser = h11.Connection(h11.CLIENT)

    async def ask(
        self, method: str, path: str, body: object = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        listed = [("host", "engine"), ("content-length", str(len(content)))]
        request = h11.Request(
            method=method, target=path, headers=listed + list((headers or {}).items())
        )
        parts = (request, h11.Data(data=content), h11.EndOfMessage())
        await self.stream.send_all(b"".join(filter(None, map(self._parser.send, parts))))

    async def event(self) -> Any:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            try:
                data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
            self._parser.receive_data(bytes(data))
        return event

    async def answer(self) -> Answer:
        head = await self.event()
        assert isinstance(head, h11.Response)
        headers = {name.decode(): value.decode() for name, value in head.headers}
        answer = Answer(head.status_code, headers, b"", complete=False)
        try:
            while not isinstance(event := await self.event(), h11.EndOfMessage):
                answer.body += bytes(event.data)
        except h11.RemoteProtocolError:
            return answer
        answer.complete = True
        if self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE:
            self._parser.start_next_cycle()
        return answer

    async def call(
        self, method: str, path: str, body: object = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        await self.ask(method, path, body, headers)
        return await self.answer()


class House:
    """An engine and the connections to it."""

    def __init__(self, engine: Engine, nursery: trio.Nursery) -> None:
        self.engine = engine
        self._nursery = nursery

    def connect(self) -> Peer:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.engine.server.serve_stream, theirs)
        return Peer(ours)

    async def call(
        self, method: str, path: str, body: object = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self.connect().call(method, path, body, headers)

    async def stats(self) -> Any:
        return (await self.call("GET", "/mock/stats")).document


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[House]:
    async with trio.open_nursery() as nursery:
        yield House(make_engine(**settings), nursery)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[tuple[Engine, int]]:
    """An engine on a port of 127.0.0.1."""
    engine = make_engine(**settings)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(engine.run)
        yield engine, address.port
        nursery.cancel_scope.cancel()


def prompt(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "prompt": "What is Kubernetes?"} | fields


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Hello there"}]} | fields
