"""Take the usage chunk out of a stream that was asked for it on the router's behalf, and leave every other byte as it is.

A stream of events (WHATWG HTML, 9.2 Server-sent events) arrives in pieces that end anywhere. Pieces of whole events
without usage, which is nearly all of them, are passed on after two searches.
"""

import re

# Longer than any usage chunk: an event that is still open then is something else, and is not held back.
MAX_HELD_BYTES = 16_384

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LONGEST_BOUNDARY = 4
_WITH_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*[^\]\s]')
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_USAGE_OBJECT = re.compile(rb'"usage"\s*:\s*\{')


class UsageFilter:
    """Is fed the pieces of a stream and returns what the client gets of them; `finish` returns what was held back."""

    __slots__ = ("_held", "_last", "_midway")

    def __init__(self) -> None:
        self._held = b""  # the beginning of an event that may turn out to be the usage chunk
        self._last = b""  # the last bytes passed on, while in the midst of an event that is not it
        self._midway = False

    def feed(self, piece: bytes) -> bytes:
        """Return what can be passed on now."""
        if not self._midway and not self._held:
            if piece.endswith(b"\n\n") and b'"usage"' not in piece:
                return piece
            return self._take_events(piece)
        if self._midway:
            return self._leave_event(piece)
        held, self._held = self._held, b""
        return self._take_events(held + piece)

    def finish(self) -> bytes:
        """Return what is left at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _leave_event(self, piece: bytes) -> bytes:
        """Pass on the rest of an event whose beginning has gone already."""
        seen = self._last + piece
        boundary = _BOUNDARY.search(seen)
        if boundary is None:
            self._last = seen[1 - _LONGEST_BOUNDARY :]
            return piece
        self._midway, self._last = False, b""
        end = boundary.end() - (len(seen) - len(piece))
        rest = piece[end:]
        return piece[:end] + self.feed(rest) if rest else piece

    def _take_events(self, data: bytes) -> bytes:
        passed: list[bytes] = []
        position = 0
        for boundary in _BOUNDARY.finditer(data):
            event = data[position : boundary.end()]
            if not is_usage_chunk(event):
                passed.append(event)
            position = boundary.end()
        rest = data[position:]
        if rest and self._may_be_usage(rest):
            self._held = rest
        elif rest:
            passed.append(rest)
            self._midway, self._last = True, rest[1 - _LONGEST_BOUNDARY :]
        return b"".join(passed)

    @staticmethod
    def _may_be_usage(beginning: bytes) -> bool:
        return len(beginning) <= MAX_HELD_BYTES and not _WITH_CHOICES.search(beginning)


def is_usage_chunk(event: bytes) -> bool:
    """Return whether *event* is the chunk that `include_usage` adds: usage and no choices."""
    return (
        b'"usage"' in event
        and _USAGE_OBJECT.search(event) is not None
        and _NO_CHOICES.search(event) is not None
    )
