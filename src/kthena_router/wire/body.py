"""Find the values of one top-level key of a JSON object, so that one of them can be replaced and every other byte kept."""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

Span = tuple[int, int]

# What a body may be made of, where it has to be looked at in Python: 0.2 s for this many strings and brackets.
MAX_TOKENS = 1_000_000
# The decoder makes two objects of each member, 200 bytes together: 20 MB for this many, and as many need half a MiB.
MAX_MEMBERS = 100_000

# Possessive, since a repeat that remembers its way back takes 100 bytes for each escape in a string.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_MEMBER = re.compile(rb"\s*+[{,]\s*+(" + _STRING + rb")\s*+:\s*+", re.DOTALL)
_CLOSING = re.compile(rb"\s*+\{?\s*+\}\s*+")
_SCALAR = re.compile(_STRING + rb"|[^\s,}\"\[{]++", re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_key = msgspec.json.Decoder(str).decode


class TooComplex(ValueError):
    """A body that would take more time or memory than any real request."""


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the undecoded values of a JSON object by key, of a repeated key the last.

    Raises msgspec.DecodeError, UnicodeDecodeError, RecursionError (about 1,000 levels), TooComplex. Values are only
    looked at as far as their syntax goes, not for UTF-8.
    """
    if len(body) > 5 * MAX_MEMBERS and body.count(b":") > MAX_MEMBERS:
        _refuse_too_many(body)
    return _decode_members(body)


def value_spans(body: bytes, values: Mapping[str, msgspec.Raw], key: str) -> list[Span]:
    """Return where the values of *key* stand in *body*; *values* is what `members` said of it. Raises TooComplex."""
    spans = _spans_by_length(body, values, key)
    if spans is not None:
        return spans
    return [span for name, span in _walk(body) if name == key]


def splice(body: bytes, spans: Sequence[Span], value: bytes) -> bytes:
    """Return *body* with *value* in place of each of *spans*, which are in order and apart."""
    parts: list[bytes] = []
    position = 0
    for start, end in spans:
        parts += (body[position:start], value)
        position = end
    parts.append(body[position:])
    return b"".join(parts)


def _spans_by_length(body: bytes, values: Mapping[str, msgspec.Raw], key: str) -> list[Span] | None:
    """Step from key to key by the length of each value, 0.6 us a member; None where a key stands twice.

    Where every value is found at its place and the object ends behind the last one, this is how the body has to be read,
    so a repeated key cannot be missed.
    """
    found: list[Span] = []
    position = 0
    for name, raw in values.items():
        match = _MEMBER.match(body, position)
        value = bytes(raw)
        if match is None or not body.startswith(value, match.end()):
            return None
        start = match.end()
        position = start + len(value)
        if name == key:
            found.append((start, position))
    return found if _CLOSING.fullmatch(body, position) else None


def _walk(body: bytes) -> Iterator[tuple[str, Span]]:
    """Look for the end of each value of a valid body; only objects with repeated keys come here. Raises TooComplex."""
    position = 0
    tokens = 0
    while match := _MEMBER.match(body, position):
        start = match.end()
        position, seen = _skip_value(body, start, MAX_TOKENS - tokens)
        tokens += seen
        yield _decode_key(match[1]), (start, position)


def _skip_value(body: bytes, start: int, budget: int) -> tuple[int, int]:
    """Return where the value at *start* ends, and how many tokens it has; that of a body cut off ends with the body."""
    if scalar := _SCALAR.match(body, start):
        return scalar.end(), 1
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(body, start), 1):
        if count > budget:
            raise TooComplex("it has too many parts")
        first = body[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
            if not depth:
                return token.end(), count
    return len(body), 0


def _refuse_too_many(body: bytes) -> None:
    """Raise TooComplex where the object has more members than is reasonable. *body* need not be valid."""
    for count, _ in enumerate(_walk(body), 1):
        if count > MAX_MEMBERS:
            raise TooComplex("it has too many fields")
