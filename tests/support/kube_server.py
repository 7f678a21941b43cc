"""A small HTTP or HTTPS server on loopback that answers as a test says, and can go away and come back."""

import ssl
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import trio

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass
class Exchange:
    """One request, and the ways to answer it."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    client_name: str  # the common name of the client's certificate
    _stream: trio.abc.Stream

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    async def answer(self, status: int = 200, body: object = None, **headers: str) -> None:
        """Answer in one piece: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body or {})
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self._stream.send_all("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    async def begin(self) -> None:
        """Begin an answer whose pieces follow."""
        await self._stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    async def say(self, piece: bytes) -> None:
        await self._stream.send_all(b"%x\r\n%b\r\n" % (len(piece), piece))

    async def end(self) -> None:
        await self._stream.send_all(b"0\r\n\r\n")

    async def wait_left(self) -> None:
        """Return when the client has left."""
        with suppress(*GONE):
            while await self._stream.receive_some():
                pass


Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]


@dataclass
class KubeServer:
    """What it was asked, and whether it is there."""

    handler: Handler
    context: ssl.SSLContext | None
    nursery: trio.Nursery
    port: int = 0
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0  # that are open
    accepted: int = 0
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _stopped: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def asked(self, path: str) -> list[Exchange]:
        return [one for one in self.requests if one.path == path]

    async def start(self) -> None:
        """Listen, after a stop on the port of before."""
        self._scope, self._stopped = trio.CancelScope(), trio.Event()
        await self.nursery.start(self._listen)

    async def stop(self) -> None:
        """Close every socket without a word."""
        self._scope.cancel()
        await self._stopped.wait()

    async def _listen(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with self._scope:
            (listener,) = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
            self.port = listener.socket.getsockname()[1]
            task_status.started()
            async with listener, trio.open_nursery() as nursery:
                while True:
                    nursery.start_soon(self._converse, await listener.accept())
        self._stopped.set()

    async def _converse(self, raw: trio.SocketStream) -> None:
        self.connections += 1
        self.accepted += 1
        stream = _wrapped(raw, self.context)
        try:
            async with raw:
                await _shake_hands(stream, raw)
                await self._answer_all(stream)
        except GONE:
            pass  # the client has left
        finally:
            self.connections -= 1

    async def _answer_all(self, stream: trio.abc.Stream) -> None:
        unread = b""
        while True:
            while b"\r\n\r\n" not in unread:
                if not (piece := await stream.receive_some()):
                    return
                unread += piece
            head, _, unread = unread.partition(b"\r\n\r\n")
            request = _parsed(head, stream)
            length = int(request.headers.get("content-length", "0"))
            while len(unread) < length:
                unread += await stream.receive_some()
            request.body, unread = unread[:length], unread[length:]
            self.requests.append(request)
            await self.handler(request)


def _wrapped(raw: trio.SocketStream, context: ssl.SSLContext | None) -> trio.abc.Stream:
    if context is None:
        return raw
    return trio.SSLStream(raw, context, server_side=True, https_compatible=True)


async def _shake_hands(stream: trio.abc.Stream, raw: trio.SocketStream) -> None:
    """Make TLS ready; where that fails, tell the client why, which trio keeps to itself."""
    if isinstance(stream, trio.SSLStream):
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            await raw.send_all(stream._outgoing.read())
            raise


def _parsed(head: bytes, stream: trio.abc.Stream) -> Exchange:
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    url = urllib.parse.urlsplit(target)
    headers = {
        name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
    }
    params = dict(urllib.parse.parse_qsl(url.query))
    return Exchange(method, url.path, params, headers, b"", _client_name(stream), stream)


def _client_name(stream: trio.abc.Stream) -> str:
    if not isinstance(stream, trio.SSLStream):
        return ""
    certificate: dict[str, Any] = stream.getpeercert() or {}
    names = [value for part in certificate.get("subject", ()) for _, value in part]
    return names[-1] if names else ""


@asynccontextmanager
async def open_kube_server(
    handler: Handler, context: ssl.SSLContext | None = None
) -> AsyncIterator[KubeServer]:
    """Serve until the block ends."""
    async with trio.open_nursery() as nursery:
        server = KubeServer(handler, context, nursery)
        await server.start()
        yield server
        nursery.cancel_scope.cancel()
