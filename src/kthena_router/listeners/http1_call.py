"""One request of an HTTP/1.1 connection: the application's `receive` and `send`, and its `DirectClient`."""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import trio

from kthena_router.errors import RequestTimeout, RouterError
from kthena_router.listeners.asgi import (
    DIRECT_CLIENT,
    JSON_CONTENT,
    ASGIApp,
    ClientLeft,
    Message,
    Scope,
)
from kthena_router.listeners.calls import INTERNAL_ERROR
from kthena_router.listeners.http1_parser import Limits, RequestHead, RequestParser
from kthena_router.listeners.http1_response import CONTINUE, BadAnswer, ResponseWriter
from kthena_router.listeners.transports import Transport
from kthena_router.settings import ClientLimits
from kthena_router.telemetry.refusals import Refused, not_noted
from kthena_router.wire.payloads import error_body

log = logging.getLogger(__name__)

Address = tuple[str, int] | None
HASTY_SENDS = 16  # in a row without a turn for others, to a client that takes all of them at once


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every client of a port. *date*: the line of the Date header, of this very second.

    *refused* is told of what is answered without asking the application.
    """

    date: Callable[[], bytes]
    limits: ClientLimits = field(default_factory=ClientLimits)
    refused: Refused = not_noted

    @property
    def parser_limits(self) -> Limits:
        """Return what the parser needs of the limits."""
        limits = self.limits
        return Limits(
            request_line_bytes=limits.request_line,
            head_bytes=limits.header_bytes,
            headers=limits.headers,
        )

    @property
    def requests_per_connection(self) -> float:
        return self.limits.requests_per_connection or math.inf


class Owner(Protocol):
    """What a call needs of its connection."""

    app: ASGIApp
    terms: Terms
    transport: Transport
    parser: RequestParser
    addresses: tuple[Address, Address]
    scheme: str
    stopping: bool

    def cancel(self) -> None:
        """End whatever goes on in the connection."""


class Call:
    """Lives from the head of a request to the end of its answer."""

    __slots__ = (
        "_body_expires",
        "_body_read",
        "_cancels",
        "_connection",
        "_continue",
        "_gone",
        "_head",
        "_last",
        "_sent",
        "_start",
        "_started",
        "_writer",
        "left",
    )

    def __init__(self, connection: Owner, head: RequestHead, *, last: bool) -> None:
        self._connection = connection
        self._head = head
        self._continue = head.expects_continue
        self._body_read = False
        self._body_expires = math.inf
        self._gone: trio.Event | None = None
        self.left = False
        self._cancels = False
        self._sent = 0
        self._start: Message | None = (
            None  # the head of the answer, which goes with the first bytes of the body
        )
        self._started = False
        self._last = last
        self._writer = self._new_writer()

    def _new_writer(self) -> ResponseWriter:
        head = self._head
        return ResponseWriter(
            head_only=head.method == b"HEAD",
            http_1_0=head.http_1_0,
            keeps_alive=head.keeps_alive and not self._last,
        )

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
        writer, connection = self._writer, self._connection
        return (
            writer.complete
            and writer.keeps_alive
            and connection.parser.complete
            and not connection.stopping
        )

    async def run(self) -> None:
        """Let the application answer; what it fails with is logged and told to the client as far as it can be."""
        error: RouterError | None = None
        try:
            await self._connection.app(self._scope(), self.receive, self.send)
        except RouterError as failure:
            error = failure
        except Exception as failure:
            if not (self.left and _is_about_leaving(failure)):
                method, target = self._head.method.decode(), self._head.target.decode()
                log.exception("the request %s %s failed", method, target)
        if not self._started and not self.left:
            await self._say(error)

    def client_left(self) -> None:
        """The client's side of the connection has ended."""
        if self._writer.complete:
            return
        self.left = True
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
        """Return the next piece of the body, and `http.disconnect` after its end when the client leaves.

        Raises InvalidRequest for a body that is none, and RequestTimeout.
        """
        connection = self._connection
        while not self._body_read:
            piece = connection.parser.read_body()
            self._body_read = connection.parser.complete
            if piece or self._body_read:
                return {"type": "http.request", "body": piece, "more_body": not self._body_read}
            if self._continue:
                self._continue = False
                await connection.transport.send(CONTINUE)
            data = await connection.transport.receive(self._patience())
            if not data:
                self._body_read = True
                self.left = not connection.transport.expired
                if not self.left:
                    seconds = connection.terms.limits.body_timeout
                    raise RequestTimeout(f"the request body did not come within {seconds:g} s")
                return {"type": "http.disconnect"}
            connection.parser.feed(data)
        if not self._writer.complete:
            self._gone = trio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    def _patience(self) -> float:
        now = trio.current_time()
        if self._body_expires == math.inf:
            self._body_expires = now + self._connection.terms.limits.body_timeout
        return self._body_expires - now

    async def send(self, message: Message) -> None:
        """Send what *message* says. Raises ClientLeft, and BadAnswer for what is no answer."""
        if self.left:
            raise ClientLeft("the client has left")
        if message["type"] == "http.response.start":
            if self._start is not None or self._started:
                raise BadAnswer("a second head")
            self._start = message
            return
        framed = self._framed(message.get("body", b""), more=message.get("more_body", False))
        self._sent += 1
        if not framed or not self._sent % HASTY_SENDS:
            await trio.lowlevel.checkpoint()  # the others have their turn
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
                raise BadAnswer("a body without a head")
            return self._writer.piece(body, more=more)
        framed = self._writer.begin(
            start["status"],
            start.get("headers", ()),
            self._connection.terms.date(),
            body,
            more=more,
            closing=self._connection.stopping or not self._skip_body(),
        )
        self._start, self._started = None, True
        return framed

    def _skip_body(self) -> bool:
        """Drop what is here of a body that nobody read; return whether that was all.

        An answer to half a request is the last one: RFC 9112 9.3.
        """
        parser = self._connection.parser
        with suppress(RouterError):
            while not parser.complete and parser.read_body():
                pass
        return parser.complete

    async def _say(self, error: RouterError | None) -> None:
        """Answer in the application's place."""
        self._start = None
        self._writer = self._new_writer()
        status, body = (error.status, error_body(error)) if error else (500, INTERNAL_ERROR)
        with suppress(ClientLeft):
            await self.send(
                {"type": "http.response.start", "status": status, "headers": [JSON_CONTENT]}
            )
            await self.send({"type": "http.response.body", "body": body})

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


def _is_about_leaving(error: Exception) -> bool:
    """Return whether *error* says nothing but that the client left."""
    if isinstance(error, ExceptionGroup):
        return error.split(ClientLeft)[1] is None
    return isinstance(error, ClientLeft)


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target, also of its absolute form (RFC 9112 3.2.2)."""
    if not target.startswith((b"/", b"*")):
        whole = urlsplit(target)
        return whole.path or b"/", whole.query
    path, _, query = target.partition(b"?")
    return path, query
