"""Which names a CustomResourceDefinition gets, where others of its group have some of them already. Pure.

Sources: `acceptedNames` and the conditions `NamesAccepted` and `Established` in the API's reference, and what a
kube-apiserver 1.34 makes of them.
"""

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]
_RESOURCES, _KINDS = ("plural", "singular"), ("kind", "listKind")


def named_status(definition: Document, others: Iterable[Document], now: str) -> Document:
    """The status of a definition with the names that it gets, and the conditions that tell of them."""
    spec, status = definition["spec"], definition.get("status") or {}
    group = [other for other in others if other["spec"]["group"] == spec["group"]]
    mine = (definition.get("metadata") or {}).get("name")
    taken = [_accepted(other) for other in group if other["metadata"]["name"] != mine]
    names, conflicts = _checked(spec["names"], status.get("acceptedNames") or {}, taken)
    conditions = status.get("conditions") or []
    reason, message = conflicts[-1] if conflicts else ("NoConflicts", "no conflicts found")
    conditions = _with(
        conditions, _condition("NamesAccepted", now, reason, message, holds=not conflicts)
    )
    if not conflicts:
        told = ("InitialNamesAccepted", "the initial names have been accepted")
        conditions = _with(conditions, _condition("Established", now, *told, holds=True))
    elif not is_established(definition):
        told = ("NotAccepted", "not all names are accepted")
        conditions = _with(conditions, _condition("Established", now, *told, holds=False))
    return status | {"acceptedNames": names, "conditions": conditions}


def is_established(definition: Document) -> bool:
    """Whether its kinds are served."""
    return _holds(definition, "Established")


def waits_for_names(definition: Document) -> bool:
    """Whether it lacks names that others have."""
    return not _holds(definition, "NamesAccepted")


def as_served(definition: Document) -> Document:
    """With the names that it has got, in the place of those that it asks for."""
    spec = definition["spec"]
    return definition | {"spec": spec | {"names": spec["names"] | _accepted(definition)}}


def _holds(definition: Document, kind: str) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(entry.get("type") == kind and entry.get("status") == "True" for entry in conditions)


def _accepted(definition: Document) -> Document:
    return (definition.get("status") or {}).get("acceptedNames") or {}


def _checked(
    wanted: Document, had: Document, taken: list[Document]
) -> tuple[Document, list[tuple[str, str]]]:
    """The names that it gets, and why it does not get others."""
    resources = {names.get(field) for names in taken for field in _RESOURCES} | {
        short for names in taken for short in names.get("shortNames") or []
    }
    kinds = {names.get(field) for names in taken for field in _KINDS}
    found: Document = {"plural": "", "kind": ""}
    conflicts: list[tuple[str, str]] = []

    def check(field: str, used: set[Any]) -> None:
        name, before = wanted.get(field) or "", had.get(field) or ""
        if name and name != before and name in used:
            conflicts.append((f"{field[0].upper()}{field[1:]}Conflict", f'"{name}" is already in use'))  # fmt: skip
            name = before
        if name:
            found[field] = name

    for field in _RESOURCES:
        check(field, resources)
    short, kept = wanted.get("shortNames") or [], had.get("shortNames") or []
    if clashing := [name for name in short if name not in kept and name in resources]:
        texts = [f'"{name}" is already in use' for name in clashing]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        conflicts.append(("ShortNamesConflict", text))
        short = kept
    for field in _KINDS:
        check(field, kinds)
    listed = {"shortNames": short, "categories": wanted.get("categories") or []}
    return found | {name: names for name, names in listed.items() if names}, conflicts


def _condition(kind: str, now: str, reason: str, message: str, *, holds: bool) -> Document:
    return {"lastTransitionTime": now, "message": message, "reason": reason,
            "status": "True" if holds else "False", "type": kind}  # fmt: skip


def _with(conditions: list[Document], condition: Document) -> list[Document]:
    """With a condition in its place; its time is that at which it came to hold, or not to."""
    for index, present in enumerate(conditions):
        if present.get("type") == condition["type"]:
            if present.get("status") == condition["status"] and "lastTransitionTime" in present:
                condition |= {"lastTransitionTime": present["lastTransitionTime"]}
            return [*conditions[:index], condition, *conditions[index + 1 :]]
    return [*conditions, condition]
