"""Which fields an object has, and which of them differ between two objects (structured-merge-diff, package typed)."""

from dataclasses import dataclass, field
from typing import Any

from kthena_sandbox.schema import mergetypes as types
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fieldsets import FieldSet, Path, field_set

_ABSENT: Any = object()


def fields_of(value: Any, node: Node | None, *, empties: bool = False) -> FieldSet:
    """The fields that an applied configuration speaks of; an empty list of entries is none, but if *empties*. Raises Untyped."""
    found: list[Path] = []
    _collect(value, node, (), found, empties=empties)
    return field_set(found)


def _collect(
    value: Any, node: Node | None, path: Path, found: list[Path], *, empties: bool
) -> None:
    shape = types.shape_of(value, node)
    if types.is_whole(shape, node):
        found.append(path)
    elif isinstance(value, dict):
        _collect_map(value, node, path, found, empties=empties)
    elif isinstance(value, list) and node is not None:
        listed = types.elements(value, node)
        if not value and empties:
            found.append(path)
        for element, entry in zip(listed, value, strict=True):
            if listed.count(element) == 1:
                _collect(entry, node.items, (*path, element), found, empties=empties)
            found.append((*path, element))


def _collect_map(
    value: dict[str, Any], node: Node | None, path: Path, found: list[Path], *, empties: bool
) -> None:
    for name, entry in value.items():
        element = f"f:{name}"
        _, child = types.child_of(node, name, root=not path)
        _collect(entry, child, (*path, element), found, empties=empties)
        if entry is None or entry == {} or not types.is_named(node, element, root=not path):
            found.append((*path, element))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a second object differs from a first."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    def without(self, ignored: FieldSet) -> "Comparison":
        """Nothing of what is ignored, and of what lies below."""
        return Comparison(
            self.added.without(ignored),
            self.modified.without(ignored),
            self.removed.without(ignored),
        )


@dataclass
class _Differences:
    added: list[Path] = field(default_factory=list)
    modified: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)

    def take(self, path: Path, old: Any, new: Any) -> None:
        place = self.modified
        if old is _ABSENT:
            place = self.added
        elif new is _ABSENT:
            place = self.removed
        place.append(path)


def compare(old: Any, new: Any, node: Node | None) -> Comparison:
    """What was added, modified and removed between two states of an object. Raises Untyped."""
    found = _Differences()
    _compare(old, new, node, (), found)
    return Comparison(field_set(found.added), field_set(found.modified), field_set(found.removed))


def _compare(old: Any, new: Any, node: Node | None, path: Path, found: _Differences) -> None:
    if old is not _ABSENT and new is not _ABSENT and old == new:
        return
    shapes = {types.shape_of(side, node) for side in (old, new) if side not in (_ABSENT, None)}
    shapes = shapes or {types.shape_of(None, node)}
    if len(shapes) > 1 or any(types.is_whole(shape, node) for shape in shapes):
        found.take(path, old, new)
        return
    sides = [side for side in (old, new) if isinstance(side, dict | list) and side]
    if not sides:  # empty or null on both sides
        found.take(path, old, new)
        return
    if shapes == {"map"}:
        _compare_maps(_or_empty(old), _or_empty(new), node, path, found)
    elif node is not None:
        _compare_lists(_entries(old), _entries(new), node, path, found)
    if old is _ABSENT or new is _ABSENT:
        found.take(path, old, new)


def _or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _compare_maps(
    old: dict[str, Any], new: dict[str, Any], node: Node | None, path: Path, found: _Differences
) -> None:
    for name in (*old, *(name for name in new if name not in old)):
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        _, child = types.child_of(node, name, root=not path)
        _compare(before, after, child, (*path, f"f:{name}"), found)


def _compare_lists(
    old: list[Any], new: list[Any], node: Node, path: Path, found: _Differences
) -> None:
    before, after = _grouped(old, node), _grouped(new, node)
    for element in dict.fromkeys((*before, *after)):
        left, right = before.get(element, []), after.get(element, [])
        if len(left) <= 1 and len(right) <= 1:
            sides = (left or [_ABSENT])[0], (right or [_ABSENT])[0]
            _compare(*sides, node.items, (*path, element), found)
        elif left != right:
            found.take((*path, element), left or _ABSENT, right or _ABSENT)


def _grouped(entries: list[Any], node: Node) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for element, entry in zip(types.elements(entries, node), entries, strict=True):
        groups.setdefault(element, []).append(entry)
    return groups
