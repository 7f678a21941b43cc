"""How values of a schema merge: maps field by field or whole, lists by keys, as sets or whole.

From `x-kubernetes-list-type`, `-list-map-keys` and `-map-type`; lists of built-in kinds that say nothing of it follow
their patch strategy, as kube-openapi's conversion to structured-merge-diff has it. No schema (None) stands for values
that tell their type themselves: maps merge field by field, lists are whole.
"""

from collections.abc import Iterable
from typing import Any, Literal

from kthena_sandbox.schema.builtin import DEFINITIONS
from kthena_sandbox.schema.compiled import MISSING, Node
from kthena_sandbox.schema.fieldsets import compact
from kthena_sandbox.schema.notation import full_name

Shape = Literal["map", "list", "scalar"]
META = DEFINITIONS.node(full_name("meta", "ObjectMeta"))
_TEXT = Node(types=frozenset({"string"}), type_name="string")
_COMMON = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": META}


class Untyped(ValueError):
    """A value that does not fit the way in which its schema says that it merges."""


def shape_of(value: Any, node: Node | None) -> Shape:
    """What a value is to be treated as; a null takes the form that its schema has."""
    own: Shape = (
        "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
    )
    if node is None or not node.types or (value is not None and own in _shapes(node)):
        return own if value is not None else "map"
    return _shapes(node)[0]


def _shapes(node: Node) -> tuple[Shape, ...]:
    if "object" in node.types:
        return ("map",)
    return ("list",) if "array" in node.types else ("scalar",)


def is_whole(shape: Shape, node: Node | None) -> bool:
    """Whether a value of that shape has one owner as a whole."""
    if shape == "map":
        return node is not None and node.map_type == "atomic"
    return shape == "scalar" or node is None or node.list_type not in {"set", "map"}


def child_of(node: Node | None, name: str, *, root: bool = False) -> tuple[bool, Node | None]:
    """Whether a map may have a field of that name, and the schema of the field."""
    if (root or (node is not None and node.embedded)) and name in _COMMON:
        return True, _COMMON[name]
    if node is None:
        return True, None
    child = node.properties.get(name)
    if child is not None:
        return True, child
    if node.has_additional:
        return True, node.additional
    return node.preserve or not node.properties, None


def is_named(node: Node | None, element: str, *, root: bool = False) -> bool:
    """Whether an element of a path is a field that its schema names."""
    if not element.startswith("f:"):
        return False
    name = element[2:]
    return (root and name in _COMMON) or (node is not None and name in node.properties)


def below(node: Node | None, element: str, *, root: bool = False) -> Node | None:
    """The schema of what an element of a path leads to."""
    if element.startswith("f:"):
        return child_of(node, element[2:], root=root)[1]
    return None if node is None else node.items


def elements(entries: Iterable[Any], node: Node) -> list[str]:
    """The path elements of the entries of a list that is a set or a map. Raises Untyped."""
    return [element(entry, node) for entry in entries]


def element(entry: Any, node: Node) -> str:
    """The path element of one entry. Raises Untyped."""
    if node.list_type == "set":
        return _of_set(entry)
    if not isinstance(entry, dict):
        what = "a null element" if entry is None else "non-map elements"
        raise Untyped(f"associative list with keys may not have {what}")
    return "k:" + compact({key: _key(entry, key, node) for key in node.list_keys})


def _key(entry: dict[str, Any], key: str, node: Node) -> Any:
    if key in entry:
        return entry[key]
    field = None if node.items is None else node.items.properties.get(key)
    if field is not None and field.default is MISSING and field.native:
        return 0 if "integer" in field.types else ""  # as Go has it
    if field is None or field.default is MISSING:
        raise Untyped(
            f'associative list with keys has an element that omits key field "{key}" '
            "(and doesn't have default value)"
        )
    return field.default


def _of_set(entry: Any) -> str:
    if isinstance(entry, dict):
        raise Untyped("associative list without keys has an element that's a map type")
    if isinstance(entry, list):
        raise Untyped("not supported: associative list with lists as elements")
    if entry is None:
        raise Untyped("associative list without keys has an element that's an explicit null")
    return "v:" + compact(entry)
