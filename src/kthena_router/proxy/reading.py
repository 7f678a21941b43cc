"""Read a client's request: its head, its body within its limits, and whether the client is still there."""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import trio
from msgspec import Struct

from kthena_router.errors import BodyTooLarge, RequestTimeout
from kthena_router.listeners.asgi import Message, Receive, Scope
from kthena_router.wire.headers import FirstValues

# A client may be slow, but each piece of its body must come within this time.
BODY_PIECE_SECONDS = 60.0

_SERVED = "/v1/"
_DOTS = re.compile(r"/\.\.?(?:/|\Z)")
_MANY_DIGITS = 15  # a length of so many digits is too large for anything


class ClientGone(Exception):
    """The client left; there is nobody to answer."""


class RequestHead(Struct, frozen=True):
    """What a client asks for.

    *path*: decoded, without query. *target*: path and query as the client wrote them. *protocol*: as in `HTTP/1.1`.
    *headers*: all, in order. *values*: the first value of each, by name in lower case.
    """

    method: str
    path: str
    target: bytes
    protocol: str
    headers: list[tuple[bytes, bytes]]
    values: Mapping[str, str]

    @property
    def is_served(self) -> bool:
        """Return whether the path is one below `/v1/`, for an endpoint too that resolves dot segments."""
        return self.path.startswith(_SERVED) and not _DOTS.search(self.path)


def read_head(scope: Scope) -> RequestHead:
    """Return the head of a request. A target in absolute form counts as its path and query (RFC 9112 3.2.2)."""
    headers = list(scope["headers"])
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or path.encode()
    if not raw.startswith(b"/"):
        raw = urlsplit(raw).path or b"/"
        path = unquote(raw.decode("latin-1"))
    query: bytes = scope.get("query_string", b"")
    return RequestHead(
        method=scope["method"],
        path=path,
        target=raw + b"?" + query if query else raw,
        protocol=f"HTTP/{scope['http_version']}",
        headers=headers,
        values=FirstValues(headers),
    )


async def read_body(receive: Receive, head: RequestHead, limit: int, *, timed: bool) -> bytes:
    """Return the whole body, of at most *limit* bytes. *timed*: nobody else limits the time that it may take.

    Raises BodyTooLarge, RequestTimeout, ClientGone.
    """
    announced = head.values.get("content-length", "0")
    if len(announced) > _MANY_DIGITS or (announced.isdecimal() and int(announced) > limit):
        raise _too_large(limit)
    body = b""
    gathered = (
        bytearray()
    )  # not a list: pieces may be two bytes long, and an object for each has sixty
    while True:
        message = await _next_message(receive, timed=timed)
        body = message.get("body", b"")
        if len(gathered) + len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            break
        gathered += body
    return bytes(gathered + body) if gathered else body


async def _next_message(receive: Receive, *, timed: bool) -> Message:
    if not timed:
        message = await receive()
    else:
        message = await _next_message_in_time(receive)
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


async def _next_message_in_time(receive: Receive) -> Message:
    try:
        with trio.fail_after(BODY_PIECE_SECONDS):
            return await receive()
    except trio.TooSlowError:
        raise RequestTimeout(
            f"no byte of the request body came for {BODY_PIECE_SECONDS:g} s: "
            "send as many as content-length announces, or the last chunk"
        ) from None


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than the {limit} bytes that this router accepts: "
        "send less, or have --max-request-body raised"
    )


async def wait_until_client_leaves(receive: Receive) -> None:
    """Return when the client has left; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
