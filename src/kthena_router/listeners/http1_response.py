"""The bytes of one HTTP/1.1 response, without I/O: head, framing, and whether the connection may go on after it."""

import http
from collections.abc import Callable, Iterable
from email.utils import formatdate
from time import time  # noqa: TID251 - the wall clock itself

from kthena_router.listeners.http1_grammar import FIELDS

Header = tuple[bytes, bytes]

# The server's own: one date, and the framing of this connection.
_DROPPED = frozenset({b"date", b"connection", b"keep-alive", b"transfer-encoding"})
_STATUS_LINES = {
    int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
    for status in http.HTTPStatus
}
_LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BadAnswer(Exception):
    """An application's answer breaks the rules: a malformed header, or a body that is not as long as announced."""


class DateLine:
    """The Date header (RFC 9110 6.6.1), written once a second."""

    def __init__(self, wall_clock: Callable[[], float] = time) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """Return the line with its end."""
        second = int(self._wall_clock())
        if second != self._second:
            self._second = second
            self._line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


class ResponseWriter:
    """One response. *head_only*: the answer to HEAD. *http_1_0*: the client knows no chunks.

    *keeps_alive*: the client keeps the connection. Every method raises BadAnswer.
    """

    __slots__ = ("_bodiless", "_chunked", "_http_1_0", "_remaining", "complete", "keeps_alive")

    def __init__(self, *, head_only: bool, http_1_0: bool, keeps_alive: bool) -> None:
        self._bodiless = head_only
        self._http_1_0 = http_1_0
        self._chunked = False
        self._remaining: int | None = None
        self.complete = False
        self.keeps_alive = keeps_alive

    @property
    def delimited(self) -> bool:
        """Return whether the body's end is told by its framing, and not by that of the connection."""
        return self._chunked or self._remaining is not None

    def break_off(self) -> None:
        """Note that bytes are missing of what was written."""
        self.complete = False
        self.keeps_alive = False

    def begin(
        self,
        status: int,
        headers: Iterable[Header],
        date_line: bytes,
        body: bytes,
        *,
        more: bool,
        closing: bool,
    ) -> bytes:
        """Return the head together with the first bytes of the body. *closing*: the connection ends after this answer."""
        if not 200 <= status <= 999:
            raise BadAnswer(f"{status} is no status of an answer")
        lines = self._encode(headers, without_length=status == 204)
        self._bodiless |= status in {204, 304}
        framing = self._choose_framing(status, body, more=more)
        self.keeps_alive &= not closing
        connection = b"" if self.keeps_alive else b"connection: close\r\n"
        status_line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        return b"%b%b%b%b%b\r\n%b" % (
            status_line,
            lines,
            date_line,
            framing,
            connection,
            self.piece(body, more=more),
        )

    def piece(self, body: bytes, *, more: bool) -> bytes:
        """Return the bytes for the next piece of the body; *more*: it is not the last one."""
        if self.complete:
            raise BadAnswer("a body goes on after its end")
        self.complete = not more
        if self._bodiless:
            return b""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + _LAST_CHUNK
        if self._remaining is not None:
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                self.complete = False
                raise BadAnswer("the body is not as long as its content-length says")
        return body

    def _encode(self, headers: Iterable[Header], *, without_length: bool) -> bytes:
        """Return the application's headers as lines; its content-length is noted. RFC 9110 8.6: none with 204."""
        encoded: list[bytes] = []
        for name, value in headers:
            lower = name.lower()
            if lower in _DROPPED:
                if lower == b"connection" and b"close" in value.lower():
                    self.keeps_alive = False
                continue
            if lower == b"content-length":
                if self._remaining is not None or not value.isdigit():
                    raise BadAnswer("content-length must be given once, as a number")
                self._remaining = int(value)
                if without_length:
                    continue
            encoded.append(b"%b: %b\r\n" % (lower, value))
        lines = b"".join(encoded)
        # The pattern alone would take a line end within a value for the end of that header: hence the count.
        if lines.count(b"\n") != len(encoded) or not FIELDS.fullmatch(lines + b"\r\n"):
            raise BadAnswer("a header of the answer contains forbidden characters")
        return lines

    def _choose_framing(self, status: int, body: bytes, *, more: bool) -> bytes:
        """RFC 9112 6: the announced length, the length of what is whole already, chunks, or the connection's end."""
        if self._remaining is not None or status == 204:
            return b""
        if not more and not self._bodiless:
            self._remaining = len(body)
            return b"content-length: %d\r\n" % len(body)
        if self._bodiless:
            return b""
        if self._http_1_0:
            self.keeps_alive = False
            return b""
        self._chunked = True
        return b"transfer-encoding: chunked\r\n"
