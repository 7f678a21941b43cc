"""The bodies of HTTP/1.1 requests, by length and in chunks (RFC 9112 6 and 7), without I/O.

Chunks are taken apart here and not by llhttp, since httptools does not tell where in the bytes a message ended (the next
request begins there), and since llhttp takes sizes with any number of zeros before them and trailers that h11 refuses.
"""

import re

from kthena_router.errors import BodyTooLarge
from kthena_router.listeners.http1_grammar import FIELD, STRAY, TOKEN
from kthena_router.listeners.http1_refusals import MalformedRequest

MAX_CHUNK_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 8192

_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + _QUOTED + rb"))?)*+)\r\n"
)
# RFC 9110 6.5.1: what says where a message ends, or for whom it is, cannot come after it.
_MISPLACED = frozenset({b"content-length", b"transfer-encoding", b"host", b"trailer"})
_LINE_END = b"\r\n"
_TOO_MUCH_FRAMING = "the body has more framing than is reasonable"


class SizedBody:
    """A body of *length* bytes, 0 for none."""

    __slots__ = ("_remaining", "complete")

    def __init__(self, length: int) -> None:
        self._remaining = length
        self.complete = not length

    def is_within(self, size: int) -> bool:
        """Return whether the next *size* bytes hold the rest of the body."""
        return self._remaining <= size

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of *data* belongs to the body, and the rest."""
        piece = data[: self._remaining]
        self._remaining -= len(piece)
        self.complete = not self._remaining
        return piece, data[len(piece) :]


class ChunkedBody:
    """A body in chunks; extensions and trailers are checked and dropped. *max_bytes*: of the body, None for no limit.

    *max_framing_bytes*: of extensions and trailers together.
    """

    __slots__ = (
        "_budget",
        "_chunk",
        "_framing_budget",
        "_line_end_due",
        "_max_bytes",
        "_trailing",
        "complete",
    )

    def __init__(self, *, max_bytes: int | None, max_framing_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._budget = max_bytes
        self._framing_budget = max_framing_bytes
        self._chunk = 0  # bytes that are still to come of the current chunk
        self._line_end_due = False  # after the data of a chunk
        self._trailing = False  # the last chunk has come
        self.complete = False

    def is_within(self, size: int) -> bool:
        """Return False: only taking chunks apart tells where they end."""
        return False

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the body's bytes in *data*, and what is not read: the beginning of a line, or the next request.

        Raises MalformedRequest and BodyTooLarge.
        """
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.complete:
            if self._chunk:
                piece = data[at : at + self._chunk]
                pieces.append(piece)
                self._chunk -= len(piece)
                taken = len(piece)
            elif self._line_end_due:
                taken = self._take_line_end(data, at)
            elif self._trailing:
                taken = self._take_trailer(data, at)
            else:
                taken = self._take_chunk_line(data, at)
            if not taken:
                break
            at += taken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), data[at:]

    def _take_line_end(self, data: bytes, at: int) -> int:
        found = data[at : at + 2]
        if not _LINE_END.startswith(found):
            raise MalformedRequest("a chunk is longer than announced")
        if found != _LINE_END:
            return 0
        self._line_end_due = False
        return 2

    def _take_chunk_line(self, data: bytes, at: int) -> int:
        end = self._find_line_end(data, at, MAX_CHUNK_LINE_BYTES)
        if not end:
            return 0
        line = _CHUNK_LINE.fullmatch(data, at, end)
        if line is None:
            raise MalformedRequest("malformed chunk")
        self._spend_on_framing(len(line[2]))
        self._begin_chunk(int(line[1], 16))
        return end - at

    def _begin_chunk(self, size: int) -> None:
        if self._budget is not None:
            self._budget -= size
            if self._budget < 0:
                raise BodyTooLarge(f"the request body is larger than {self._max_bytes} bytes")
        self._chunk = size
        self._line_end_due = size > 0
        self._trailing = size == 0

    def _take_trailer(self, data: bytes, at: int) -> int:
        end = self._find_line_end(data, at, MAX_TRAILER_BYTES)
        if not end:
            return 0
        if end - at == len(_LINE_END):
            self.complete = True
            return end - at
        self._spend_on_framing(end - at)
        line = FIELD.fullmatch(data, at, end)
        if line is None or line[1].lower() in _MISPLACED:
            raise MalformedRequest("malformed trailer")
        return end - at

    def _find_line_end(self, data: bytes, at: int, limit: int) -> int:
        """Return where the line ends that begins *at*, 0 if its end has not come yet."""
        end = data.find(_LINE_END, at, at + limit) + len(_LINE_END)
        if end >= len(_LINE_END):
            return end
        if len(data) - at >= limit or STRAY.search(data, at):
            raise MalformedRequest("malformed line between the chunks")
        return 0

    def _spend_on_framing(self, size: int) -> None:
        self._framing_budget -= size
        if self._framing_budget < 0:
            raise MalformedRequest(_TOO_MUCH_FRAMING)
