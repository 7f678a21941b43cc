"""Read the token usage off an answer that passes by, without decoding it and without changing a byte."""

import re
from dataclasses import dataclass

# A usage object with all of its details stays well below this; in a stream it stands in the last events.
TAIL_BYTES = 4096

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_PROMPT = re.compile(rb'"(?:prompt_tokens|input_tokens)"\s*:\s*(\d{1,15})')
_COMPLETION = re.compile(rb'"(?:completion_tokens|output_tokens)"\s*:\s*(\d{1,15})')


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as the engine counted them."""

    input_tokens: int = 0
    output_tokens: int = 0


class UsageObserver:
    """Is fed the pieces of an answer; the last usage in it counts, so continuous usage counts once."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        self._tail = (
            piece[-TAIL_BYTES:] if len(piece) >= TAIL_BYTES else (self._tail + piece)[-TAIL_BYTES:]
        )

    @property
    def usage(self) -> Usage:
        """Return what was seen so far; zeros where there was none."""
        found = None
        for found in _USAGE.finditer(self._tail):  # noqa: B007 - the last one is wanted
            pass
        if found is None:
            return Usage()
        prompt = _PROMPT.search(self._tail, found.end())
        completion = _COMPLETION.search(self._tail, found.end())
        return Usage(int(prompt[1]) if prompt else 0, int(completion[1]) if completion else 0)
