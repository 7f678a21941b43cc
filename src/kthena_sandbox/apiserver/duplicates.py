"""Keys that stand twice in one JSON object, which a decoder overlooks and field validation reports."""

import json
from collections.abc import Iterator
from typing import Any


class _Object(dict[str, Any]):
    """A decoded object that remembers which keys came more than once."""

    repeated: tuple[str, ...] = ()


def _remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = _Object(pairs)
    if len(decoded) < len(pairs):
        names = [name for name, _ in pairs]
        decoded.repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return decoded


def duplicate_fields(body: bytes) -> list[str]:
    """The paths of repeated keys, empty for a body that is no JSON."""
    try:
        decoded = json.loads(body, object_pairs_hook=_remember)
    except ValueError:
        return []
    return list(_walk(decoded, ""))


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Object):
        for name in value.repeated:
            yield f"{path}.{name}" if path else name
        for name, entry in value.items():
            yield from _walk(entry, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _walk(entry, f"{path}[{index}]")
