"""The kinds that are served now, as one value that is replaced when a CRD comes or goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from kthena_sandbox.apiserver.storage import CollectionKey
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.versions import version_priority


def collection_key(resource: ResourceType) -> CollectionKey:
    """Where objects of the kind are kept: the two Event groups share one collection."""
    group = resource.group
    if group == "events.k8s.io" and resource.plural == "events":
        group = ""
    return CollectionKey(group, resource.plural)


@dataclass(frozen=True)
class Catalogue:
    """All served types; compared by identity, so that documents derived from it can be kept."""

    types: tuple[ResourceType, ...]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], ResourceType]:
        return {(kind.group, kind.version, kind.plural): kind for kind in self.types}

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type behind a URL."""
        return self._by_name.get((group, version, plural))

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Every group and its versions, the preferred one first; the core group is ""."""
        found: dict[str, set[str]] = {}
        for kind in self.types:
            found.setdefault(kind.group, set()).add(kind.version)
        return {
            group: tuple(sorted(versions, key=version_priority, reverse=True))
            for group, versions in found.items()
        }

    def is_built_in(self, group: str) -> bool:
        """Whether the group has kinds that no CRD defines."""
        return any(kind.group == group and not kind.custom for kind in self.types)

    def of_version(self, group: str, version: str) -> tuple[ResourceType, ...]:
        """The types of one group version, by plural."""
        kinds = (kind for kind in self.types if (kind.group, kind.version) == (group, version))
        return tuple(sorted(kinds, key=lambda kind: kind.plural))

    def collections(self) -> tuple[ResourceType, ...]:
        """One type for every collection that keeps objects."""
        return tuple({collection_key(kind): kind for kind in self.types}.values())

    def with_types(self, group: str, plural: str, types: Iterable[ResourceType]) -> "Catalogue":
        """Another catalogue in which exactly *types* serve that plural; built-in kinds stay as they are."""
        place = (group, plural)
        if any((kind.group, kind.plural) == place and not kind.custom for kind in self.types):
            return self
        kept = (kind for kind in self.types if (kind.group, kind.plural) != place)
        return Catalogue((*kept, *types))
