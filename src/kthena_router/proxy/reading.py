"""Read a client's request: its body within its limits, its target, and whether the client is still there."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import trio

from kthena_router.errors import BodyTooLarge, InvalidRequest, RequestTimeout
from kthena_router.listeners.asgi import Message, Receive, Scope

# A client may be slow, but each piece of its body must come within this time.
BODY_PIECE_SECONDS = 60.0


class ClientGone(Exception):
    """The client left; there is nobody to answer."""


async def read_body(receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes:
    """Return the whole body. Raises BodyTooLarge, RequestTimeout, InvalidRequest, ClientGone."""
    announced = _announced_length(headers)
    if announced > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await _next_message(receive)
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _next_message(receive: Receive) -> Message:
    try:
        with trio.fail_after(BODY_PIECE_SECONDS):
            message = await receive()
    except trio.TooSlowError:
        raise RequestTimeout(
            f"no byte of the request body came for {BODY_PIECE_SECONDS:g} s"
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _announced_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise InvalidRequest("invalid content-length")
            return int(value)
    return 0


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than the {limit} bytes that this router accepts"
    )


async def wait_until_client_leaves(receive: Receive) -> None:
    """Return when the client has left; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


def target_of(scope: Scope) -> bytes:
    """Return path and query as the client wrote them, without scheme and host of an absolute form (RFC 9112 3.2.2)."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if not raw.startswith(b"/"):
        raw = urlsplit(raw).path or b"/"
    raw = raw.split(b"?", 1)[0]
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw
