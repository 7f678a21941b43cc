"""Expressions of CEL as trees. `at` is the character to which errors point."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text."""

    at: int
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, `operand.?field`, or with *test* `has(operand.field)`."""

    at: int
    operand: "Node"
    field: str
    optional: bool = False
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, an operator (`_+_`), or a method of *target*."""

    at: int
    function: str
    arguments: tuple["Node", ...]
    target: "Node | None" = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Of a list (without a key) or a map; an *optional* one is left out where its value is none."""

    value: "Node"
    key: "Node | None" = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """`[…]`, or with *keyed* `{…}`."""

    at: int
    entries: tuple[Entry, ...]
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Macro:
    """`target.name(variables, bodies)`."""

    at: int
    name: str
    target: "Node"
    variables: tuple[str, ...]
    bodies: tuple["Node", ...]


Node = Literal | Name | Select | Call | Collection | Macro

# By name: how many variables with how many bodies.
MACROS = {
    "all": {1: {1}, 2: {1}},
    "exists": {1: {1}, 2: {1}},
    "exists_one": {1: {1}},
    "existsOne": {1: {1}, 2: {1}},
    "filter": {1: {1}},
    "map": {1: {1, 2}},
    "transformList": {2: {1, 2}},
    "transformMap": {2: {1, 2}},
    "transformMapEntry": {2: {1, 2}},
    "optMap": {1: {1}},
    "optFlatMap": {1: {1}},
}
_ESCAPES = (("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/"))


def field_name(name: str) -> str:
    """A field as the object has it: `__namespace__` stands for `namespace`, which CEL reserves."""
    for escaped, mark in _ESCAPES:
        name = name.replace(escaped, mark)
    if name.startswith("__") and name.endswith("__") and len(name) > 4:
        return name[2:-2]
    return name


def qualified(node: "Node") -> str:
    """`a.b` for names that are joined by points, "" for everything else."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test:
        before = qualified(node.operand)
        return f"{before}.{node.field}" if before else ""
    return ""
