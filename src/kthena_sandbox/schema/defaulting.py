"""Objects with the defaults of their schema (structural defaulting, with its rules about null)."""

from typing import Any

from kthena_sandbox.schema.compiled import MISSING, Node
from kthena_sandbox.schema.quantities import canonical_quantity

_DROPPED: Any = object()


def defaulted(value: Any, node: Node | None, *, nulls: bool = False) -> Any:
    """The value with its defaults, itself where nothing was missing.

    A null where null is not allowed gives way to the default, and goes where there is none, unless *nulls* stay.
    """
    if node is None:
        return value
    if isinstance(value, dict):
        return _map(value, node, nulls=nulls)
    if isinstance(value, list) and node.items is not None:
        return _list(value, node.items, nulls=nulls)
    if node.quantity and isinstance(value, int | float | str) and not isinstance(value, bool):
        return canonical_quantity(str(value))
    return value


def _map(value: dict[str, Any], node: Node, *, nulls: bool) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    changed = False
    for key, entry in value.items():
        child = node.properties.get(key) or node.additional
        new = _present(entry, child, nulls=nulls)
        if new is not _DROPPED:
            filled[key] = new
        changed = changed or new is not entry
    for key, child in node.defaulted:
        if key not in filled:
            filled[key] = defaulted(child.default, child)
            changed = True
    for key in node.nulls:
        if key not in filled:
            filled[key] = None
            changed = True
    return filled if changed else value


def _present(entry: Any, child: Node | None, *, nulls: bool) -> Any:
    if child is None:
        return entry
    zero = child.native and entry == "" and child.default is not MISSING  # an unset Go string
    if not zero and (entry is not None or child.nullable):
        return defaulted(entry, child, nulls=nulls)
    if child.default is MISSING:
        return entry if nulls else _DROPPED
    return defaulted(child.default, child)


def _list(value: list[Any], items: Node, *, nulls: bool) -> list[Any]:
    if items.nullable or items.default is MISSING:
        filled = [defaulted(entry, items, nulls=nulls) for entry in value]
    else:
        filled = [
            defaulted(items.default if entry is None else entry, items, nulls=nulls)
            for entry in value
        ]
    changed = any(new is not old for new, old in zip(filled, value, strict=True))
    return filled if changed else value
