"""How a field is patched: its strategies and merge key, looked up in a schema with references."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.schema.compiled import REF, Definitions, Schema


@dataclass(frozen=True, slots=True)
class PatchMeta:
    """A place in a schema. `strategies` of merge, replace, retainKeys; `merge_key` "" for scalars."""

    document: Mapping[str, Any]
    definitions: Definitions | None = None
    strategies: frozenset[str] = frozenset()
    merge_key: str = ""

    @property
    def merges(self) -> bool:
        """Whether a list is merged entry by entry instead of replaced."""
        return "merge" in self.strategies

    def field(self, name: str) -> "PatchMeta":
        """What holds for the field and, if it is a list, for its entries; empty for an unknown field."""
        found = self._resolved(self.document)
        entry = found.get("properties", {}).get(name, found.get("additionalProperties"))
        if not isinstance(entry, Mapping):
            return PatchMeta({}, self.definitions)
        strategies = entry.get("x-kubernetes-patch-strategy", "")
        return PatchMeta(
            self._resolved(entry.get("items", entry)),
            self.definitions,
            frozenset(filter(None, strategies.split(","))),
            entry.get("x-kubernetes-patch-merge-key", ""),
        )

    def _resolved(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.definitions is None or "$ref" not in document:
            return document
        return self.definitions[document["$ref"].removeprefix(REF)]


def meta_of(schema: Mapping[str, Any] | None) -> PatchMeta:
    """The root of a schema; without one, maps merge and lists are replaced."""
    definitions = schema.definitions if isinstance(schema, Schema) else None
    return PatchMeta(schema or {}, definitions)
