"""What a definition may say about how lists and maps merge (apiextensions-apiserver, validation of `x-kubernetes-*`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import shown

_Schema = Mapping[str, Any]
_LIST_TYPES = ("atomic", "set", "map")
_MAP_TYPES = ("atomic", "granular")


def merge_errors(schema: _Schema, path: str) -> Iterator[FieldError]:
    """What is wrong with one schema, not with those below it."""
    kind = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys")
    keys = keys if isinstance(keys, list) else []
    if kind is not None:
        yield from _typed(schema, path, "list", "array")
        if kind not in _LIST_TYPES:
            yield errors.not_supported(f"{path}.x-kubernetes-list-type", kind, _LIST_TYPES)
    if keys and kind != "map":
        why = "must be map if x-kubernetes-list-map-keys is non-empty"
        place = f"{path}.x-kubernetes-list-type"
        yield errors.required(place, why) if kind is None else errors.invalid(place, kind, why)
    if kind == "map":
        yield from _map_list(schema, keys, path)
    kind = schema.get("x-kubernetes-map-type")
    if kind is not None:
        yield from _typed(schema, path, "map", "object")
        if kind not in _MAP_TYPES:
            yield errors.not_supported(f"{path}.x-kubernetes-map-type", kind, _MAP_TYPES)


def _typed(schema: _Schema, path: str, what: str, wanted: str) -> Iterator[FieldError]:
    found = schema.get("type", "")
    why = f"must be {wanted} if x-kubernetes-{what}-type is specified"
    if not found:
        yield errors.required(f"{path}.type", why)
    elif found != wanted:
        yield errors.invalid(f"{path}.type", found, why)


def _map_list(schema: _Schema, keys: list[Any], path: str) -> Iterator[FieldError]:
    place = f"{path}.x-kubernetes-list-map-keys"
    if not keys:
        yield errors.required(place, "must not be empty if x-kubernetes-list-type is map")
    items = schema.get("items")
    if not isinstance(items, Mapping):
        yield errors.required(
            f"{path}.items", "must have a schema if x-kubernetes-list-type is map"
        )
        return
    if items.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        yield errors.invalid(f"{path}.items.type", items.get("type", ""), why)
    given = items.get("properties")
    properties: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    for key in keys:
        field = properties.get(key)
        if not isinstance(field, Mapping):
            listed = f"[]string{{{', '.join(map(shown, keys))}}}"
            why = "entries must all be names of item properties"
            yield errors.invalid_shown(place, listed, why)
        elif key not in (items.get("required") or ()) and "default" not in field:
            why = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
                "required property"
            )
            yield errors.required(f"{path}.items.properties[{key}].default", why)
