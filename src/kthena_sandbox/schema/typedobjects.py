"""Why an applied configuration cannot be merged by its schema, in the words of structured-merge-diff."""

from collections.abc import Iterator
from typing import Any

from kthena_sandbox.schema import mergetypes as types
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fieldsets import shown_element
from kthena_sandbox.schema.golang import plain, syntax
from kthena_sandbox.schema.mergetypes import Untyped

_Refusals = Iterator[tuple[str, str]]


def refusal(value: Any, node: Node | None) -> str:
    """All that does not fit, each with its path; empty where everything does."""
    found = [f"{path}: {why}" if path else why for path, why in _of_value(value, node, "")]
    return found[0] if len(found) == 1 else "\n  ".join(["errors:", *found]) if found else ""


def _of_value(value: Any, node: Node | None, path: str) -> _Refusals:
    if value is None or node is None:
        return
    match types.shape_of(value, node):
        case "map" if isinstance(value, dict):
            yield from _of_map(value, node, path)
        case "list" if isinstance(value, list):
            yield from _of_list(value, node, path)
        case "scalar":
            yield from _of_scalar(value, node, path)
        case shape:
            yield path, f"expected {shape}, got &{{{plain(value)}}}"


def _of_map(value: dict[str, Any], node: Node, path: str) -> _Refusals:
    for name, entry in value.items():
        known, child = types.child_of(node, name, root=not path)
        if not known:
            yield f"{path}.{name}", "field not declared in schema"
            return  # the rest is not looked at
        yield from _of_value(entry, child, f"{path}.{name}")


def _of_list(value: list[Any], node: Node, path: str) -> _Refusals:
    listed: set[str] = set()
    for index, entry in enumerate(value):
        shown = f"[{index}]"
        if node.list_type in {"set", "map"}:
            try:
                element = types.element(entry, node)
            except Untyped as error:
                yield path, f"element {index}: {error}"
                return
            shown = shown_element(element)
            if element in listed:
                yield path, f"duplicate entries for key {shown}"
            listed.add(element)
        yield from _of_value(entry, node.items, path + shown)


def _of_scalar(value: Any, node: Node, path: str) -> _Refusals:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match node.type_name:
        case "boolean" if not isinstance(value, bool):
            yield path, f"expected boolean, got &{{{plain(value)}}}"
        case "integer" | "number" if not number:
            yield path, f"expected numeric (int or float), got {_go_type(value)}"
        case "string" if _is_plain(node) and not isinstance(value, str):
            yield path, f"expected string, got &value.valueUnstructured{{Value:{syntax(value)}}}"


def _is_plain(node: Node) -> bool:
    """Whether only strings will do: formats such as date-time and int-or-string take anything."""
    return bool(node.limits.get("format", "byte") == "byte")


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"
