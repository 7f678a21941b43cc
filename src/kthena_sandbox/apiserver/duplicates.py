"""Keys that stand twice in one JSON or YAML object, which a decoder overlooks and field validation reports."""

import json
from collections.abc import Iterator
from typing import Any

import yaml


class _Object(dict[str, Any]):
    """A decoded object that remembers which keys came more than once."""

    repeated: tuple[str, ...] = ()


def _remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = _Object(pairs)
    if len(decoded) < len(pairs):
        names = [name for name, _ in pairs]
        decoded.repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return decoded


class _Repeated(Exception):
    """Some key comes more than once."""


def _refuse(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _Repeated


_decode_strictly = json.JSONDecoder(object_pairs_hook=_refuse).decode


def complaints(body: bytes, content_type: str) -> list[str]:
    """What field validation says about keys that a body has twice."""
    if content_type.endswith("yaml"):
        repeated = repeated_yaml_keys(body)
        return ["\n  ".join(["yaml: unmarshal errors:", *repeated])] if repeated else []
    return [f'duplicate field "{path}"' for path in duplicate_fields(body)]


def duplicate_fields(body: bytes) -> list[str]:
    """The paths of repeated keys, empty for a body that is no JSON."""
    try:
        _decode_strictly(body.decode(json.detect_encoding(body), "surrogatepass"))
    except _Repeated:
        return list(_walk(json.loads(body, object_pairs_hook=_remember), ""))
    except ValueError:
        pass
    return []


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Object):
        for name in value.repeated:
            yield f"{path}.{name}" if path else name
        for name, entry in value.items():
            yield from _walk(entry, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _walk(entry, f"{path}[{index}]")


def repeated_yaml_keys(body: bytes) -> list[str]:
    """What yaml.v2 says about each key that its map has already; nothing for a body that is no YAML."""
    try:
        root = yaml.compose(body, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return []
    return [] if root is None else list(_repeated(root))


def _repeated(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if key.value in seen:
                yield f'line {key.start_mark.line + 1}: key "{key.value}" already set in map'
            seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for entry in node.value:
            yield from _repeated(entry)
