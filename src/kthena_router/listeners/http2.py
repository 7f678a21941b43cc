"""One client's connection in HTTP/2: bytes between a stream and hypercorn's protocol, and how long each may wait."""

import math
import ssl
from dataclasses import dataclass, replace

import trio

from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.calls import Calls
from kthena_router.listeners.protocols import (
    Address,
    Closed,
    Ends,
    Event,
    Http1,
    Http2,
    RawData,
    Terms,
    Updated,
    make_http2,
)

RECEIVE_SIZE = 64 * 1024
HANDSHAKE_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 120.0  # longer than the idle time of common load balancers
FIRST_REQUEST_SECONDS = 1.0  # for a client that connected just before the port was closed
LINGER_SECONDS = 2.0

Stream = trio.abc.Stream


@dataclass(frozen=True, slots=True)
class Start:
    """How HTTP/2 came about. *unread*: what has been read of it already.

    *headers* and *settings*: those of the HTTP/1.1 request that became stream 1 by an upgrade (RFC 7540 3.2).
    """

    unread: bytes = b""
    headers: list[tuple[bytes, bytes]] | None = None
    settings: bytes | None = None

    def followed_by(self, more: bytes) -> "Start":
        """Return the same with *more* that has been read."""
        return replace(self, unread=self.unread + more)


class Http2Connection:
    """Serves one client until it leaves, is idle for too long, or `stop_when_idle` is called."""

    def __init__(
        self,
        app: ASGIApp,
        terms: Terms,
        stream: Stream,
        *,
        client: Address,
        server: Address,
        start: Start,
    ) -> None:
        self._app = app
        self._terms = terms
        self._stream = stream
        self._addresses = (client, server)
        self._start = start
        self._sending = trio.Lock()
        self._reading = trio.CancelScope()
        self._waiting = trio.CancelScope()  # for bytes of the client, until `_patience` ends
        self._patience = math.inf  # until when the client may be silent
        self._busy = False  # a request is being answered
        self._served = False
        self._silent = False  # the client said nothing for too long
        self._stopping = False
        self._hung_up = False
        self._calls: Calls | None = None

    @property
    def requests(self) -> int:
        """Return how many requests are in flight."""
        return self._calls.running if self._calls is not None else 0

    async def run(self) -> None:
        """Serve until the end, whatever it is. Raises whatever hypercorn fails with, in a group."""
        try:
            async with trio.open_nursery() as nursery:
                await self._serve(nursery)
        finally:
            await trio.aclose_forcefully(self._stream)

    def stop_when_idle(self) -> None:
        """Close as soon as no request is being answered."""
        self._stopping = True
        if not self._busy:
            self._limit_silence(0.0 if self._served else FIRST_REQUEST_SECONDS)

    async def _serve(self, nursery: trio.Nursery) -> None:
        self._calls = Calls(nursery, self._app, lambda: self._stopping)
        protocol = self._make_protocol(self._calls)
        with self._reading:
            self._become_idle()
            await protocol.initiate(self._start.headers, self._start.settings)
            if self._start.unread:
                await protocol.handle(RawData(self._start.unread))
            await self._read(protocol)
            if self._silent:
                await protocol.say_goodbye()
        await protocol.handle(Closed())
        await self._close()

    def _make_protocol(self, calls: Calls) -> Http1 | Http2:
        return make_http2(self._terms, calls, self._send, **self._ends())

    def _ends(self) -> Ends:
        client, server = self._addresses
        secure = isinstance(self._stream, trio.SSLStream)
        return {"client": client, "server": server, "secure": secure}

    async def _read(self, protocol: Http1 | Http2) -> None:
        while data := await self._receive():
            await protocol.handle(RawData(data))

    async def _receive(self) -> bytes:
        """Return what the client sends, b"" when it has left or was silent for too long.

        The limit is on the waiting alone, so that what has been taken is handled to its end.
        """
        while True:
            with trio.CancelScope(deadline=self._patience) as self._waiting:
                try:
                    # A client that shuts its sending side has left: documented.
                    return bytes(await self._stream.receive_some(RECEIVE_SIZE))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return b""
            if not self._busy:
                self._silent = True
                return b""

    async def _send(self, event: Event) -> None:
        """Carry out what the protocol wants."""
        if isinstance(event, RawData):
            await self._send_bytes(event.data)
        elif isinstance(event, Closed):
            self._hang_up()
        elif isinstance(event, Updated):
            if event.idle:
                self._become_idle()
            else:
                self._become_busy()

    async def _send_bytes(self, data: bytes) -> None:
        # Streams share the connection, so one that is cancelled must not leave half a frame.
        try:
            async with self._sending:
                with trio.CancelScope(shield=True):
                    await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._reading.cancel()

    def _become_busy(self) -> None:
        self._busy = self._served = True
        self._patience = self._waiting.deadline = math.inf

    def _become_idle(self) -> None:
        self._busy = False
        self._limit_silence(KEEP_ALIVE_SECONDS)
        if self._stopping:
            self.stop_when_idle()

    def _limit_silence(self, seconds: float) -> None:
        self._patience = self._waiting.deadline = trio.current_time() + seconds

    def _hang_up(self) -> None:
        self._hung_up = True
        self._reading.cancel()

    async def _close(self) -> None:
        """Close so that the last bytes arrive: a socket closed with unread input would discard them (RFC 9112 9.6)."""
        with trio.move_on_after(LINGER_SECONDS):
            try:
                if self._hung_up and isinstance(self._stream, trio.abc.HalfCloseableStream):
                    await self._stream.send_eof()
                    while await self._stream.receive_some(RECEIVE_SIZE):
                        pass
                await self._stream.aclose()
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                pass


async def shake_hands(stream: trio.SSLStream[trio.SocketStream]) -> bool:
    """Return whether the TLS handshake succeeded in time."""
    with trio.move_on_after(HANDSHAKE_SECONDS):
        try:
            await stream.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            return False
        return True
    return False


def agreed_on_http2(stream: Stream) -> bool:
    """Return whether TLS negotiated HTTP/2 (ALPN)."""
    return isinstance(stream, trio.SSLStream) and stream.selected_alpn_protocol() == "h2"
