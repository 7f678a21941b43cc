"""Server-sent events (WHATWG HTML 9.2), as far as a router has something to say in an engine's stream."""

import re
from collections.abc import Iterable

from kthena_router.errors import RouterError
from kthena_router.wire.payloads import error_body

_LONGEST_END = 4
_ENDED = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)\Z")


def takes_events(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether an event may be added to a body with *headers* (names in lower case).

    Not to one with a length, which it would exceed, nor to one that is encoded, which it would corrupt.
    """
    is_stream = False
    for name, value in headers:
        if name == b"content-type":
            is_stream = value.split(b";", 1)[0].strip().lower() == b"text/event-stream"
        elif name == b"content-length" or (
            name == b"content-encoding" and value.lower() != b"identity"
        ):
            return False
    return is_stream


def end_of(seen: bytes, piece: bytes) -> bytes:
    """Return as much of the end of a stream as `error_event` wants to know; *seen*: what it was before *piece*."""
    return piece[-_LONGEST_END:] if len(piece) >= _LONGEST_END else (seen + piece)[-_LONGEST_END:]


def error_event(error: RouterError, *, after: bytes) -> bytes:
    """Return the event that tells a client of *error*, to be sent where the stream ended with *after*.

    An event that was cut off is closed first: what is left of it would swallow this one.
    """
    event = b"data: " + error_body(error) + b"\n\n"
    return event if not after or _ENDED.search(after) else b"\n\n" + event
