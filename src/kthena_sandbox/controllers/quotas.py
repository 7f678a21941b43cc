"""The quota controller: what a namespace uses of what its ResourceQuotas limit."""

from collections.abc import Mapping
from decimal import Decimal

from kthena_sandbox.controllers.garbage import GarbageCollector
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.kinds import CLAIMS, PODS, QUOTAS, SERVICES, Document, Key, Kind, is_leaving
from kthena_sandbox.schema.podresources import NOTHING, Amount, Amounts, added
from kthena_sandbox.schema.quotausage import (
    Place,
    concerns,
    is_used_by,
    places_of,
    total,
    usage_of,
)

_UNSYNCED_SECONDS = 0.1


def status_of(quota: Document, used: Mapping[Place, Amounts]) -> Document:
    """The status to write: what is limited, and of it what is used by kinds that are there. Pure."""
    hard: Document = quota["spec"].get("hard") or {}
    every: Amounts = {}
    for amounts in used.values():
        every = added(every, amounts)
    known = {
        name: str(every.get(name, NOTHING))
        for name in hard
        if any(is_used_by(name, place) for place in used)
    }
    return {name: table for name, table in (("hard", hard), ("used", known)) if table}


class Quotas:
    """Reconciles ResourceQuotas. Kinds that are merely counted are followed by the garbage collector."""

    def __init__(self, parts: Parts, collector: GarbageCollector) -> None:
        self._parts = parts
        self._client = parts.client
        self._collector = collector
        self.loop: Reconciler[Key] = Reconciler("quotas", self._reconcile)
        self._quotas = parts.follow(QUOTAS, self.loop.add)
        self._whole = {
            ("", PODS.plural): parts.pods,
            ("", CLAIMS.plural): parts.mirrors[CLAIMS],
            ("", SERVICES.plural): parts.mirrors[SERVICES],
        }
        for mirror in self._whole.values():
            mirror.subscribe(self._changed)
        collector.follow(self._counted_changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        namespace = (after or before or {})["metadata"].get("namespace")
        for key in self._quotas.objects:
            if key.namespace == namespace:
                self.loop.add(key)

    def _counted_changed(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """Only what comes or goes changes a number."""
        if kind.namespaced and (before is None or after is None):
            self._changed(before, after)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(QUOTAS, CLAIMS, SERVICES):
            return _UNSYNCED_SECONDS
        quota = self._quotas.objects.get(key)
        if quota is None or is_leaving(quota):
            return None
        used: dict[Place, Amounts] = {}
        for place in places_of(quota["spec"].get("hard") or {}):
            amounts = self._used(quota, place)
            if amounts is None and self._collector.serves(place):
                return _UNSYNCED_SECONDS
            if amounts is not None:
                used[place] = amounts
        status = status_of(quota, used)
        if status != (quota.get("status") or {}):
            document = quota | {"status": status}
            self._quotas.note(await self._client.replace(QUOTAS, document, "status"))
        return None

    def _used(self, quota: Document, place: Place) -> Amounts | None:
        """What objects of a kind use in the quota's namespace; None where that is not known."""
        namespace = quota["metadata"]["namespace"]
        if (mirror := self._whole.get(place)) is not None:
            documents = [
                document
                for key, document in mirror.objects.items()
                if key.namespace == namespace and concerns(quota, place, document)
            ]
            return total(place, documents)
        count = self._collector.count(place, namespace)
        if count is None:
            return None
        one = usage_of(place, {})
        return {name: Amount(amount.value * Decimal(count)) for name, amount in one.items()}
