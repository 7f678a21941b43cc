"""The objects of the cluster as they were last seen: one table for each kind, one writer for each table."""

import logging
from collections.abc import Iterable
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
from kthena_router.api.meta import Object, ObjectKey, ObjectMeta
from kthena_router.concurrency.published import Published
from kthena_router.routing.snapshot import Objects

log = logging.getLogger(__name__)


class _Named(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class ObjectTable:
    """All objects of one kind by key. An object that cannot be read is left out, with its reason, and reported once."""

    def __init__(self, kind: Kind[Any], changes: Published[object]) -> None:
        self.kind = kind
        self.listed = False
        self.served = True  # whether the API knows the kind
        self.objects: dict[ObjectKey, Any] = {}
        self.undecodable: dict[ObjectKey, str] = {}
        self._changes = changes

    def replace(self, items: Iterable[msgspec.Raw]) -> None:
        """Take a complete list in place of all that was known."""
        before, self.undecodable = self.undecodable, {}
        self.objects = {}
        for item in items:
            self._put(item, before)
        self.listed = True
        self.served = True
        self._changes.publish(object())

    def missing(self) -> None:
        """Note that the API does not serve the kind: there are no objects of it."""
        changed = not self.listed or self.served or bool(self.objects)
        self.listed, self.served, self.objects = True, False, {}
        if changed:
            self._changes.publish(object())

    def upsert(self, item: msgspec.Raw) -> None:
        """Take one new version of an object."""
        self._put(item, dict(self.undecodable))
        self._changes.publish(object())

    def delete(self, item: msgspec.Raw) -> None:
        """Forget an object."""
        key = _key_of(item)
        self.objects.pop(key, None)
        self.undecodable.pop(key, None)
        self._changes.publish(object())

    def _put(self, item: msgspec.Raw, reported: dict[ObjectKey, str]) -> None:
        try:
            found: Object = self.kind.decode(item)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # The version before must not stay in force as if nothing had been said.
            key, reason = _key_of(item), str(error)
            self.objects.pop(key, None)
            self.undecodable[key] = reason
            if reported.get(key) != reason:
                log.warning("%s %s cannot be read and is left out: %s", self.kind.kind, key, reason)
            return
        self.objects[found.key] = found
        self.undecodable.pop(found.key, None)


def _key_of(item: msgspec.Raw) -> ObjectKey:
    try:
        meta = msgspec.json.decode(item, type=_Named).metadata
    except msgspec.MsgspecError:
        return ObjectKey("", "?")
    return ObjectKey(meta.namespace, meta.name)


class Tables:
    """All tables, and the news that one has changed."""

    def __init__(self, kinds: Iterable[Kind[Any]]) -> None:
        self.changes: Published[object] = Published(object())
        self.by_kind = {kind: ObjectTable(kind, self.changes) for kind in kinds}

    @property
    def listed(self) -> bool:
        return all(table.listed for table in self.by_kind.values())

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
                (kind.plural, key): reason
                for kind, table in self.by_kind.items()
                for key, reason in table.undecodable.items()
            },
        )

    def _copy(self, kind: Kind[Any]) -> MappingProxyType[ObjectKey, Any]:
        table = self.by_kind.get(kind)
        return MappingProxyType(dict(table.objects) if table else {})
