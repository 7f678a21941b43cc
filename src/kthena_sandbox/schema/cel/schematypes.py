"""Types of CEL for schemas, and values of those types for objects ("Validation rules", the table of types).

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from kthena_sandbox.schema.cel import types as of
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.times import date_stamp, duration, timestamp
from kthena_sandbox.schema.cel.types import Type

Schema = Mapping[str, Any]
_FORMATS = {
    "byte": of.BYTES, "duration": of.DURATION, "date": of.TIMESTAMP, "date-time": of.TIMESTAMP,
}  # fmt: skip
_SIMPLE = {"boolean": of.BOOL, "integer": of.INT, "number": of.DOUBLE}
_METADATA = {"name": of.STRING, "generateName": of.STRING}


def schema_type(schema: Schema, name: str, *, root: bool = False) -> Type | None:
    """The type of what has a schema; None for what rules cannot reach. *root*: of a whole object."""
    if schema.get("x-kubernetes-int-or-string"):
        return of.DYN
    kind = schema.get("type")
    if kind == "array":
        entry = schema_type(_map(schema.get("items")), f"{name}.@idx")
        return None if entry is None else of.list_of(entry)
    if kind == "object":
        return _object(
            schema, name, root=root or bool(schema.get("x-kubernetes-embedded-resource"))
        )
    if kind == "string":
        return _FORMATS.get(str(schema.get("format", "")), of.STRING)
    return _SIMPLE.get(str(kind))


def _object(schema: Schema, name: str, *, root: bool) -> Type | None:
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and not schema.get("properties"):
        value = schema_type(more, f"{name}.@elem")
        return None if value is None else of.map_of(of.STRING, value)
    fields = {}
    for field, entry in _map(schema.get("properties")).items():
        kind = schema_type(_map(entry), f"{name}.{field}")
        if kind is not None:
            fields[field] = kind
    if root:
        metadata = Type(f"{name}.metadata", (), _METADATA)
        fields |= {"apiVersion": of.STRING, "kind": of.STRING, "metadata": metadata}
    return Type(name, (), fields)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CelError(f"illegal base64 data: {error}") from error


_READERS: Mapping[str, Callable[[str], Any]] = {
    "byte": _bytes, "duration": duration, "date": date_stamp, "date-time": timestamp,
}  # fmt: skip


def is_typed(schema: Schema) -> bool:
    """Whether something in it is more to CEL than to JSON."""
    if schema.get("type") == "string":
        return schema.get("format") in _READERS
    if schema.get("type") == "number":
        return True
    single = (schema.get(word) for word in ("items", "additionalProperties"))
    below = [*_map(schema.get("properties")).values(), *single]
    return any(is_typed(entry) for entry in below if isinstance(entry, dict))


def typed(value: Any, schema: Schema) -> Any:
    """A value as CEL has it. Raises CelError for a text that does not have its format."""
    kind = schema.get("type")
    if isinstance(value, str) and kind == "string" and schema.get("format") in _READERS:
        return _READERS[schema["format"]](value)
    if kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        entry = _map(schema.get("items"))
        return [typed(one, entry) for one in value] if is_typed(entry) else value
    if isinstance(value, dict) and is_typed(schema):
        more, fields = _map(schema.get("additionalProperties")), _map(schema.get("properties"))
        return {name: typed(one, _map(fields.get(name, more))) for name, one in value.items()}
    return value
