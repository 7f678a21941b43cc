"""The head of an HTTP/1.1 request as bytes (RFC 9112 3 and 5); whatever could be read as something else is refused."""

import re
from collections.abc import Iterable

from kthena_router.errors import InvalidRequest

# The connection's and the framing's own: they are written here or not at all.
RESERVED_HEADERS = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_METHOD = re.compile(_TOKEN)
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")
_HOST = re.compile(rb"[\x21-\x7e]+")
_HEADERS = re.compile(rb"(?:" + _TOKEN + rb": [\t\x20-\x7e\x80-\xff]*\r\n)*")
_LENGTH_EXPECTED = frozenset({b"POST", b"PUT", b"PATCH"})  # RFC 9110 8.6


def encode_request_head(
    method: bytes,
    target: bytes,
    host: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body_length: int,
) -> bytes:
    """Return the bytes up to and including the blank line. *headers*: names in lower case.

    Raises InvalidRequest where a part contains what does not belong into it (line ends above all), or where *headers*
    holds one of RESERVED_HEADERS.
    """
    if not (_METHOD.fullmatch(method) and _TARGET.fullmatch(target) and _HOST.fullmatch(host)):
        raise InvalidRequest("the request line or the host contains forbidden characters")
    lines = _encode_headers(tuple(headers))
    length = body_length or method in _LENGTH_EXPECTED
    framing = b"content-length: %d\r\n" % body_length if length else b""
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b%b\r\n" % (method, target, host, lines, framing)


def _encode_headers(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    if not RESERVED_HEADERS.isdisjoint([name.lower() for name, _ in headers]):
        raise InvalidRequest("a header that belongs to the connection cannot be passed on")
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    # The pattern alone would take a line end within a value for the end of that header: hence the count.
    if lines.count(b"\n") != len(headers) or not _HEADERS.fullmatch(lines):
        raise InvalidRequest("a header contains forbidden characters")
    return lines
