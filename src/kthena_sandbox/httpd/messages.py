"""What a client asks, and the bytes of what it is answered. Pure (RFC 9112)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl

from kthena_sandbox.httpd.parsing import Limits, Received

Headers = tuple[tuple[str, str], ...]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
LIMITS = Limits(head=256 * 1024, body=64 * 1024 * 1024)
_PHRASES = {int(status): status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are in lower case, in the client's order."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes = b""
    keep_alive: bool = True

    def header(self, name: str) -> str:
        """The first value of a header, "" where there is none; *name* in lower case."""
        return next((value for key, value in self.headers if key == name), "")


def read_request(received: Received) -> Request:
    """What a client asks."""
    pairs = received.headers
    return Request(
        received.method,
        received.path,
        dict(parse_qsl(received.query, keep_blank_values=True)),
        tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs),
        received.body,
        received.keep_alive,
    )


def head(status: int, headers: Iterable[tuple[str, str]], now: float) -> bytes:
    """Status line and header section; *now* is in seconds of the Unix epoch."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}",
        f"date: {_date(int(now))}",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def chunk(data: bytes) -> bytes:
    """*data*, not empty, as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
