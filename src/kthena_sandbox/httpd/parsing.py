"""Bytes of HTTP/1.1 in, requests out: the door to httptools."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httptools

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came, with its whole body; nothing is decoded but the bytes of path and query."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes a client may send before its request is refused."""

    head: int
    body: int


class Malformed(Exception):
    """The client does not speak HTTP/1.1, or says too much: `status` is the answer, then the connection ends."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RequestParser(Generic[R]):
    """Feed it what the socket gives; whole requests, as *read* makes them, come out in `ready`.

    `wants_continue` is set while a client waits for `100 Continue` before it sends its body.
    """

    def __init__(self, read: Callable[[Received], R], limits: Limits) -> None:
        self.ready: deque[R] = deque()
        self.wants_continue = False
        self._read = read
        self._limits = limits
        self._in_head = False
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing has come of a next request."""
        return not (self.ready or self._target)

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises Malformed."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise Malformed(400, "this request cannot be upgraded to another protocol") from error
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Malformed):
                raise cause from None
            raise Malformed(400, f"invalid HTTP request: {error}") from error
        if self._in_head:
            self._spend(len(data))

    def _spend(self, size: int) -> None:
        """Counts a head by the pieces in which it does not end, since httptools tells of headers when they are whole."""
        self._head_size += size
        if self._head_size > self._limits.head:
            raise Malformed(431, "the header section is too large")

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._begin()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """httptools: the head is complete."""
        self._in_head = False
        expected = (value.lower() for name, value in self._headers if name.lower() == b"expect")
        self.wants_continue = b"100-continue" in expected

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self.wants_continue = False
        self._body_size += len(body)
        if self._body_size > self._limits.body:
            raise Malformed(413, f"Request entity too large: limit is {self._limits.body}")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the request is complete."""
        self.wants_continue = False
        self.ready.append(self._read(self._received()))
        self._target = b""

    def _received(self) -> Received:
        target = httptools.parse_url(self._target)
        return Received(
            self._parser.get_method().decode("latin-1"),
            (target.path or b"/").decode("latin-1"),
            (target.query or b"").decode("latin-1"),
            self._headers,
            b"".join(self._body),
            bool(self._parser.should_keep_alive()),
        )
