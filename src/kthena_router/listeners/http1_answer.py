"""An answer of ASGI messages as the bytes of HTTP/1.1: its head, and its body framed (RFC 9112 6 and 7), without I/O."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus

CHUNKED = b"transfer-encoding: chunked\r\n"
CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"  # for HTTP/1.0
END_OF_CHUNKS = b"0\r\n\r\n"

_STATUS_LINES = {
    one.value: b"HTTP/1.1 %d %b\r\n" % (one.value, one.phrase.encode()) for one in HTTPStatus
}
_HEADERS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*")
# Written here or by nobody: the connection's own.
_OWN = frozenset({b"connection", b"date", b"keep-alive", b"transfer-encoding"})


class AnswerError(Exception):
    """What the application sends is not an HTTP answer: the connection has to be cut."""


class AnswerWriter:
    """The bytes of one answer. *version*: of the request, (1, 0) or (1, 1). *head_only*: it is the answer to HEAD.

    `closes` tells whether the connection has to be closed after it, `complete` whether its end has been written.
    """

    __slots__ = ("_chunked", "_left", "_version", "bodiless", "closes", "complete")

    def __init__(self, version: tuple[int, int], *, head_only: bool, closes: bool) -> None:
        self._version = version
        self.bodiless = head_only
        self.closes = closes
        self.complete = False
        self._chunked = False
        self._left: int | None = (
            None  # bytes of the body that the head announces and that are still to come
        )

    @property
    def delimited(self) -> bool:
        """Return whether the body's end is told by its framing, and not by that of the connection."""
        return self._chunked or self._left is not None

    def break_off(self) -> None:
        """Note that bytes are missing of what was written."""
        self.complete = False
        self.closes = True

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]], date: bytes) -> bytes:
        """Return the head. Raises AnswerError where *headers* could be read as something else."""
        kept = self._own_headers_apart([(name.lower(), value) for name, value in headers])
        self.bodiless = self.bodiless or status in {204, 304}
        lines = b"".join([b"%b: %b\r\n" % header for header in kept])
        # The pattern alone would take a line end within a value for the end of that header: hence the count.
        if lines.count(b"\n") != len(kept) or not _HEADERS.fullmatch(lines):
            raise AnswerError("a header with forbidden characters")
        return b"%bdate: %b\r\n%b%b\r\n" % (
            _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
            date,
            lines,
            self._framing(status),
        )

    def _own_headers_apart(
        self, headers: Sequence[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        kept = []
        for header in headers:
            name, value = header
            if name == b"content-length":
                if self._left is not None or not value.isdigit():
                    raise AnswerError("no single valid content-length")
                self._left = int(value)
            elif name in _OWN:
                self.closes = self.closes or (name == b"connection" and value.lower() == b"close")
                continue
            kept.append(header)
        return kept

    def _framing(self, status: int) -> bytes:
        if self._left is None and not self.bodiless and status >= 200:
            self._chunked = self._version >= (1, 1)
            self.closes = self.closes or not self._chunked  # HTTP/1.0: the end is the connection's
        connection = CLOSE if self.closes else KEEP_ALIVE if self._version < (1, 1) else b""
        return CHUNKED + connection if self._chunked else connection

    def body(self, piece: bytes, *, more: bool) -> bytes:
        """Return *piece* framed, and the end of the body with the last one. Raises AnswerError."""
        if self.complete:
            if piece or more:
                raise AnswerError("more body after its end")
            return b""
        self.complete = not more
        if self.bodiless:
            return b""
        if self._chunked:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
            return framed if more else framed + END_OF_CHUNKS
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0 or (self._left and not more):
                raise AnswerError("the body is not as long as its content-length says")
        return piece
