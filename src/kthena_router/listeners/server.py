"""The server of one port: accepts, knows its clients' sockets, and ends when it is told to, with or without patience."""

import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import trio

from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.connection import Connection
from kthena_router.listeners.protocols import Address, Terms

log = logging.getLogger(__name__)

ACCEPT_PAUSE_SECONDS = 0.1
CUT_SECONDS = 1.0  # for applications to notice that their client is gone
OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


class PortServer:
    """Serves *app* on listening *sockets* (which it closes) from `run` until `stop` or `cut`.

    *drain_timeout* is in seconds. With *tls*, clients speak TLS; without, HTTP/1.1 or HTTP/2 with prior knowledge.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        *,
        drain_timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app = app
        self._sockets = tuple(sockets)
        self.addresses = tuple(one.getsockname()[:2] for one in sockets)
        self._drain_timeout = drain_timeout
        self._tls = tls
        self._terms = Terms()
        self._connections: dict[Connection, trio.socket.SocketType] = {}
        self._nursery: trio.Nursery | None = None
        self._stopping = trio.Event()
        self._drained = trio.Event()
        self._patience = trio.CancelScope()
        self._accepting = trio.CancelScope()

    @property
    def port(self) -> int:
        """Return the port, also where any free one was asked for."""
        return int(self.addresses[0][1])

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._connections)

    @property
    def requests(self) -> int:
        """Return how many requests are being answered."""
        return sum(connection.requests for connection in self._connections)

    async def run(
        self,
        *,
        task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve; return when all clients have gone after `stop` or `cut`. It reports its addresses when it accepts."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                nursery.start_soon(self._accept_on_all, nursery)
                task_status.started(self.addresses)
                await self._stopping.wait()
                await self._drain()
            finally:
                # A cancelled task waits in HTTP/2's shielded send for as long as its client's socket lives.
                self.cut()
            with trio.move_on_after(CUT_SECONDS):
                await self._drained.wait()
            nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """Refuse new connections from now on, close idle ones, let requests in flight finish until the drain time-out."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._accepting.cancel()
        for listening in self._sockets:
            if self._nursery is not None:
                self._take_backlog(listening, self._nursery)
            listening.close()
        for connection in self._connections:
            connection.stop_when_idle()
        self._note_drained()

    def cut(self) -> None:
        """Stop, and end every client's connection at once."""
        self.stop()
        for client in self._connections.values():
            with suppress(OSError):  # it is gone already
                client.shutdown(socket.SHUT_RDWR)
        self._patience.cancel()

    async def _drain(self) -> None:
        await self._terms.end()
        with self._patience:
            self._patience.deadline = trio.current_time() + self._drain_timeout
            await self._drained.wait()
        if self.requests:
            log.warning(
                "port %d: closing %d connections with %d requests in flight",
                self.port,
                self.connections,
                self.requests,
            )

    async def _accept_on_all(self, connections: trio.Nursery) -> None:
        with self._accepting:  # cancelled already by a stop that came first
            await trio.lowlevel.checkpoint()
            async with trio.open_nursery() as nursery:
                for one in self._sockets:
                    listening = trio.socket.from_stdlib_socket(one)
                    nursery.start_soon(self._accept_on, listening, connections)

    async def _accept_on(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        short_of_descriptors = False
        while True:
            try:
                client, _ = await listening.accept()
            except OSError as error:
                if error.errno not in OUT_OF_DESCRIPTORS:
                    continue  # the trouble of the client that connected: accept(2), "Error handling"
                if not short_of_descriptors:
                    log.warning("port %d: clients wait, no file descriptor is left", self.port)
                short_of_descriptors = True
                await trio.sleep(ACCEPT_PAUSE_SECONDS)
            else:
                short_of_descriptors = False
                self._admit(client, nursery)

    def _take_backlog(self, listening: socket.socket, nursery: trio.Nursery) -> None:
        """Admit those that connected already: closing the socket would reset them."""
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            self._admit(trio.socket.from_stdlib_socket(client), nursery)

    def _admit(self, client: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        ends = (_address(client.getpeername), _address(client.getsockname))
        stream: trio.abc.Stream = trio.SocketStream(client)
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        connection = Connection(self._app, self._terms, stream, client=ends[0], server=ends[1])
        self._connections[connection] = client
        if self._stopping.is_set():
            connection.stop_when_idle()
        nursery.start_soon(self._serve, connection)

    async def _serve(self, connection: Connection) -> None:
        """Serve one client; whatever happens to it is no other client's business."""
        try:
            await connection.run()
        except* OSError as errors:
            log.debug("port %d: a connection broke: %r", self.port, errors.exceptions)
        except* Exception as errors:
            log.warning("port %d: a connection failed", self.port, exc_info=errors)
        finally:
            self._connections.pop(connection).close()
            self._note_drained()

    def _note_drained(self) -> None:
        if self._stopping.is_set() and not self._connections:
            self._drained.set()


def _address(ask: Callable[[], Any]) -> Address:
    """Return host and port of one end, or None where the client is gone already."""
    try:
        host, port, *_ = ask()
    except OSError:
        return None
    return host, port
