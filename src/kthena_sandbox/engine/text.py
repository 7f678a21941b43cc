"""What the engine says, and how it counts tokens. Pure."""

import re
from itertools import cycle, islice
from zlib import crc32

_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")
_VOCABULARY = 151_936


def sentence(model: str) -> str:
    """The answer to everything."""
    return f"This is simulated message from {model}!"


def split(text: str) -> list[str]:
    """The tokens of *text*: words and marks, each with the white space before it; joined they are *text*."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens *text* has."""
    return len(split(text))


def token_ids(text: str) -> list[int]:
    """A stable number for each token."""
    return [crc32(token.encode()) % _VOCABULARY for token in split(text)]


def answer_pieces(model: str) -> list[str]:
    """The sentence as it is streamed; a model's name is one piece, however long it is."""
    return ["This", " is", " simulated", " message", " from", f" {model}", "!"]


def prolonged(pieces: list[str], length: int) -> list[str]:
    """*length* pieces: the first ones, or all of them again and again."""
    if not pieces or length <= len(pieces):
        return pieces[:length]
    again = [*pieces[1:], f" {pieces[0].lstrip()}"]  # a space between one round and the next
    return [pieces[0], *islice(cycle(again), length - 1)]
