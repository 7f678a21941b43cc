"""A scripted endpoint on loopback that speaks bytes: each connection it accepts runs the next script."""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import trio

from kthena_router.routing.endpoint import Endpoint


class PeerConnection:
    """The endpoint's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, raw: trio.socket.SocketType) -> None:
        self._stream = stream
        self._raw = raw
        self._unread = b""

    async def read_request(self) -> bytes:
        """Return one request, head and body by its content-length; b"" when the client has gone."""
        while b"\r\n\r\n" not in self._unread:
            if not await self._read():
                return b""
        head, _, _ = self._unread.partition(b"\r\n\r\n")
        size = len(head) + 4 + _content_length(head)
        while len(self._unread) < size:
            if not await self._read():
                return b""
        request, self._unread = self._unread[:size], self._unread[size:]
        return request

    async def read_head(self) -> bytes:
        """Return what has come up to the end of a head, without reading on."""
        while b"\r\n\r\n" not in self._unread:
            if not await self._read():
                return b""
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head

    async def say(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def wait_closed(self) -> None:
        """Return when the client has closed or reset the connection."""
        while await self._read():
            pass

    def reset(self) -> None:
        """Close with a RST."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._raw.close()

    def hang_up(self) -> None:
        """Close the socket, without TLS's farewell."""
        self._raw.close()

    async def _read(self) -> bool:
        try:
            data = await self._stream.receive_some()
        except trio.BrokenResourceError:
            return False
        self._unread += data
        return bool(data)


Script = Callable[[PeerConnection], Awaitable[None]]


def answering(*answers: bytes) -> Script:
    """Give one answer to each request and then close, the last one for ever if it is all there is."""

    async def script(connection: PeerConnection) -> None:
        for answer in answers:
            if not await connection.read_request():
                return
            await connection.say(answer)
        await connection.wait_closed()

    return script


@dataclass
class Peer:
    """A running endpoint: how to reach it, and what happened to it."""

    endpoint: Endpoint
    scripts: list[Script]
    accepted: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)

    def next_script(self) -> Script:
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]


@asynccontextmanager
async def open_peer(
    *scripts: Script,
    host: str = "127.0.0.1",
    wrap: Callable[[trio.SocketStream], trio.abc.Stream] | None = None,
) -> AsyncIterator[Peer]:
    """Run *scripts*, one for each connection, the last one for all further ones; *wrap* adds TLS."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)
        port = listeners[0].socket.getsockname()[1]
        endpoint = Endpoint(
            uid="uid-1", namespace="default", name="peer", address=host, port=port, tls=bool(wrap)
        )
        peer = Peer(endpoint, list(scripts))
        await nursery.start(trio.serve_listeners, partial(_serve, peer, wrap), listeners)
        yield peer
        nursery.cancel_scope.cancel()


async def _serve(
    peer: Peer,
    wrap: Callable[[trio.SocketStream], trio.abc.Stream] | None,
    stream: trio.SocketStream,
) -> None:
    script = peer.next_script()
    peer.accepted += 1
    peer.open += 1
    try:
        await script(PeerConnection(wrap(stream) if wrap else stream, stream.socket))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the client left, or the script reset the connection
    finally:
        peer.open -= 1


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0
