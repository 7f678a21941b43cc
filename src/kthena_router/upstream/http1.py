"""An HTTP/1.1 response from the bytes of a connection, without I/O: RFC 9112, strictly (the door to httptools).

A head is gathered whole and given to llhttp once; lengths are counted here and only chunked bodies go through
llhttp again. So the end of every message is known to the byte, and what comes after it is never mistaken for it.
"""

import re
from collections.abc import Mapping, Sequence

import httptools
from msgspec import Struct

from kthena_router.errors import BadResponse, ConnectionLost, ResponseCut

Headers = tuple[tuple[bytes, bytes], ...]

MAX_HEAD_BYTES = 65_536  # h11 and uvicorn allow as much, nginx half of it
MAX_HEADERS = 256  # haproxy: 101, Envoy: 100, Apache: 100
MAX_FRAMING_BYTES = 65_536  # chunk extensions and trailers between two pieces of body

_VERSION = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?\r\n")
_MISPLACED = frozenset({b"content-length", b"transfer-encoding"})  # in trailers: RFC 9110 6.5.1
_BLANK = b"\r\n\r\n"
_OWS = b" \t"
_FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})


class ResponseHead(Struct, frozen=True):
    """Status and headers; names in lower case, values without white space around them, in the order of arrival."""

    status: int
    headers: Headers
    http_1_0: bool = False


class _Sink:
    """What llhttp reports. It knows nothing of the parser, so that no reference cycle outlives a request."""

    __slots__ = ("headers", "message_complete", "on_body", "pieces")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.message_complete = False
        self.on_body = self.pieces.append

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(_OWS)))

    def on_message_begin(self) -> None:
        if self.message_complete:
            raise BadResponse("bytes after the end of the message")

    def on_message_complete(self) -> None:
        self.message_complete = True


class ResponseParser:
    """Takes what a connection delivers after one request; gives the head and the pieces of the body.

    *head_only*: the answer to HEAD, which has no body whatever its headers say (RFC 9112 6.3).
    Answers with status 1xx are skipped; 101 is refused, since nobody asked for another protocol.
    """

    __slots__ = (
        "_chunked",
        "_excess",
        "_framing_bytes",
        "_gathered",
        "_head_budget",
        "_head_only",
        "_last_bytes",
        "_llhttp",
        "_persistent",
        "_remaining",
        "_sink",
        "complete",
        "head",
        "started",
    )

    def __init__(self, *, head_only: bool = False) -> None:
        self.head: ResponseHead | None = None
        self.complete = False
        self.started = False  # a byte has come
        self._head_only = head_only
        self._gathered = b""
        self._head_budget = MAX_HEAD_BYTES
        self._remaining: int | None = None
        self._chunked = False
        self._framing_bytes = 0
        self._last_bytes = b""
        self._persistent = False
        self._excess = False
        self._sink = _Sink()
        self._llhttp = httptools.HttpResponseParser(self._sink)

    @property
    def reusable(self) -> bool:
        """The connection may carry another request: the message is over, nothing follows it, and both sides keep it."""
        return self.complete and self._persistent and not self._excess

    def feed(self, data: bytes) -> bytes:
        """Take *data* (never empty) and return the bytes of the body in it. Raises BadResponse."""
        self.started = True
        if self.complete:
            self._excess = True
            return b""
        if self.head is not None:
            return self._take_body(data)
        return self._take_heads(self._gathered + data, len(data))

    def forget_headers(self) -> None:
        """Let go of the head's headers, which somebody else has now, and may let go of before the body ends."""
        if self.head is not None:
            self.head = ResponseHead(self.head.status, (), self.head.http_1_0)

    def feed_eof(self) -> None:
        """The connection has ended. Raises ConnectionLost before the head is complete, ResponseCut before the body is."""
        if self.complete:
            return
        if self.head is None:
            raise ConnectionLost("the endpoint closed the connection before it answered")
        if self._chunked or self._remaining is not None:
            raise ResponseCut("the endpoint closed the connection before the end of its answer")
        self.complete = True

    def _take_heads(self, gathered: bytes, fresh: int) -> bytes:
        """Take the heads in *gathered*, whose last *fresh* bytes are new."""
        search_from = max(len(gathered) - fresh - len(_BLANK) + 1, 0)
        while gathered and self.head is None:
            if not gathered.startswith(_VERSION[: len(gathered)]):
                raise BadResponse("the endpoint's answer does not begin with HTTP/1.")
            size = gathered.find(_BLANK, search_from) + len(_BLANK)
            if size < len(_BLANK):
                self._spend_on_head(len(gathered) + 1)
                self._gathered = gathered
                return b""
            self._spend_on_head(size)
            self._head_budget -= size
            self._take_head(gathered[:size])
            gathered = gathered[size:]
            search_from = 0
        self._gathered = b""
        return self.feed(gathered) if gathered else b""

    def _spend_on_head(self, size: int) -> None:
        if size > self._head_budget:
            raise BadResponse(
                f"the endpoint's answer has a head of more than {MAX_HEAD_BYTES} bytes"
            )

    def _take_head(self, head: bytes) -> None:
        sink = self._sink
        status = _read_status(head)
        try:
            self._llhttp.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadResponse(f"malformed head of the endpoint's answer: {error}") from None
        if len(sink.headers) > MAX_HEADERS:
            raise BadResponse(f"the endpoint's answer has more than {MAX_HEADERS} headers")
        parsed = ResponseHead(status, tuple(sink.headers), http_1_0=head[7:8] == b"0")
        framing = _read_framing(parsed)  # of interim answers too, which have no body
        if status >= 200:
            self._choose_framing(parsed, framing)
            self.head = parsed
        sink.headers.clear()
        sink.message_complete = False

    def _choose_framing(self, head: ResponseHead, framing: Mapping[bytes, Sequence[bytes]]) -> None:
        """RFC 9112 6.3, and 9.3 for persistence."""
        codings = framing.get(b"transfer-encoding", ())
        lengths = framing.get(b"content-length", ())
        options = {
            option.strip(_OWS).lower()
            for value in framing.get(b"connection", ())
            for option in value.split(b",")
        }
        kept = b"keep-alive" in options if head.http_1_0 else b"close" not in options
        bodiless = self._head_only or head.status in {204, 304}
        self._chunked = bool(codings)
        self._remaining = int(lengths[0]) if lengths else None
        self.complete = bodiless or self._remaining == 0
        self._persistent = kept and (bodiless or bool(codings) or bool(lengths))

    def _take_body(self, data: bytes) -> bytes:
        if self._chunked:
            return self._take_chunks(data)
        if self._remaining is None:
            return data
        piece = data[: self._remaining]
        self._excess = len(piece) < len(data)
        self._remaining -= len(piece)
        self.complete = self._remaining == 0
        return piece

    def _take_chunks(self, data: bytes) -> bytes:
        sink = self._sink
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserError as error:
            if not sink.message_complete:
                raise BadResponse(f"malformed chunk in the endpoint's answer: {error}") from None
            self._excess = True
        piece = b"".join(sink.pieces)
        sink.pieces.clear()
        self._limit_framing(len(data), piece)
        self._last_bytes = data[-6:] if len(data) > 5 else (self._last_bytes + data)[-6:]
        if sink.message_complete:
            self._end_chunks()
        return piece

    def _limit_framing(self, size: int, piece: bytes) -> None:
        self._framing_bytes = 0 if piece else self._framing_bytes + size
        if self._framing_bytes > MAX_FRAMING_BYTES or len(self._sink.headers) > MAX_HEADERS:
            raise BadResponse("the endpoint's answer has more framing than is reasonable")

    def _end_chunks(self) -> None:
        if any(name in _MISPLACED for name, _ in self._sink.headers):
            raise BadResponse("the endpoint's answer says in a trailer where it ends")
        # llhttp skips CR and LF between messages without a word. No message ends in three line ends.
        ending = self._last_bytes
        self._excess |= not ending.endswith(_BLANK) or ending == _BLANK + b"\r\n"
        self.complete = True


def _read_framing(head: ResponseHead) -> dict[bytes, list[bytes]]:
    """Return the headers that say where the message ends; those that could be read in two ways are refused (RFC 9112 6)."""
    framing: dict[bytes, list[bytes]] = {}
    for name, value in head.headers:
        if name in _FRAMING:
            framing.setdefault(name, []).append(value)
    codings = framing.get(b"transfer-encoding", ())
    lengths = framing.get(b"content-length", ())
    if codings and lengths:
        raise BadResponse("the endpoint's answer has both Transfer-Encoding and Content-Length")
    if codings and (head.http_1_0 or [value.lower() for value in codings] != [b"chunked"]):
        raise BadResponse("the endpoint's answer has a transfer coding other than chunked")
    if lengths and not (len(lengths) == 1 and lengths[0].isdigit()):
        raise BadResponse("the endpoint's answer has no single valid Content-Length")
    return framing


def _read_status(head: bytes) -> int:
    """RFC 9112 4. llhttp is more generous with versions and reason phrases."""
    line = _STATUS_LINE.match(head)
    if line is None:
        raise BadResponse("malformed status line of the endpoint's answer")
    status = int(line[1])
    if status == 101:
        raise BadResponse("the endpoint switched protocols unasked")
    return status
