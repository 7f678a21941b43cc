"""One client's connection in HTTP/1.1: each request is answered in the connection's own task, without queues between.

It speaks ASGI 3.0 to the application, with an extension, `DirectClient`, for those that relay streams.
"""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import trio

from kthena_router.errors import RequestTimeout, RouterError
from kthena_router.listeners.asgi import DIRECT_CLIENT, ASGIApp, Message, Scope
from kthena_router.listeners.http1_answer import AnswerError, AnswerWriter
from kthena_router.listeners.http1_parser import Limits, RequestHead, RequestParser
from kthena_router.listeners.transports import ClientLeft, Transport
from kthena_router.wire.payloads import error_body

log = logging.getLogger(__name__)

Address = tuple[str, int] | None

FIRST_REQUEST_SECONDS = 1.0  # for a client that connected just before the port was closed
LINGER_SECONDS = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INTERNAL_ERROR = b'{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal_error"}}'
JSON_TYPE = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every client of a port. Times are seconds. *date*: the value of the header, of this very second."""

    date: Callable[[], bytes]
    limits: Limits = field(default_factory=Limits)
    head_seconds: float = 20.0  # from the first byte of a request to the end of its head
    keep_alive_seconds: float = 120.0  # longer than the idle time of common load balancers
    requests_per_connection: float = math.inf


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
        self.parser = RequestParser(terms.limits)
        self.addresses = (client, server)
        self.scheme = "https" if secure else "http"
        self.stopping = False
        self._call: _Call | None = None
        self._served = 0
        self._scope = trio.CancelScope()
        transport.on_leave = self._left

    @property
    def requests(self) -> int:
        """Return how many requests are in flight."""
        return 0 if self._call is None else 1

    async def run(self) -> None:
        """Serve until the end. Raises Http2Spoken: then nothing has been answered, and `parser.unread` has the bytes."""
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
        self._served += 1
        self._call = call = _Call(
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
                expires = trio.current_time() + self.terms.head_seconds
            data = await self.transport.receive(self._patience(expires, begun=begun))
            if not data:
                await self._end_without_head(begun=begun)
                return None
            self.parser.feed(data)

    def _patience(self, expires: float, *, begun: bool) -> float:
        if self.stopping:
            return FIRST_REQUEST_SECONDS if begun or not self._served else 0.0
        return expires - trio.current_time() if begun else self.terms.keep_alive_seconds

    async def _end_without_head(self, *, begun: bool) -> None:
        if begun and self.transport.expired and not self.stopping:
            seconds = self.terms.head_seconds
            await self._refuse(RequestTimeout(f"the request did not come within {seconds:g} s"))
        else:
            await self.transport.close(0.0)

    async def _refuse(self, error: RouterError) -> None:
        """Answer bytes that are no request, and close."""
        body = error_body(error)
        writer = AnswerWriter((1, 1), head_only=False, closes=True)
        headers = [JSON_TYPE, (b"content-length", b"%d" % len(body))]
        answer = writer.head(error.status, headers, self.terms.date())
        with suppress(ClientLeft):
            await self.transport.send(answer + writer.body(body, more=False))
        await self.transport.close(LINGER_SECONDS)


class _Call:
    """One request: the application's `receive` and `send`, and its `DirectClient`."""

    __slots__ = (
        "_body_read",
        "_cancels",
        "_connection",
        "_continue",
        "_gone",
        "_head",
        "_start",
        "_started",
        "_writer",
    )

    def __init__(self, connection: Http1Connection, head: RequestHead, *, last: bool) -> None:
        self._connection = connection
        self._head = head
        self._continue = head.expects_continue
        self._body_read = False
        self._gone: trio.Event | None = None
        self._cancels = False
        self._start: Message | None = (
            None  # the head of the answer, which goes with the first bytes of the body
        )
        self._started = False
        self._writer = self._new_writer(last=last)

    def _new_writer(self, *, last: bool) -> AnswerWriter:
        head = self._head
        version = (1, 0) if head.http_1_0 else (1, 1)
        closes = last or not head.keeps_alive
        return AnswerWriter(version, head_only=head.method == b"HEAD", closes=closes)

    @property
    def complete(self) -> bool:
        """Return whether the answer is out to its end."""
        return self._writer.complete

    @property
    def shows_a_cut(self) -> bool:
        """Return whether a client can tell from the framing that an answer is not complete."""
        return self._writer.delimited

    @property
    def reusable(self) -> bool:
        """Return whether the connection may carry another request."""
        return (
            self._writer.complete and not self._writer.closes and self._connection.parser.complete
        )

    async def run(self) -> None:
        """Let the application answer; what it fails with is logged and told to the client as far as it can be."""
        try:
            await self._connection.app(self._scope(), self.receive, self.send)
        except ClientLeft:
            return
        except Exception:
            method, target = self._head.method.decode(), self._head.target.decode()
            log.exception("the request %s %s failed", method, target)
            if not self._started:
                await self._say_internal_error()

    def client_left(self) -> None:
        """The client's side of the connection has ended."""
        if self._writer.complete:
            return
        if self._cancels:
            self._connection.cancel()
        elif self._gone is not None:
            self._gone.set()

    # --- DirectClient

    def cancel_when_it_leaves(self) -> None:
        self._cancels = True

    def send_body_nowait(self, body: bytes) -> bytes:
        framed = self._framed(body, more=True)
        taken = self._connection.transport.send_nowait(framed)
        return framed[taken:] if taken < len(framed) else b""

    async def send_rest(self, rest: bytes) -> None:
        try:
            await self._connection.transport.send(rest)
        except BaseException:
            self._writer.break_off()
            raise

    # --- ASGI

    async def receive(self) -> Message:
        """Return the next piece of the body, and `http.disconnect` after its end when the client leaves."""
        connection = self._connection
        while not self._body_read:
            piece = connection.parser.read_body()
            self._body_read = connection.parser.complete
            if piece or self._body_read:
                return {"type": "http.request", "body": piece, "more_body": not self._body_read}
            if self._continue:
                self._continue = False
                await connection.transport.send(CONTINUE)
            data = await connection.transport.receive()
            if not data:
                self._body_read = True
                return {"type": "http.disconnect"}
            connection.parser.feed(data)
        if not self._writer.complete:
            self._gone = trio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send what *message* says. Raises ClientLeft, and AnswerError for what is no answer."""
        if message["type"] == "http.response.start":
            if self._start is not None or self._started:
                raise AnswerError("a second head")
            self._start = message
            return
        framed = self._framed(message.get("body", b""), more=message.get("more_body", False))
        if framed:
            transport = self._connection.transport
            taken = transport.send_nowait(framed)
            if taken < len(framed):
                await self.send_rest(framed[taken:])
        if self._writer.complete and self._gone is not None:
            self._gone.set()

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        start = self._start
        if start is None:
            if not self._started:
                raise AnswerError("a body without a head")
            return self._writer.body(body, more=more)
        connection = self._connection
        # An answer to half a request is the last one: RFC 9112 9.3
        self._writer.closes |= connection.stopping or not connection.parser.complete
        head = self._writer.head(start["status"], start.get("headers", ()), connection.terms.date())
        framed = head + self._writer.body(body, more=more)
        self._start, self._started = None, True
        return framed

    async def _say_internal_error(self) -> None:
        self._start = None
        self._writer = self._new_writer(last=True)
        length = (b"content-length", b"%d" % len(INTERNAL_ERROR))
        with suppress(ClientLeft, AnswerError):
            await self.send(
                {"type": "http.response.start", "status": 500, "headers": [JSON_TYPE, length]}
            )
            await self.send({"type": "http.response.body", "body": INTERNAL_ERROR})

    def _scope(self) -> Scope:
        head = self._head
        raw_path, query = _split_target(head.target)
        path = raw_path.decode("ascii")
        client, server = self._connection.addresses
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.0" if head.http_1_0 else "1.1",
            "method": head.method.decode("ascii"),
            "scheme": self._connection.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": head.headers,
            "client": client,
            "server": server,
            "extensions": {DIRECT_CLIENT: self},
        }
        return scope


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target, also of its absolute form (RFC 9112 3.2.2)."""
    if not target.startswith((b"/", b"*")):
        whole = urlsplit(target)
        return whole.path or b"/", whole.query
    path, _, query = target.partition(b"?")
    return path, query
