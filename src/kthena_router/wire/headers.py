"""Which headers pass through a proxy, in both directions, and what counts as a client's request id.

Between two connections a header either speaks of the message and goes on, or of the connection and stays (RFC 9110 7.6.1).
Everything else goes on unchanged: `authorization`, `cookie`, `accept-encoding` and the trace headers as the client sent
them, `host` through `UpstreamRequest.host`. No `x-forwarded-*` and no `via` is added, as with the original router.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

Headers = tuple[tuple[bytes, bytes], ...]

REQUEST_ID = b"x-request-id"

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# The upstream connection writes its own framing, sends the body at once, and is told the host apart. Servers that hand
# headers on as variables read `_` as `-` (RFC 3875 4.1.18): to them the last two are framing too.
_WRITTEN_BY_TRANSPORT = frozenset(
    {b"content-length", b"expect", b"host", b"content_length", b"transfer_encoding"}
)
_NOT_OF_THE_RESPONSE = HOP_BY_HOP | {REQUEST_ID}
_NOT_OF_THE_REQUEST = _NOT_OF_THE_RESPONSE | _WRITTEN_BY_TRANSPORT
_NAMES_NOTHING = frozenset({b"keep-alive", b"close"})  # no header that is not dropped anyway

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@|-]{1,128}")


def end_to_end(
    headers: Iterable[tuple[bytes, bytes]], dropped: frozenset[bytes] = HOP_BY_HOP
) -> Headers:
    """Return *headers* with names in lower case, without *dropped*, hop-by-hop ones among them, and those that Connection names."""
    lowered = [(name.lower(), value) for name, value in headers]
    for name, value in lowered:
        if name == b"connection" and value not in _NAMES_NOTHING:
            dropped |= {option.strip(b" \t").lower() for option in value.split(b",")}
    return tuple([header for header in lowered if header[0] not in dropped])


def request_headers(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """Return what an endpoint is sent of a client's headers, with *request_id* as the only request id."""
    return (*end_to_end(headers, _NOT_OF_THE_REQUEST), (REQUEST_ID, request_id))


def response_headers(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """Return what a client is sent of an endpoint's headers, with *request_id* as the only request id."""
    return (*end_to_end(headers, _NOT_OF_THE_RESPONSE), (REQUEST_ID, request_id))


def client_request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the request id that the client chose, None where it sent none, several, or one that is unfit for a log.

    Fit are 1 to 128 letters, digits and `._~:/+=@|-`: UUIDs, trace ids, base64 and paths, but no white space, quotes,
    commas or line ends.
    """
    found = [value for name, value in headers if name.lower() == REQUEST_ID]
    if len(found) != 1 or not _SANE_REQUEST_ID.fullmatch(found[0]):
        return None
    return found[0]


class FirstValues(Mapping[str, str]):
    """The first value of each of *headers* (names in lower case), as routes match them: Latin-1, so no byte is lost.

    Few of them are asked for, so each is decoded only then.
    """

    __slots__ = ("_values",)

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = dict(reversed(headers))

    def __getitem__(self, name: str) -> str:
        return self._values[name.encode("latin-1")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._values)

    def __len__(self) -> int:
        return len(self._values)
