"""Who owns which fields after an update or an apply, and the object after an apply.

The rules of structured-merge-diff (package merge) and "Server-Side Apply" of the Kubernetes documentation. Managers are
names of any kind here; versions of a kind are taken to have the same fields, as conversion strategy None has it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fieldmerge import merged, with_named, without
from kthena_sandbox.schema.fieldsets import EMPTY, FieldSet, Path
from kthena_sandbox.schema.fieldwalk import Comparison, compare, fields_of

Document = dict[str, Any]
Managers = Mapping[str, FieldSet]


class Conflicts(Exception):
    """Fields that an apply would change although others own them."""

    def __init__(self, fields: Managers) -> None:
        super().__init__(fields)
        self.fields = fields

    def pairs(self) -> list[tuple[str, Path]]:
        """Every conflict as manager and path."""
        return [(name, path) for name in sorted(self.fields) for path in self.fields[name].paths()]


def _same(document: Document) -> Document:
    return document


@dataclass(frozen=True, slots=True)
class Kind:
    """What is to be known of a kind: its schema, the fields that a write does not reach, and the form to compare in."""

    node: Node | None
    ignored: FieldSet = EMPTY
    form: Callable[[Document], Document] = _same

    def compare(self, old: Document, new: Document) -> Comparison:
        """What a write changes. Raises Untyped."""
        return compare(self.form(old), self.form(new), self.node).without(self.ignored)


def updated(
    kind: Kind, live: Document, new: Document, managers: Managers
) -> tuple[Managers, FieldSet]:
    """The managers after a write that is no apply, and what the writer now owns besides. Raises Untyped."""
    difference = kind.compare(live, new)
    others = _after(managers, difference, {})
    return others, difference.added | difference.modified


def _after(managers: Managers, difference: Comparison, kept: Managers) -> Managers:
    """The managers without what others have changed or removed; those who own nothing any more are gone."""
    gone = difference.added | difference.modified | difference.removed
    left = {name: fields - gone for name, fields in managers.items()} | dict(kept)
    return {name: fields for name, fields in left.items() if fields}


def applied(
    kind: Kind, live: Document, config: Document, managers: Managers, manager: str, *, force: bool
) -> tuple[Document, Managers]:
    """The object and the managers after an apply. Raises Untyped, and Conflicts unless *force*."""
    before = managers.get(manager, EMPTY)
    own = fields_of(config, kind.node).without(kind.ignored)
    others = {name: fields for name, fields in managers.items() if name != manager}
    result = merged(live, config, kind.node)
    if before:
        result = _pruned(result, before, (own, *others.values()), kind.node)
    difference = kind.compare(live, result)
    changed = difference.added | difference.modified
    conflicts = {name: fields & changed for name, fields in others.items() if fields & changed}
    if conflicts and not force:
        raise Conflicts(conflicts)
    return result, _after(others, difference, {manager: own})


def _pruned(
    result: Document, before: FieldSet, owners: Iterable[FieldSet], node: Node | None
) -> Document:
    """Without the fields that the manager has dropped and nobody else owns."""
    gone = with_named(before, node)
    left = _document(without(result, gone, node))
    present, owned = _fields(result, node), reduce(FieldSet.__or__, owners, EMPTY)
    # what others own, or the new configuration, comes back
    lost = present - (_fields(left, node) | with_named(owned, node))
    left = _document(without(result, lost, node)) if lost else result
    # and so does what went along with it but was not the manager's
    lost = (present - _fields(left, node)) & gone
    return _document(without(result, lost, node)) if lost else result


def _fields(document: Document, node: Node | None) -> FieldSet:
    return with_named(fields_of(document, node, empties=True), node)


def _document(value: Any) -> Document:
    return value if isinstance(value, dict) else {}
