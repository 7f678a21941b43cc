"""An applied configuration laid over an object, and fields taken out of one (structured-merge-diff, package typed)."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema import mergetypes as types
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fieldsets import FieldSet

Map = dict[str, Any]
_ABSENT: Any = object()


def merged(live: Map, applied: Map, node: Node | None) -> Map:
    """The live object with the applied configuration over it. Raises Untyped."""
    result = _merge(live, applied, node, root=True)
    return result if isinstance(result, dict) else {}


def _merge(live: Any, applied: Any, node: Node | None, *, root: bool = False) -> Any:
    if applied is _ABSENT:
        return live
    shape = types.shape_of(live if applied is None and live is not _ABSENT else applied, node)
    if types.is_whole(shape, node) or not (_filled(live, shape) or _filled(applied, shape)):
        return applied
    if shape == "map":
        return _merge_maps(_map(live), _map(applied), node, root=root)
    return applied if node is None else _merge_lists(_list(live), _list(applied), node)


def _filled(value: Any, shape: str) -> bool:
    return bool(value) and isinstance(value, dict if shape == "map" else list)


def _map(value: Any) -> Map:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _merge_maps(live: Map, applied: Map, node: Node | None, *, root: bool) -> Map:
    result = dict(live)
    for name, entry in applied.items():
        _, child = types.child_of(node, name, root=root)
        result[name] = _merge(live.get(name, _ABSENT), entry, child)
    return result


def _merge_lists(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    """Applied entries in their order, those of others where they stood before the next common one."""
    places, wanted = types.elements(live, node), types.elements(applied, node)
    known, chosen = dict(zip(places, live, strict=True)), set(wanted)
    shared = deque(element for element in wanted if element in known)
    done: set[str] = set()
    result: list[Any] = []
    left = right = 0
    while left < len(places) or right < len(wanted):
        place = places[left] if left < len(places) else ""
        element = wanted[right] if right < len(wanted) else ""
        if place and place not in chosen:
            result.append(live[left])
            left += 1
            continue
        if (
            place and place != element
        ):  # one that comes, or has come, where the applied order puts it
            elsewhere = bool(element) and bool(shared) and shared[0] != place
            left += elsewhere or place in done
            if elsewhere or not element:
                continue
        result.append(_merge(known.get(element, _ABSENT), applied[right], node.items))
        done.add(element)
        left += place == element
        right += 1
        if shared and shared[0] == element:
            shared.popleft()
    return result


def without(value: Any, gone: FieldSet, node: Node | None, *, root: bool = True) -> Any:
    """The value without some fields; None where nothing is left. What merges as a whole is gone as a whole."""
    shape = types.shape_of(value, node)
    if shape == "scalar":
        return value
    if types.is_whole(shape, node) or not value:
        return None
    if isinstance(value, dict):
        return _map_without(value, gone, node, root=root) or None
    return _list_without(value, gone, node) or None if node is not None else None


def _map_without(value: Map, gone: FieldSet, node: Node | None, *, root: bool) -> Map:
    kept = {}
    for name, entry in value.items():
        element = f"f:{name}"
        if element in gone.members:
            continue
        deeper = gone.below(element)
        child = types.child_of(node, name, root=root)[1]
        kept[name] = without(entry, deeper, child, root=False) if deeper else entry
    return kept


def _list_without(value: list[Any], gone: FieldSet, node: Node) -> list[Any]:
    kept = []
    for element, entry in zip(types.elements(value, node), value, strict=True):
        if element in gone.members:
            continue
        deeper = gone.below(element)
        kept.append(without(entry, deeper, node.items, root=False) if deeper else entry)
    return kept


def with_named(fields: FieldSet, node: Node | None, *, root: bool = True) -> FieldSet:
    """The fields with all those on the way to them that the schema names."""
    members = set(fields.members)
    children: Mapping[str, FieldSet] = {
        element: with_named(deeper, types.below(node, element, root=root), root=False)
        for element, deeper in fields.children.items()
    }
    members.update(element for element in children if types.is_named(node, element, root=root))
    return FieldSet(frozenset(members), children)
