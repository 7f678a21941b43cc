"""One client: TLS where the port has it, then the version of HTTP that it speaks, until one side has enough."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from kthena_router.concurrency.readiness import Readiness
from kthena_router.errors import TooManyConnections
from kthena_router.listeners import http1_call, protocols
from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.h11 import H11Connection
from kthena_router.listeners.http1 import Http1Connection
from kthena_router.listeners.http1_parser import Http2Spoken
from kthena_router.listeners.http2 import Http2Connection, Start, agreed_on_http2, shake_hands
from kthena_router.listeners.http2_upgrade import Http2Upgrade
from kthena_router.listeners.strict import strict
from kthena_router.listeners.transports import PlainTransport, StreamTransport
from kthena_router.telemetry.refusals import Refusal
from kthena_router.wire.payloads import error_body

Address = tuple[str, int] | None
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: %d\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b"
)


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """What all clients of a port have in common. *stall_seconds*: until a client that takes nothing is cut."""

    http1: http1_call.Terms
    http2: protocols.Terms
    readiness: Readiness
    stall_seconds: float
    tls: ssl.SSLContext | None = None


class Client:
    """Owns *sock*, connected and non-blocking, and serves it until the end."""

    def __init__(self, app: ASGIApp, terms: ServerTerms, sock: socket.socket) -> None:
        self._app = app
        self._terms = terms
        self._socket = sock
        self._addresses = {
            "client": _address(sock.getpeername),
            "server": _address(sock.getsockname),
        }
        self._plain: PlainTransport | None = None
        self._connection: Http1Connection | Http2Connection | None = None
        self._stopping = False

    @property
    def requests(self) -> int:
        """Return how many requests are in flight."""
        return 0 if self._connection is None else self._connection.requests

    @property
    def address(self) -> str:
        """Return the client's IP address, "" where it is gone already."""
        client = self._addresses["client"]
        return client[0] if client else ""

    def refuse(self, reason: str) -> None:
        """Say that there is no room, as far as that can be said without waiting, and close."""
        error = TooManyConnections(reason)
        self._terms.http1.refused(Refusal(self.address, error))
        if self._terms.tls is None:
            body = error_body(error)
            with suppress(OSError):
                self._socket.send(REFUSAL % (error.retry_after, len(body), body))
                self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()

    def stop_when_idle(self) -> None:
        """Close as soon as no request is being answered."""
        self._stopping = True
        if self._connection is not None:
            self._connection.stop_when_idle()

    def sweep(self, now: float) -> None:
        """End what has taken too long."""
        if self._plain is not None:
            self._plain.sweep(now)

    def cut(self) -> None:
        """End it now, whatever it is in the midst of."""
        with suppress(OSError):  # it is gone already
            self._socket.shutdown(socket.SHUT_RDWR)

    async def run(self) -> None:
        """Serve to the end. Raises whatever hypercorn fails with, in a group."""
        try:
            if self._terms.tls is None:
                await self._serve_plain()
            else:
                await self._serve_tls(self._terms.tls)
        finally:
            self._socket.close()

    async def _serve_plain(self) -> None:
        """Serve in HTTP/1.1, and in HTTP/2 where the client goes over to it."""
        terms = self._terms
        if terms.http1.limits.http1 == "h11":
            await self._serve_h11(_stream(self._socket))
            return
        plain = self._plain = PlainTransport(self._socket, terms.readiness, terms.stall_seconds)
        connection = Http1Connection(self._app, terms.http1, plain, **self._addresses, secure=False)
        self._take(connection)
        try:
            start = await self._http2_after(connection, plain)
        finally:
            if self._plain is not None:
                plain.abort()
        if start is not None:
            await self._serve_http2(_stream(self._socket), start)

    async def _http2_after(
        self, connection: Http1Connection, plain: PlainTransport
    ) -> Start | None:
        """Return how HTTP/2 begins when *connection* is over, None where it does not."""
        try:
            await connection.run()
        except Http2Spoken:
            start = Start(connection.parser.unread + plain.release())
        except Http2Upgrade as upgrade:
            start = upgrade.start.followed_by(plain.release())
        else:
            return None
        self._plain = None
        return start

    async def _serve_tls(self, context: ssl.SSLContext) -> None:
        stream = trio.SSLStream(
            _stream(self._socket), context, server_side=True, https_compatible=True
        )
        try:
            if not await shake_hands(stream):
                return
            if agreed_on_http2(stream):
                await self._serve_http2(stream, Start())
            elif self._terms.http1.limits.http1 == "h11":
                await self._serve_h11(stream)
            else:
                await self._serve_http1_over(stream)
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve_http1_over(self, stream: trio.abc.Stream) -> None:
        transport = StreamTransport(stream, self._terms.stall_seconds)
        connection = Http1Connection(
            self._app, self._terms.http1, transport, **self._addresses, secure=True
        )
        self._take(connection)
        with suppress(Http2Spoken):  # in spite of ALPN: there is nothing to answer
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.run)
                await connection.run()
                nursery.cancel_scope.cancel()

    async def _serve_http2(self, stream: trio.abc.Stream, start: Start) -> None:
        app = strict(self._app, self._terms.http1.refused)
        connection = Http2Connection(app, self._terms.http2, stream, **self._addresses, start=start)
        self._take(connection)
        await connection.run()

    async def _serve_h11(self, stream: trio.abc.Stream) -> None:
        app = strict(self._app, self._terms.http1.refused)
        timeout = self._terms.http1.limits.header_timeout
        connection = H11Connection(
            app, self._terms.http2, stream, **self._addresses, header_timeout=timeout
        )
        self._take(connection)
        await connection.run()

    def _take(self, connection: Http1Connection | Http2Connection) -> None:
        self._connection = connection
        if self._stopping:
            connection.stop_when_idle()


def _stream(sock: socket.socket) -> trio.SocketStream:
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


def _address(ask: Any) -> Address:
    """Return host and port of one end, or None where the client is gone already."""
    try:
        host, port, *_ = ask()
    except OSError:
        return None
    return host, port
