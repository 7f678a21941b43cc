"""OpenAPI v2 documents as protobuf messages (github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto)."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kthena_sandbox.schema.protobuf import block, boolean, double, integer, text

Document = Mapping[str, Any]
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
_EXTENSION = {
    "document": 16, "operation": 13, "schema": 31, "body": 6, "path": 22, "query": 23,
}  # fmt: skip


def encode_document(doc: Document) -> bytes:
    """`openapi.v2.Document` with info, paths and definitions."""
    info = doc.get("info", {})
    return b"".join(
        (
            text(1, doc.get("swagger", "")),
            block(2, text(1, info.get("title", "")) + text(2, info.get("version", ""))),
            block(8, _named(2, doc.get("paths", {}), _path_item)),
            block(9, _named(1, doc.get("definitions", {}), _schema)),
            _extensions(_EXTENSION["document"], doc),
        )
    )


def _named(number: int, entries: Document, encode: Callable[[Any], bytes]) -> bytes:
    """A map as a repeated message of name and value."""
    return b"".join(
        block(number, text(1, name) + block(2, encode(value))) for name, value in entries.items()
    )


def _any(value: Any) -> bytes:
    """Gnostic keeps values of any type as YAML, which JSON is."""
    return text(2, json.dumps(value))


def _extensions(number: int, document: Document) -> bytes:
    found = {name: value for name, value in document.items() if name.startswith("x-")}
    return _named(number, found, _any)


def _path_item(item: Document) -> bytes:
    parts = [
        block(number, _operation(item[name])) for name, number in _METHODS.items() if name in item
    ]
    return b"".join(parts) + _parameters(9, item)


def _operation(operation: Document) -> bytes:
    responses = _named(1, operation.get("responses", {}), _response)
    return b"".join(
        (
            text(5, operation.get("operationId", "")),
            *(text(6, entry) for entry in operation.get("produces", ())),
            *(text(7, entry) for entry in operation.get("consumes", ())),
            _parameters(8, operation),
            block(9, responses),
            _extensions(_EXTENSION["operation"], operation),
        )
    )


def _response(response: Document) -> bytes:
    content = text(1, response.get("description", ""))
    if "schema" in response:
        content += block(2, block(1, _schema(response["schema"])))
    return block(1, content)


def _parameters(number: int, owner: Document) -> bytes:
    """ParametersItem > Parameter > BodyParameter or NonBodyParameter."""
    return b"".join(
        block(number, block(1, _parameter(entry))) for entry in owner.get("parameters", ())
    )


def _parameter(parameter: Document) -> bytes:
    if parameter["in"] == "body":
        content = text(2, parameter["name"]) + text(3, "body")
        content += boolean(4, parameter.get("required", False))
        return block(1, content + block(5, _schema(parameter["schema"])))
    where = parameter["in"]
    shift = 1 if where == "query" else 0  # a query parameter has allow_empty_value before its type
    content = boolean(1, parameter.get("required", False)) + text(2, where)
    content += text(4, parameter["name"]) + text(5 + shift, parameter.get("type", ""))
    content += boolean(18 + shift, parameter.get("uniqueItems", False))
    return block(2, block(3 if where == "query" else 4, content))


def _types(value: Any) -> bytes:
    listed: Iterable[str] = (value,) if isinstance(value, str) else value
    return b"".join(text(1, entry) for entry in listed)


def _additional(value: Any) -> bytes:
    return boolean(2, value) if isinstance(value, bool) else block(1, _schema(value))


_SCHEMA: Mapping[str, Callable[[Any], bytes]] = {
    "$ref": lambda value: text(1, value),
    "format": lambda value: text(2, value),
    "title": lambda value: text(3, value),
    "description": lambda value: text(4, value),
    "default": lambda value: block(5, _any(value)),
    "multipleOf": lambda value: double(6, value),
    "maximum": lambda value: double(7, value),
    "exclusiveMaximum": lambda value: boolean(8, value),
    "minimum": lambda value: double(9, value),
    "exclusiveMinimum": lambda value: boolean(10, value),
    "maxLength": lambda value: integer(11, value),
    "minLength": lambda value: integer(12, value),
    "pattern": lambda value: text(13, value),
    "maxItems": lambda value: integer(14, value),
    "minItems": lambda value: integer(15, value),
    "uniqueItems": lambda value: boolean(16, value),
    "maxProperties": lambda value: integer(17, value),
    "minProperties": lambda value: integer(18, value),
    "required": lambda value: b"".join(text(19, entry) for entry in value),
    "enum": lambda value: b"".join(block(20, _any(entry)) for entry in value),
    "additionalProperties": lambda value: block(21, _additional(value)),
    "type": lambda value: block(22, _types(value)),
    "items": lambda value: block(23, block(1, _schema(value))),
    "properties": lambda value: block(25, _named(1, value, _schema)),
}


def _schema(schema: Document) -> bytes:
    parts = [encode(schema[name]) for name, encode in _SCHEMA.items() if name in schema]
    return b"".join(parts) + _extensions(_EXTENSION["schema"], schema)
