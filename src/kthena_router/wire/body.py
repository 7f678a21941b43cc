"""Find the values of one top-level key of a JSON object, so that one of them can be replaced and every other byte kept."""

import json
import re
from collections.abc import Iterator

import msgspec

Span = tuple[int, int]
Edit = tuple[int, int, bytes]  # from where to where, and what stands there instead

_KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_OPENING = re.compile(rb"\s*\{")
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the undecoded values of a JSON object by key, of a repeated key the last. Raises msgspec.DecodeError."""
    return _decode_members(body)


def value_spans(body: bytes, values: dict[str, msgspec.Raw], key: str) -> list[Span]:
    """Return where the values of *key* stand in *body*; *values* is what `members` said of it."""
    try:
        return [span for name, span in _walk(body, values) if name == key]
    except _RepeatedKey:
        return [span for name, span in _walk_slowly(body) if name == key]


def splice(body: bytes, spans: list[Span], value: bytes) -> bytes:
    """Return *body* with *value* in place of each of *spans*, which are in order and apart."""
    parts: list[bytes] = []
    position = 0
    for start, end in spans:
        parts += (body[position:start], value)
        position = end
    parts.append(body[position:])
    return b"".join(parts)


def edited(body: bytes, edits: list[Edit]) -> bytes:
    """Return *body* with all of *edits* made, which do not overlap; every other byte stays."""
    parts: list[bytes] = []
    position = 0
    for start, end, value in sorted(edits):
        parts += (body[position:start], value)
        position = end
    parts.append(body[position:])
    return b"".join(parts)


def after_opening(body: bytes) -> int:
    """Return the place behind the opening brace of a JSON object."""
    return _start(body)


class _RepeatedKey(Exception):
    """A key stands twice, so that the lengths in the decoded object do not tell where values end."""


def _walk(body: bytes, values: dict[str, msgspec.Raw]) -> Iterator[tuple[str, Span]]:
    """Step from key to key by the length of each value: no byte of a value is looked at again."""
    position = _start(body)
    for name, raw in values.items():
        found, start = _key_at(body, position)
        if found != name:
            raise _RepeatedKey
        position = start + len(memoryview(raw))
        yield name, (start, position)
    if _KEY.match(body, position):
        raise _RepeatedKey


def _walk_slowly(body: bytes) -> Iterator[tuple[str, Span]]:
    """Decode every value to learn where it ends; only objects with repeated keys come here."""
    decoder = json.JSONDecoder()
    text = body.decode()
    position = _start(body)
    while match := _KEY.match(body, position):
        start = match.end()
        begin = len(body[:start].decode())
        _, end = decoder.raw_decode(text, begin)
        position = start + len(text[begin:end].encode())
        yield json.loads(match[1]), (start, position)


def _start(body: bytes) -> int:
    match = _OPENING.match(body)
    return match.end() if match else 0


def _key_at(body: bytes, position: int) -> tuple[str, int]:
    match = _KEY.match(body, position)
    if match is None:
        raise _RepeatedKey
    return json.loads(match[1]), match.end()
