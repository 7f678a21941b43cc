"""One client's connection on hypercorn's own HTTP/1.1 protocol, which stands on h11: `--http1 h11`.

It is the yardstick of the faster one in `http1`, and the way out where that one should ever be in the wrong.
"""

import trio

from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.calls import Calls
from kthena_router.listeners.http2 import FIRST_REQUEST_SECONDS, Http2Connection, Start, Stream
from kthena_router.listeners.protocols import Address, Http1, Http2, Terms, make_http1


class H11Connection(Http2Connection):
    """Serves one client in HTTP/1.1, and in HTTP/2 once it goes over to that.

    *header_timeout*: seconds from the first byte of a request to the end of its head. Of the limits on clients it keeps
    this one alone, beside h11's on the size of a head.
    """

    def __init__(
        self,
        app: ASGIApp,
        terms: Terms,
        stream: Stream,
        *,
        client: Address,
        server: Address,
        header_timeout: float,
    ) -> None:
        super().__init__(app, terms, stream, client=client, server=server, start=Start())
        self._header_timeout = header_timeout
        self._begun = False  # bytes of a request have come since the connection was last idle
        self._protocol: Http1 | None = None

    def stop_when_idle(self) -> None:
        """Close as soon as no request is being answered."""
        super().stop_when_idle()
        if not self._busy and self._begun:
            self._limit_silence(FIRST_REQUEST_SECONDS)

    def _make_protocol(self, calls: Calls) -> Http1 | Http2:
        self._protocol = make_http1(self._terms, calls, self._send, **self._ends())
        return self._protocol

    @property
    def _shared(self) -> bool:
        return self._protocol is not None and self._protocol.shared

    async def _receive(self) -> bytes:
        data = await super()._receive()
        if data and not self._busy and not self._begun and not self._shared:
            self._begun = True
            self._limit_silence(self._header_timeout)
        return data

    def _become_busy(self) -> None:
        self._begun = False
        super()._become_busy()

    def _become_idle(self) -> None:
        self._begun = False
        super()._become_idle()

    async def _send_bytes(self, data: bytes) -> None:
        if self._shared:
            await super()._send_bytes(data)
            return
        try:
            async with self._sending:
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._reading.cancel()
        except trio.Cancelled:  # half an answer may be out: the connection ends with it
            await trio.aclose_forcefully(self._stream)
            raise
