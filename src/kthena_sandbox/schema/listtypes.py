"""Lists that are sets or maps (`x-kubernetes-list-type`) hold no entry twice."""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fielderrors import FieldError


def check_lists(value: Any, node: Node, path: str) -> list[FieldError]:
    """One error for each value or combination of keys that is repeated, at its second place."""
    if isinstance(value, list):
        return _list(value, node, path)
    found: list[FieldError] = []
    if isinstance(value, dict):
        for key, entry in value.items():
            child = node.properties.get(key) or node.additional
            if child is not None and isinstance(entry, dict | list):
                found += check_lists(entry, child, f"{path}.{key}" if path else key)
    return found


def _list(value: list[Any], node: Node, path: str) -> list[FieldError]:
    found: list[FieldError] = []
    if node.list_type == "set":
        found += _duplicates(value, path)
    elif node.list_type == "map" and node.list_keys:
        strange = [index for index, entry in enumerate(value) if not _is_entry(entry)]
        if strange:
            detail = "must be an object for an array of list-type map"
            return [errors.invalid(f"{path}[{strange[0]}]", value[strange[0]], detail)]
        found += _duplicates([_keys_of(entry, node) for entry in value], path)
    if node.items is not None:
        for index, entry in enumerate(value):
            found += check_lists(entry, node.items, f"{path}[{index}]")
    return found


def _is_entry(entry: Any) -> bool:
    return entry is None or isinstance(entry, dict)


def _keys_of(entry: Any, node: Node) -> dict[str, Any]:
    return {key: entry[key] for key in node.list_keys if key in (entry or {})}


def _duplicates(values: list[Any], path: str) -> list[FieldError]:
    found = []
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        identity = repr(value)
        seen[identity] = seen.get(identity, 0) + 1
        if seen[identity] == 2:
            found.append(errors.duplicate(f"{path}[{index}]", value))
    return found
