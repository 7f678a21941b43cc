"""One listening socket that hands its connections to endpoints in turn, as bytes both ways."""

import errno
import socket
import struct

import trio

from kthena_sandbox.services.frontends import Endpoint, Route
from kthena_sandbox.services.turns import Turns

_PIECE = 65536
_CONNECT_SECONDS = 5.0
_RETRY_SECONDS = 0.1
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RESET = struct.pack("ii", 1, 0)


class Forwarder:
    """Accepts on *bound* until it is closed; what `turns` say counts for new connections."""

    def __init__(self, bound: socket.socket, route: Route) -> None:
        self.turns = Turns(route)
        self._listening = trio.socket.from_stdlib_socket(bound)
        self._closed = False

    def close(self) -> None:
        """Stop listening; connections that are open go on."""
        self._closed = True
        self._listening.close()

    async def run(self, connections: trio.Nursery) -> None:
        """Accept, each connection in a task of *connections*, which outlive the socket."""
        while not self._closed:
            try:
                accepted, address = await self._listening.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    await trio.sleep(_RETRY_SECONDS)
                continue
            connections.start_soon(self._serve, accepted, str(address[0]))

    async def _serve(self, accepted: trio.socket.SocketType, client: str) -> None:
        near = trio.SocketStream(accepted)
        far = await self._connect(client)
        if far is None:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            accepted.close()
            return
        async with near, far:
            await exchange(near, far)

    async def _connect(self, client: str) -> trio.SocketStream | None:
        """To the endpoint whose turn it is, or to the next one that can be reached."""
        for endpoint in self.turns.order(client):
            try:
                with trio.fail_after(_CONNECT_SECONDS):
                    far = await connected(endpoint, socket.SOCK_STREAM)
            except (OSError, trio.TooSlowError):
                continue
            self.turns.note(client, endpoint)
            return trio.SocketStream(far)
        return None


async def connected(endpoint: Endpoint, kind: socket.SocketKind) -> trio.socket.SocketType:
    """A socket to an endpoint. Raises OSError."""
    far = trio.socket.socket(socket.AF_INET, kind)
    try:
        await far.connect(endpoint)
    except BaseException:
        far.close()
        raise
    return far


async def exchange(near: trio.SocketStream, far: trio.SocketStream) -> None:
    """Carry bytes both ways until both ends have said all; a cut on one side cuts the other."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pump, near, far, nursery.cancel_scope)
        nursery.start_soon(_pump, far, near, nursery.cancel_scope)


async def _pump(source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope) -> None:
    try:
        while piece := await source.receive_some(_PIECE):
            await sink.send_all(piece)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
        for stream in (source, sink):
            _reset_when_closed(stream)
        both.cancel()


def _reset_when_closed(stream: trio.SocketStream) -> None:
    try:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        return
