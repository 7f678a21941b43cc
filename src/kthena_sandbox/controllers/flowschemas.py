"""Writes into the status of FlowSchemas whether their priority levels are there."""

from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.kinds import FLOW_SCHEMAS, PRIORITY_LEVELS, Document, Key
from kthena_sandbox.schema.flowrules import dangling
from kthena_sandbox.schema.reading import maps, text

_UNSYNCED_SECONDS = 0.05


class FlowSchemas:
    """Reconciles FlowSchemas, also when a level comes or goes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.loop: Reconciler[Key] = Reconciler("flow schemas", self._reconcile)
        self._schemas = parts.follow(FLOW_SCHEMAS, self.loop.add)
        self._levels = parts.mirrors[PRIORITY_LEVELS]
        self._levels.subscribe(self._level_changed)

    def _level_changed(self, before: Document | None, after: Document | None) -> None:
        if before is None or after is None:
            for key in self._schemas.objects:
                self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        schema = self._schemas.objects.get(key)
        if schema is None:
            return None
        if not self._parts.are_synced(FLOW_SCHEMAS, PRIORITY_LEVELS):
            return _UNSYNCED_SECONDS
        name = text(schema, "spec.priorityLevelConfiguration.name")
        told = dangling(name, exists=Key("", name) in self._levels.objects)
        present = maps(schema, "status.conditions")
        if any(told.items() <= condition.items() for condition in present):
            return None
        told["lastTransitionTime"] = timestamp(self._parts.wall_clock())
        others = [condition for condition in present if condition.get("type") != told["type"]]
        document = schema | {"status": {"conditions": [*others, told]}}
        self._schemas.note(await self._parts.client.replace(FLOW_SCHEMAS, document, "status"))
        return None
