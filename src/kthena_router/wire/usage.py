"""Read the token usage off an answer that passes by, without decoding it and without changing a byte."""

import re

from msgspec import Struct

# A usage object with all of its details stays well below this; in a stream it stands in the last events.
TAIL_BYTES = 4096

_EVENT = b"data:"
_WORD = b'"usage"'
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_PROMPT = re.compile(rb'"(?:prompt_tokens|input_tokens)"\s*:\s*(\d{1,15})')
_COMPLETION = re.compile(rb'"(?:completion_tokens|output_tokens)"\s*:\s*(\d{1,15})')


class Usage(Struct, frozen=True):
    """Tokens of one request, as the engine counted them."""

    input_tokens: int = 0
    output_tokens: int = 0


class UsageObserver:
    """Is fed the pieces of an answer; the last usage in it counts, so continuous usage counts once."""

    __slots__ = ("_quiet", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._quiet = True  # no usage in the tail

    def feed(self, piece: bytes) -> None:
        if self._quiet and piece.startswith(_EVENT) and _WORD not in piece:
            self._tail = (
                piece  # nothing before it matters: no part of the word begins like an event
            )
            return
        tail = self._tail
        tail = piece[-TAIL_BYTES:] if len(piece) >= TAIL_BYTES else (tail + piece)[-TAIL_BYTES:]
        self._tail = tail
        self._quiet = _WORD not in tail

    @property
    def usage(self) -> Usage:
        """Return what was seen so far; zeros where there was none."""
        at = self._tail.rfind(_WORD)
        while at >= 0:
            if (found := _USAGE.match(self._tail, at)) is not None:
                return self._read(found.end())
            at = self._tail.rfind(_WORD, 0, at)  # `null`, or a word in a text
        return Usage()

    def _read(self, start: int) -> Usage:
        prompt = _PROMPT.search(self._tail, start)
        completion = _COMPLETION.search(self._tail, start)
        return Usage(int(prompt[1]) if prompt else 0, int(completion[1]) if completion else 0)
