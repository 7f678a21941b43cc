"""One client connection: bytes between a stream and a protocol, and the limits on how long each may wait."""

import math
import ssl

import trio

from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.calls import Calls
from kthena_router.listeners.protocols import (
    Address,
    Closed,
    Event,
    Protocols,
    RawData,
    Terms,
    Updated,
)

RECEIVE_SIZE = 64 * 1024
HANDSHAKE_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 120.0  # longer than the idle time of common load balancers
HEAD_SECONDS = 20.0  # from the first byte of a request to the end of its head
FIRST_REQUEST_SECONDS = 1.0  # for a client that connected just before the port was closed
LINGER_SECONDS = 2.0

Stream = trio.abc.Stream


class Connection:
    """Serves one client until it leaves, is idle for too long, or `shut` or `stop_when_idle` is called."""

    def __init__(
        self, app: ASGIApp, terms: Terms, stream: Stream, *, client: Address, server: Address
    ) -> None:
        self._app = app
        self._terms = terms
        self._stream = stream
        self._addresses = (client, server)
        self._sending = trio.Lock()
        self._reading = trio.CancelScope()
        self._waiting = (
            trio.CancelScope()
        )  # for bytes of the client; its deadline is that of `_patience`
        self._patience = math.inf  # until when the client may be silent
        self._busy = False  # a request is being answered
        self._begun = False  # bytes of a request have come since the connection was last idle
        self._served = False
        self._stopping = False
        self._hung_up = False
        self._calls: Calls | None = None
        self._protocol: Protocols | None = None

    @property
    def requests(self) -> int:
        """Return how many requests are in flight."""
        return self._calls.running if self._calls is not None else 0

    async def run(self) -> None:
        """Serve until the end, whatever it is. Raises whatever hypercorn fails with, in a group."""
        try:
            if isinstance(self._stream, trio.SSLStream) and not await shake_hands(self._stream):
                return
            async with trio.open_nursery() as nursery:
                await self._serve(nursery)
        finally:
            await trio.aclose_forcefully(self._stream)

    def stop_when_idle(self) -> None:
        """Close as soon as no request is being answered."""
        self._stopping = True
        if not self._busy:
            waits = self._begun or not self._served
            self._limit_silence(FIRST_REQUEST_SECONDS if waits else 0.0)

    async def _serve(self, nursery: trio.Nursery) -> None:
        secure = isinstance(self._stream, trio.SSLStream)
        client, server = self._addresses
        self._calls = Calls(nursery, self._app, lambda: self._stopping)
        self._protocol = protocol = Protocols(
            self._terms,
            self._calls,
            self._send,
            client=client,
            server=server,
            secure=secure,
            http2=agreed_on_http2(self._stream),
        )
        with self._reading:
            await protocol.initiate()
            self._become_idle()
            await self._read(protocol)
        await protocol.handle(Closed())
        await self._close()

    async def _read(self, protocol: Protocols) -> None:
        while data := await self._receive():
            if not self._busy and not self._begun and not protocol.http2:
                self._begun = True
                self._limit_silence(HEAD_SECONDS)
            await protocol.handle(RawData(data))

    async def _receive(self) -> bytes:
        """Return what the client sends, b"" when it has left or was silent for too long.

        The limit is on the waiting alone, so that what has been taken is handled to its end: a request that comes in the
        moment in which its idle connection closes is answered. One that was sent ahead may begin while this waits.
        """
        while True:
            with trio.CancelScope(deadline=self._patience) as self._waiting:
                try:
                    # A client that shuts its sending side has left: documented.
                    return bytes(await self._stream.receive_some(RECEIVE_SIZE))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return b""
            if not self._busy:
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
        # HTTP/2 streams share the connection, so one that is cancelled must not leave half a frame. On HTTP/1.1 it
        # may: the connection ends with it.
        shared = self._protocol is not None and self._protocol.http2
        try:
            async with self._sending:
                with trio.CancelScope(shield=shared):
                    await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._reading.cancel()
        except trio.Cancelled:
            await trio.aclose_forcefully(self._stream)
            raise

    def _become_busy(self) -> None:
        self._busy = self._served = True
        self._begun = False
        self._be_patient(math.inf)

    def _become_idle(self) -> None:
        self._busy = False
        self._limit_silence(KEEP_ALIVE_SECONDS)
        if self._stopping:
            self.stop_when_idle()

    def _limit_silence(self, seconds: float) -> None:
        limit = trio.current_time() + seconds
        self._be_patient(min(self._patience, limit) if self._begun else limit)

    def _be_patient(self, until: float) -> None:
        self._patience = self._waiting.deadline = until

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
