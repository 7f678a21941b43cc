"""The accept loop: connections, keep-alive, refusal on demand, and an orderly or an immediate end."""

import errno
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from kthena_sandbox.httpd.exchange import ClientGone, Connection, CutConnection, Exchange
from kthena_sandbox.httpd.messages import Request
from kthena_sandbox.httpd.parsing import Malformed

Handler = Callable[[Exchange], Awaitable[None]]

_log = logging.getLogger(__name__)
_BACKLOG = 4096
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RETRY_SECONDS = 0.1
_NO_REQUEST = Request("-", "-", {}, (), keep_alive=False)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, IPv4 or IPv6. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


class Server:
    """Serves *handler*. `idle_seconds` is asked before each wait for a next request; None waits for ever."""

    def __init__(
        self,
        handler: Handler,
        *,
        idle_seconds: Callable[[], float | None] = lambda: None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.accepted = 0
        self._handler = handler
        self._idle_seconds = idle_seconds
        self._wall_clock = wall_clock
        self._connections: set[Connection] = set()
        self._accepting = trio.CancelScope()
        self._refusal: float | None = None
        self._lifted = trio.Event()
        self._stopping = False
        self._emptied = trio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def refuse(self, seconds: float = float("inf")) -> None:
        """Close the listening socket, so that new connections are refused; open ones go on."""
        self._refusal = seconds
        self._lifted = trio.Event()
        self._accepting.cancel()

    def accept(self) -> None:
        """End a refusal before its time."""
        self._lifted.set()

    async def run(
        self,
        host: str,
        port: int,
        *,
        task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled or drained. Raises OSError where the port cannot be had."""
        bound = bind(host, port)
        address = Address(host, bound.getsockname()[1])
        async with trio.open_nursery() as nursery:
            task_status.started(address)
            while True:
                await self._accept_until_told(bound, nursery)
                if self._stopping:
                    return
                with trio.move_on_after(self._refusal or 0):
                    await self._lifted.wait()
                bound = await self._bind_again(address)

    async def _accept_until_told(self, bound: socket.socket, nursery: trio.Nursery) -> None:
        self._refusal = None
        with (
            trio.CancelScope() as self._accepting,
            trio.socket.from_stdlib_socket(bound) as listening,
        ):
            if self._stopping:
                return
            while True:
                await self._accept_one(listening, nursery)

    async def _accept_one(self, listening: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        try:
            accepted, _ = await listening.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                await trio.sleep(_RETRY_SECONDS)
            return
        self.accepted += 1
        nursery.start_soon(self.serve_stream, trio.SocketStream(accepted))

    async def _bind_again(self, address: Address) -> socket.socket:
        while True:
            try:
                return bind(address.host, address.port)
            except OSError:
                await trio.sleep(_RETRY_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Stop accepting, close idle connections, let requests finish for *seconds*, then cut the rest."""
        self._stopping = True
        self._accepting.cancel()
        self._lifted.set()
        await self._cut(lambda connection: not connection.busy)
        with trio.move_on_after(seconds):
            while self._connections:
                self._emptied = trio.Event()
                await self._emptied.wait()
        await self._cut(lambda _: True)

    async def cut_idle(self) -> None:
        """Close all connections on which nothing is going on, as an engine does that restarts."""
        await self._cut(lambda connection: not connection.busy)

    async def _cut(self, chosen: Callable[[Connection], bool]) -> None:
        for connection in [entry for entry in self._connections if chosen(entry)]:
            await connection.cut()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end, whatever its client or handler does."""
        connection = Connection(stream)
        self._connections.add(connection)
        reset = False
        try:
            await self._serve(connection)
        except CutConnection as error:
            reset = error.reset
        except (ClientGone, OSError):
            pass
        except Exception:  # noqa: BLE001  one connection must not take the others along
            _log.exception("a connection ended with an error of ours")
        finally:
            self._connections.discard(connection)
            self._emptied.set()
            with trio.CancelScope(shield=True):
                await connection.cut(reset=reset)

    async def _serve(self, connection: Connection) -> None:
        while True:
            try:
                request = await self._next(connection)
            except Malformed as error:
                exchange = Exchange(connection, _NO_REQUEST, self._wall_clock())
                await exchange.respond(error.status, str(error).encode(), "text/plain")
                return
            if request is None:
                return
            connection.busy = True
            exchange = Exchange(connection, request, self._wall_clock())
            await self._handler(exchange)
            connection.busy = False
            if not (request.keep_alive and exchange.finished) or self._stopping:
                return

    async def _next(self, connection: Connection) -> Request | None:
        """The next request; None where the client has closed or let the idle time pass."""
        if connection.parser.is_idle:
            seconds, data = self._idle_seconds(), b""
            with trio.move_on_after(float("inf") if seconds is None else seconds):
                data = await connection.receive()
            if not data:
                return None
        return await connection.next_request()
