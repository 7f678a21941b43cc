"""The objects of the cluster as they were last seen: one table for each kind, one writer for each table."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from kthena_router.api.kinds import (
    GATEWAY,
    GATEWAY_CLASS,
    MODEL_ROUTE,
    MODEL_SERVER,
    NAMESPACE,
    POD,
    Kind,
)
from kthena_router.api.meta import Object, ObjectKey
from kthena_router.concurrency.published import Published
from kthena_router.routing.snapshot import Objects

log = logging.getLogger(__name__)

_UNREADABLE = ObjectKey("", "?")


class _Place(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Place = _Place()


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as it came: *object* is None where it could not be read, and *problem* says why."""

    key: ObjectKey
    object: Object | None = None
    problem: str = ""


def read_entry(kind: Kind[Any], item: msgspec.Raw) -> Entry:
    """Decode one object of *kind*."""
    try:
        found: Object = kind.read(item)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Entry(read_key(item), None, str(error))
    return Entry(found.key, found)


def read_key(item: msgspec.Raw) -> ObjectKey:
    """Return the key of an object that need not be readable otherwise."""
    try:
        place = msgspec.json.decode(item, type=_Named).metadata
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _UNREADABLE
    return ObjectKey(place.namespace, place.name) if place.name else _UNREADABLE


class ObjectTable:
    """All objects of one kind by key.

    An object that cannot be read is left out, also where an earlier version of it could be: what the router
    does must not differ from what the cluster says without anybody being told. It is reported once.
    """

    def __init__(self, kind: Kind[Any], changes: Published[object]) -> None:
        self.kind = kind
        self.listed = False
        self.served = True  # whether the API knows the kind
        self.revision = 0  # how often it has changed
        self.objects: dict[ObjectKey, Any] = {}
        self.undecodable: dict[ObjectKey, str] = {}
        self._changes = changes

    def replace(self, entries: Iterable[Entry]) -> None:
        """Take a complete list in place of all that was known."""
        reported, self.undecodable = self.undecodable, {}
        self.objects = {}
        for entry in entries:
            self._put(entry, reported)
        self.listed = self.served = True
        self._changed()

    def missing(self) -> None:
        """Note that the API does not serve the kind: there are no objects of it."""
        if self.listed and not self.served:
            return
        self.listed, self.served = True, False
        self.objects, self.undecodable = {}, {}
        self._changed()

    def upsert(self, entry: Entry) -> None:
        """Take one new version of an object."""
        self._put(entry, self.undecodable)
        self._changed()

    def delete(self, key: ObjectKey) -> None:
        """Forget an object."""
        self.objects.pop(key, None)
        self.undecodable.pop(key, None)
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self._changes.publish(object())

    def _put(self, entry: Entry, reported: dict[ObjectKey, str]) -> None:
        key = entry.key
        if entry.object is not None:
            self.objects[key] = entry.object
            self.undecodable.pop(key, None)
            return
        if reported.get(key) != entry.problem:
            log.warning(
                "%s %s cannot be read and is left out: %s", self.kind.kind, key, entry.problem
            )
        self.objects.pop(key, None)
        self.undecodable[key] = entry.problem


class Tables:
    """All tables, and the news that one has changed."""

    def __init__(self, kinds: Iterable[Kind[Any]]) -> None:
        self.changes: Published[object] = Published(object())
        self.by_kind = {kind: ObjectTable(kind, self.changes) for kind in kinds}

    @property
    def listed(self) -> bool:
        return all(table.listed for table in self.by_kind.values())

    @property
    def revision(self) -> int:
        """Return how often any of them has changed."""
        return sum(table.revision for table in self.by_kind.values())

    def objects(self) -> Objects:
        """Return what is known now; later changes do not show in it."""
        return Objects(
            gateway_classes=self._copy(GATEWAY_CLASS),
            gateways=self._copy(GATEWAY),
            model_routes=self._copy(MODEL_ROUTE),
            model_servers=self._copy(MODEL_SERVER),
            pods=self._copy(POD),
            namespaces=self._copy(NAMESPACE),
            undecodable={
                (kind.plural, key): problem
                for kind, table in self.by_kind.items()
                for key, problem in table.undecodable.items()
            },
        )

    def _copy(self, kind: Kind[Any]) -> MappingProxyType[ObjectKey, Any]:
        table = self.by_kind.get(kind)
        return MappingProxyType(dict(table.objects) if table else {})
