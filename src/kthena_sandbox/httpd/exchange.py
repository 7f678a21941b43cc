"""One request on one connection, and everything a handler can do with it."""

import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import trio

from kthena_sandbox.httpd.messages import (
    CONTINUE,
    LAST_CHUNK,
    LIMITS,
    Request,
    chunk,
    head,
    read_request,
)
from kthena_sandbox.httpd.parsing import RequestParser

_PIECE = 64 * 1024
_PIPELINED = 8  # requests read ahead on one connection; then its client is no longer watched
_LINGER_NOT = struct.pack("ii", 1, 0)


class ClientGone(Exception):
    """The client closed its connection before its answer was complete."""


class CutConnection(Exception):
    """Raised by a handler: end this connection now, whatever has been sent."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class Connection:
    """A client's byte stream with the parser that reads it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.busy = False
        self.parser = RequestParser(read_request, LIMITS)

    async def next_request(self) -> Request | None:
        """The next whole request; None where the client has closed. Raises Malformed, ClientGone."""
        while not self.parser.ready:
            data = await self.receive()
            if not data:
                return None
        return self.parser.ready.popleft()

    async def receive(self) -> bytes:
        """Read once and feed the parser; b"" at the end of the stream."""
        try:
            data = bytes(await self.stream.receive_some(_PIECE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
        self.parser.feed(data) if data else None
        if self.parser.wants_continue:
            self.parser.wants_continue = False
            await self.send(CONTINUE)
        return data

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises ClientGone."""
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ClientGone from error

    async def cut(self, *, reset: bool = False) -> None:
        """Close at once; with *reset* the client sees RST instead of an end (where it is a socket)."""
        if reset and isinstance(self.stream, trio.SocketStream):
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        await trio.aclose_forcefully(self.stream)


class Exchange:
    """A request and its answer, which is sent whole by `respond`, or by `start`, `send` and `finish`."""

    def __init__(self, connection: Connection, request: Request, now: float) -> None:
        self.request = request
        self.status = 0
        self.finished = False
        self._connection = connection
        self._now = now
        self._bodiless = request.method == "HEAD"

    async def respond(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer as a whole. Raises ClientGone."""
        self.status = status
        listed = [("content-type", content_type), ("content-length", str(len(body))), *headers]
        sent = head(status, self._with_end(listed), self._now)
        await self._connection.send(sent if self._bodiless else sent + body)
        self.finished = True

    async def respond_json(self, status: int, document: Any) -> None:
        """Answer with a JSON document. Raises ClientGone."""
        await self.respond(status, msgspec.json.encode(document))

    async def start(self, status: int, content_type: str, length: int | None = None) -> None:
        """Begin an answer whose body follows in pieces: chunked, or of *length* bytes. Raises ClientGone."""
        self.status = status
        framing = ("transfer-encoding", "chunked")
        if length is not None:
            framing = ("content-length", str(length))
        listed = [("content-type", content_type), framing]
        await self._connection.send(head(status, self._with_end(listed), self._now))

    async def send(self, data: bytes) -> None:
        """Send one chunk of a chunked body. Raises ClientGone."""
        if not self._bodiless:
            await self._connection.send(chunk(data))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are. Raises ClientGone."""
        await self._connection.send(data)

    async def finish(self) -> None:
        """End a chunked body. Raises ClientGone."""
        if not self._bodiless:
            await self._connection.send(LAST_CHUNK)
        self.finished = True

    def _with_end(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return headers if self.request.keep_alive else [*headers, ("connection", "close")]

    async def until_gone(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run *work*, and cancel it at the moment when the client leaves. Raises ClientGone."""
        failure: Exception = ClientGone()
        complete = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            try:
                await work()
                complete = True
            except Exception as error:  # noqa: BLE001  raised below, outside of the nursery's group
                failure = error
            nursery.cancel_scope.cancel()
        if not complete:
            raise failure

    async def _watch(self, scope: trio.CancelScope) -> None:
        while len(self._connection.parser.ready) < _PIPELINED:
            if not await self._connection.receive():
                scope.cancel()
                return
