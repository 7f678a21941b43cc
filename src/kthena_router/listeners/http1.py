"""One client's connection in HTTP/1.1: each request is answered in the connection's own task, without queues between.

It speaks ASGI 3.0 to the application, with an extension, `DirectClient`, for those that relay streams.
"""

import math
from contextlib import suppress

import trio

from kthena_router.errors import RequestTimeout, RouterError
from kthena_router.listeners.asgi import JSON_CONTENT, ASGIApp, ClientLeft
from kthena_router.listeners.http1_call import Address, Call, Terms
from kthena_router.listeners.http1_parser import RequestHead, RequestParser
from kthena_router.listeners.http1_response import ResponseWriter
from kthena_router.listeners.http2_upgrade import SWITCHING, Http2Upgrade, upgraded
from kthena_router.listeners.transports import Transport
from kthena_router.telemetry.refusals import Refusal
from kthena_router.wire.payloads import error_body

FIRST_REQUEST_SECONDS = 1.0  # for a client that connected just before the port was closed
LINGER_SECONDS = 2.0


class Http1Connection:
    """Serves requests one after the other, until the client leaves, is idle for too long, or `stop_when_idle` is called."""

    def __init__(
        self,
        app: ASGIApp,
        terms: Terms,
        transport: Transport,
        *,
        client: Address,
        server: Address,
        secure: bool,
    ) -> None:
        self.app = app
        self.terms = terms
        self.transport = transport
        self.parser = RequestParser(terms.parser_limits)
        self.addresses = (client, server)
        self.scheme = "https" if secure else "http"
        self.stopping = False
        self._call: Call | None = None
        self._served = 0
        self._scope = trio.CancelScope()
        transport.on_leave = self._left

    @property
    def requests(self) -> int:
        """Return how many requests are in flight."""
        return 0 if self._call is None else 1

    async def run(self) -> None:
        """Serve until the end, or until HTTP/2 follows.

        Raises Http2Spoken: then nothing has been answered, and `parser.unread` has the bytes. Raises Http2Upgrade.
        """
        with self._scope:
            while await self._serve_one():
                pass
        if self._scope.cancelled_caught:
            self.transport.abort()

    def stop_when_idle(self) -> None:
        """Close as soon as no request is being answered."""
        self.stopping = True
        if self._call is None:
            waits = self.parser.unread or not self._served
            self.transport.limit(FIRST_REQUEST_SECONDS if waits else 0.0)

    def cancel(self) -> None:
        """End whatever goes on here."""
        self._scope.cancel()

    def _left(self) -> None:
        if self._call is not None:
            self._call.client_left()

    async def _serve_one(self) -> bool:
        """Answer one request; return whether the connection may carry another."""
        head = await self._read_head()
        if head is None:
            return False
        if not self._served and self.scheme == "http":
            await self._upgrade_if_asked(head)
        self._served += 1
        self._call = call = Call(
            self, head, last=self._served >= self.terms.requests_per_connection
        )
        try:
            await call.run()
        finally:
            self._call = None
        if call.reusable:
            return True
        if call.complete or call.shows_a_cut:
            await self.transport.close(0.0 if self.parser.complete else LINGER_SECONDS)
        else:
            self.transport.abort()
        return False

    async def _upgrade_if_asked(self, head: RequestHead) -> None:
        """Raise Http2Upgrade where the client asks for HTTP/2."""
        start = upgraded(head, self.parser.unread)
        if start is not None:
            with suppress(ClientLeft):
                await self.transport.send(SWITCHING)
            raise Http2Upgrade(start)

    async def _read_head(self) -> RequestHead | None:
        """Return the next request's head, None where there is none any more."""
        expires = math.inf
        while True:
            try:
                head = self.parser.read_head()
            except RouterError as error:
                await self._refuse(error)
                return None
            if head is not None:
                return head
            begun = bool(self.parser.unread)
            if begun and expires == math.inf:
                expires = trio.current_time() + self.terms.limits.header_timeout
            data = await self.transport.receive(self._patience(expires, begun=begun))
            if not data:
                await self._end_without_head(begun=begun)
                return None
            self.parser.feed(data)

    def _patience(self, expires: float, *, begun: bool) -> float:
        if self.stopping:
            return FIRST_REQUEST_SECONDS if begun or not self._served else 0.0
        return expires - trio.current_time() if begun else self.terms.limits.keep_alive_timeout

    async def _end_without_head(self, *, begun: bool) -> None:
        if begun and self.transport.expired:
            await self._refuse(RequestTimeout("the head of the request did not come in time"))
        else:
            await self.transport.close(0.0)

    async def _refuse(self, error: RouterError) -> None:
        """Answer bytes that are no request, and close."""
        client, _ = self.addresses
        self.terms.refused(Refusal(client[0] if client else "", error))
        writer = ResponseWriter(head_only=False, http_1_0=False, keeps_alive=False)
        body, date = error_body(error), self.terms.date()
        answer = writer.begin(error.status, [JSON_CONTENT], date, body, more=False, closing=True)
        with suppress(ClientLeft):
            await self.transport.send(answer)
        silent = self.stopping and self.transport.expired  # it holds up the exit
        await self.transport.close(0.0 if silent else LINGER_SECONDS)
