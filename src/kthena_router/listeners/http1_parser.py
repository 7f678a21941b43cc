"""HTTP/1.1 requests from the bytes of a connection, without I/O: RFC 9112, as strict as h11 or stricter.

A head is gathered whole, checked with a few regular expressions and given to llhttp once, so that two judges must agree
on it (9 microseconds for a request with ten headers, where h11 takes 51). Lengths are counted and chunks are taken apart in
`http1_body`, so that the end of every message is known to the byte: what follows it is the next request and nothing else.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import httptools

from kthena_router.errors import BodyTooLarge
from kthena_router.listeners.http1_body import ChunkedBody, SizedBody
from kthena_router.listeners.http1_grammar import FIELDS, STRAY, TOKEN
from kthena_router.listeners.http1_refusals import (
    HeadTooLarge,
    MalformedRequest,
    NotImplementedHere,
    TargetTooLong,
    VersionNotSupported,
)
from kthena_router.listeners.targets import check_target, the_host

Header = tuple[bytes, bytes]

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 3.4

_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])\r\n")
_LENGTH = re.compile(rb"[0-9]{1,19}")  # fits into 64 bits
_CODED = re.compile(rb"(?im)^transfer-encoding:")
_SIZED = re.compile(rb"(?im)^content-length:")
_ONLY_CHUNKED = "chunked, once, is the only transfer coding here"
_BLANK = b"\r\n\r\n"
_OWS = b" \t"
_FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a request is taken. More is answered with 414, 431 or 413; `None` leaves the body to the application."""

    request_line_bytes: int = 8192  # RFC 9112 3 wants 8000 at least
    head_bytes: int = 65_536  # as h11 with hypercorn: long tokens in Authorization
    headers: int = 256
    body_bytes: int | None = None


class RequestHead(NamedTuple):
    """Request line and headers; names in lower case, values without white space around them, in the order of arrival."""

    method: bytes
    target: bytes
    http_1_0: bool
    headers: list[Header]
    keeps_alive: bool  # the client's side of RFC 9112 9.3; never for HTTP/1.0
    expects_continue: bool
    upgrades: bool  # an Upgrade header is meant: RFC 9110 7.8


class Http2Spoken(Exception):
    """The connection begins with the preface of HTTP/2: `RequestParser.unread` has the bytes."""


class _Sink:
    """What llhttp reports. It knows nothing of the parser, so that no reference cycle outlives a request."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[Header] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(_OWS)))


class RequestParser:
    """Takes what a client sends; gives one request after the other, each as a head and the pieces of its body.

    `read_head` gives the next head once the body before it is `complete`. Every method raises an InvalidRequest, or
    BodyTooLarge, with the status to answer; the connection is of no use after that.
    """

    __slots__ = ("_body", "_buffer", "_first", "_limits", "_searched")

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._buffer = b""
        self._searched = 0
        self._first = True
        self._body: SizedBody | ChunkedBody = SizedBody(0)

    @property
    def complete(self) -> bool:
        """The body of the latest request has been read to its end."""
        return self._body.complete

    @property
    def body_is_here(self) -> bool:
        """What is left of the body has come, read or not."""
        return self._body.complete or self._body.is_within(len(self._buffer))

    @property
    def unread(self) -> bytes:
        """Return what has come and is not read: a part of a body, or of requests sent ahead."""
        return self._buffer

    def feed(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._buffer = self._buffer + data if self._buffer else data

    def read_head(self) -> RequestHead | None:
        """Return the head of the next request, None when it is not complete yet. Raises Http2Spoken on a preface."""
        buffer = self._buffer
        if not buffer or (self._first and self._may_be_http2(buffer)):
            return None
        size = buffer.find(_BLANK, self._searched) + len(_BLANK)
        if size < len(_BLANK):
            self._check_unfinished(buffer)
            self._searched = max(len(buffer) - len(_BLANK) + 1, 0)
            return None
        self._searched = 0
        self._first = False
        head = self._parse(buffer[:size])
        self._buffer = buffer[size:]
        return head

    def read_body(self) -> bytes:
        """Return what is here of the body, b"" where nothing is: look at `complete`."""
        if self._body.complete or not self._buffer:
            return b""
        piece, self._buffer = self._body.take(self._buffer)
        return piece

    def _may_be_http2(self, buffer: bytes) -> bool:
        if buffer.startswith(HTTP2_PREFACE):
            raise Http2Spoken
        return HTTP2_PREFACE.startswith(buffer)

    def _check_unfinished(self, buffer: bytes) -> None:
        """Refuse early what cannot become a request, so that nobody waits for its end."""
        line_end = buffer.find(b"\r\n") + 2
        if line_end >= 2:
            if line_end > self._searched:  # it is new
                self._match_line(buffer[:line_end])
        elif len(buffer) > self._limits.request_line_bytes:
            raise TargetTooLong("the request line is too long")
        elif buffer[0] <= 0x20 or buffer[0] >= 0x7F:
            raise MalformedRequest("malformed request line")
        if STRAY.search(buffer, max(self._searched - 1, 0)):
            raise MalformedRequest("a line of the request does not end as HTTP/1.1 has it")
        if len(buffer) >= self._limits.head_bytes:
            raise HeadTooLarge(f"the head is larger than {self._limits.head_bytes} bytes")

    def _match_line(self, head: bytes) -> re.Match[bytes]:
        line = _LINE.match(head)
        limit = self._limits.request_line_bytes
        if (head.find(b"\r\n") + 2 if line is None else line.end()) > limit:
            raise TargetTooLong("the request line is too long")
        if line is None:
            raise MalformedRequest("malformed request line")
        if line[3] != b"1" or line[4] not in b"01":
            raise VersionNotSupported("only HTTP/1.0 and HTTP/1.1 are spoken here")
        return line

    def _parse(self, head: bytes) -> RequestHead:
        line = self._match_line(head)
        if len(head) > self._limits.head_bytes:
            raise HeadTooLarge(f"the head is larger than {self._limits.head_bytes} bytes")
        if not FIELDS.fullmatch(head, line.end()):
            raise MalformedRequest("malformed header")
        headers = _read_headers(head)
        if len(headers) > self._limits.headers:
            raise HeadTooLarge(f"the request has more than {self._limits.headers} headers")
        http_1_0 = line[4] == b"0"
        framing: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name in _FRAMING:
                framing.setdefault(name, []).append(value)
        host = the_host(framing.get(b"host", ()), required=not http_1_0)
        check_target(line[1], line[2], host)
        self._body = self._choose_body(framing, http_1_0=http_1_0)
        options = _options(framing.get(b"connection"))
        return RequestHead(
            line[1],
            line[2],
            http_1_0,
            headers,
            keeps_alive=not http_1_0 and b"close" not in options,
            expects_continue=not http_1_0 and b"100-continue" in _options(framing.get(b"expect")),
            upgrades=not http_1_0 and b"upgrade" in options,
        )

    def _choose_body(
        self, framing: dict[bytes, list[bytes]], *, http_1_0: bool
    ) -> SizedBody | ChunkedBody:
        """RFC 9112 6.1 to 6.3, where it leaves a choice the strict one."""
        codings, lengths = framing.get(b"transfer-encoding"), framing.get(b"content-length")
        limit = self._limits.body_bytes
        if codings is not None:
            if lengths is not None:
                raise MalformedRequest("Content-Length and Transfer-Encoding exclude each other")
            if http_1_0:
                raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding")
            if len(codings) > 1 or codings[0].lower() != b"chunked":
                raise NotImplementedHere(_ONLY_CHUNKED)
            return ChunkedBody(max_bytes=limit, max_framing_bytes=self._limits.head_bytes)
        if lengths is None:
            return SizedBody(0)
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise MalformedRequest("Content-Length must be given once, as a number")
        length = int(lengths[0])
        if limit is not None and length > limit:
            raise BodyTooLarge(f"the request body is larger than {limit} bytes")
        return SizedBody(length)


def _read_headers(head: bytes) -> list[Header]:
    sink = _Sink()
    try:
        httptools.HttpRequestParser(sink).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # an offer, which is not taken up: the whole head has been read
    except httptools.HttpParserInvalidMethodError:
        raise NotImplementedHere("unknown method") from None
    except httptools.HttpParserError as error:
        if _CODED.search(head) and not _SIZED.search(head):  # RFC 9112 6.1 has a status for this
            raise NotImplementedHere(_ONLY_CHUNKED) from None
        raise MalformedRequest(f"malformed request: {error}") from None
    return sink.headers


def _options(values: list[bytes] | None) -> list[bytes]:
    if values is None:
        return []
    return [option.strip(_OWS) for value in values for option in value.lower().split(b",")]
