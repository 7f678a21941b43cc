"""`metadata.managedFields`: its entries as managers with fields, and back ("Server-Side Apply", managers and operations)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kthena_sandbox.schema.applying import Conflicts
from kthena_sandbox.schema.fieldsets import EMPTY, FieldSet, Malformed, read_fields, shown_path

Document = dict[str, Any]
UPDATE, APPLY = "Update", "Apply"
MAX_UPDATERS = 10
ANCIENT = "ancient-changes"
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes, and how: entries are told apart by this. Of an apply the version does not count."""

    manager: str
    operation: str
    version: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        """As the name of a manager in computations; sorts as in Kubernetes."""
        said = {"manager": self.manager, "operation": self.operation}
        said |= {"apiVersion": self.version} if self.version else {}
        said |= {"subresource": self.subresource} if self.subresource else {}
        return _encode(said)

    def __str__(self) -> str:
        """As it stands in messages about conflicts."""
        shown = json.dumps(self.manager, ensure_ascii=False)
        if self.subresource:
            shown += f' with subresource "{self.subresource}"'
        return f"{shown} using {self.version}" if self.operation == UPDATE else shown


@dataclass(frozen=True, slots=True)
class Entry:
    """What one manager owns, since when, and by which version of the API it wrote last."""

    identity: Identity
    version: str
    fields: FieldSet
    time: str = ""

    def document(self) -> Document:
        """As it stands in the list."""
        shown: Document = {"manager": self.identity.manager} if self.identity.manager else {}
        shown |= {"operation": self.identity.operation, "apiVersion": self.version}
        shown |= {"time": self.time} if self.time else {}
        shown |= {"fieldsType": "FieldsV1", "fieldsV1": self.fields.document()}
        if self.identity.subresource:
            shown["subresource"] = self.identity.subresource
        return shown


Entries = Mapping[str, Entry]


def read_entries(listed: object) -> Entries:
    """The entries by the keys of their managers. Raises Malformed where one is malformed."""
    if not isinstance(listed, list):
        return {}
    entries = [_entry(document) for document in listed]
    return {entry.identity.key: entry for entry in entries if entry.fields}


def _entry(document: object) -> Entry:
    if not isinstance(document, dict):
        raise Malformed("an entry of managedFields must be an object")
    operation, version = document.get("operation", ""), str(document.get("apiVersion", ""))
    if operation not in {UPDATE, APPLY}:
        raise Malformed("operation must be `Apply` or `Update`")
    identity = Identity(
        str(document.get("manager", "")),
        operation,
        version if operation == UPDATE else "",
        str(document.get("subresource", "")),
    )
    fields = read_fields(document.get("fieldsV1") or {})
    return Entry(identity, version, fields, str(document.get("time") or ""))


def written(entries: Entries) -> list[Document]:
    """The list: applies first, then updates, each by time and name."""
    return [entry.document() for entry in sorted(entries.values(), key=_order)]


def _order(entry: Entry) -> tuple[str, ...]:
    who = entry.identity
    return (who.operation, entry.time, who.manager, entry.version, who.subresource)


def with_fields(entries: Entries, fields: Mapping[str, FieldSet]) -> Entries:
    """The entries with what their managers own now; those who own nothing are left out."""
    return {
        key: entry if entry.fields == fields[key] else replace(entry, fields=fields[key])
        for key, entry in entries.items()
        if key in fields
    }


def fields_by(entries: Entries) -> dict[str, FieldSet]:
    """What each manager owns."""
    return {key: entry.fields for key, entry in entries.items()}


def capped(entries: Entries) -> Entries:
    """At most ten managers of updates: the oldest are put together as `ancient-changes`, one for each version."""
    updaters = [entry for entry in entries.values() if entry.identity.operation == UPDATE]
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return entries
    kept = dict(entries)
    ancient: dict[str, Entry] = {}
    for entry in sorted(updaters, key=_order):
        if len(kept) + len(ancient) <= len(entries) - excess:
            break
        identity = Identity(ANCIENT, UPDATE, entry.version)
        known = ancient.get(identity.key)
        fields = entry.fields | (EMPTY if known is None else known.fields)
        ancient[identity.key] = Entry(identity, entry.version, fields, entry.time)
        del kept[entry.identity.key]
    return kept | ancient


def without_times(listed: object) -> list[Document]:
    """The list as two are compared that may differ in times alone."""
    entries = listed if isinstance(listed, list) else []
    return [{name: entry[name] for name in entry if name != "time"} for entry in entries]


def conflict_message(conflicts: Conflicts, entries: Entries) -> str:
    """What an apply that met conflicts is told."""
    pairs = conflict_causes(conflicts, entries)
    if len(pairs) == 1:
        return f"Apply failed with 1 conflict: {': '.join(pairs[0])}"
    lines = []
    for name, fields in sorted(conflicts.fields.items()):
        lines.append(f"conflicts with {entries[name].identity}:")
        lines += [f"- {shown_path(path)}" for path in fields.paths()]
    return f"Apply failed with {len(pairs)} conflicts: " + "\n".join(lines)


def conflict_causes(conflicts: Conflicts, entries: Entries) -> list[tuple[str, str]]:
    """Message and field of each conflict."""
    return [
        (f"conflict with {entries[name].identity}", shown_path(path))
        for name, path in conflicts.pairs()
    ]


def is_reset(listed: object) -> bool:
    """Whether a client asks for the list to be forgotten: an empty one, or one with an empty entry."""
    return listed in ([], [{}])
