"""The server of one port: accepts, knows its clients' sockets, and ends when it is told to, with or without patience."""

import errno
import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress

import trio

from kthena_router.concurrency.readiness import Readiness
from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.client import Client, ServerTerms
from kthena_router.listeners.connection_limits import ConnectionLimits
from kthena_router.listeners.http1_call import Terms as Http1Terms
from kthena_router.listeners.http1_response import DateLine
from kthena_router.listeners.protocols import Terms as Http2Terms
from kthena_router.settings import ClientLimits
from kthena_router.telemetry.refusals import Refused, not_noted

log = logging.getLogger(__name__)

ACCEPT_PAUSE_SECONDS = 0.1
MOST_AT_ONCE = 64  # clients accepted in one go; the others are served in between
STALL_SECONDS = 60.0
SWEEP_SECONDS = 1.0
CUT_SECONDS = 1.0  # for applications to notice that their client is gone
OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


class PortServer:
    """Serves *app* on listening *sockets* (which it closes) from `run` until `stop` or `cut`.

    *drain_timeout* and *stall_timeout* are in seconds. With *tls*, clients speak TLS; without, HTTP/1.1 or HTTP/2 with
    prior knowledge. Plain sockets wait at *readiness*, which somebody runs; None: at one of the server's own.
    *connections* counts over all ports. *refused* is told of what is answered without asking *app*.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: Sequence[socket.socket],
        *,
        drain_timeout: float,
        stall_timeout: float = STALL_SECONDS,
        tls: ssl.SSLContext | None = None,
        readiness: Readiness | None = None,
        limits: ClientLimits | None = None,
        connections: ConnectionLimits | None = None,
        refused: Refused = not_noted,
    ) -> None:
        self._app = app
        self._sockets = tuple(sockets)
        self.addresses = tuple(one.getsockname()[:2] for one in sockets)
        self._drain_timeout = drain_timeout
        self._runs_readiness = readiness is None
        self._readiness = Readiness() if readiness is None else readiness
        self._http2 = Http2Terms()
        self._terms = ServerTerms(
            http1=Http1Terms(DateLine(), limits or ClientLimits(), refused),
            http2=self._http2,
            readiness=self._readiness,
            stall_seconds=stall_timeout,
            tls=tls,
        )
        self._connections = connections or ConnectionLimits()
        self._clients: set[Client] = set()
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
        return len(self._clients)

    @property
    def requests(self) -> int:
        """Return how many requests are being answered."""
        return sum(client.requests for client in self._clients)

    async def run(
        self,
        *,
        task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve; return when all clients have gone after `stop` or `cut`. It reports its addresses when it accepts."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                if self._runs_readiness:
                    nursery.start_soon(self._readiness.run)
                nursery.start_soon(self._sweep)
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
            nursery = self._nursery
            while nursery is not None and self._take_backlog(listening, nursery) is None:
                pass  # all that have connected, however many
            self._readiness.remove(listening.fileno())
            listening.close()
        for client in self._clients:
            client.stop_when_idle()
        self._note_drained()

    def cut(self) -> None:
        """Stop, and end every client's connection at once."""
        self.stop()
        for client in self._clients:
            client.cut()
        self._patience.cancel()

    async def _drain(self) -> None:
        await self._http2.end()
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
                    nursery.start_soon(self._accept_on, one, connections)

    async def _accept_on(self, listening: socket.socket, nursery: trio.Nursery) -> None:
        short_of_descriptors = False
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()  # stopped: the socket is closed
            await self._readiness.wait_readable(listening.fileno())
            error = self._take_backlog(listening, nursery)
            if error not in OUT_OF_DESCRIPTORS:
                short_of_descriptors = False
                continue
            if not short_of_descriptors:
                log.warning("port %d: clients wait, no file descriptor is left", self.port)
            short_of_descriptors = True
            await trio.sleep(ACCEPT_PAUSE_SECONDS)

    def _take_backlog(self, listening: socket.socket, nursery: trio.Nursery) -> int | None:
        """Admit those that have connected; return the error number that ended it."""
        for _ in range(MOST_AT_ONCE):
            try:
                client, _ = listening.accept()
            except (
                OSError
            ) as error:  # EAGAIN, or the trouble of the client: accept(2), "Error handling"
                return error.errno
            self._admit(client, nursery)
        return None

    def _admit(self, sock: socket.socket, nursery: trio.Nursery) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(self._app, self._terms, sock)
        if refusal := self._connections.enter(client.address):
            client.refuse(refusal)
            return
        self._clients.add(client)
        if self._stopping.is_set():
            client.stop_when_idle()
        nursery.start_soon(self._serve, client)

    async def _serve(self, client: Client) -> None:
        """Serve one client; whatever happens to it is no other client's business."""
        try:
            await client.run()
        except* OSError as errors:
            log.debug("port %d: a connection broke: %r", self.port, errors.exceptions)
        except* Exception as errors:
            log.warning("port %d: a connection failed", self.port, exc_info=errors)
        finally:
            self._clients.discard(client)
            self._connections.leave(client.address)
            self._note_drained()

    async def _sweep(self) -> None:
        """End what has taken too long, within a second."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = trio.current_time()
            for client in tuple(self._clients):
                client.sweep(now)

    def _note_drained(self) -> None:
        if self._stopping.is_set() and not self._clients:
            self._drained.set()
