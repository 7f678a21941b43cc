"""The StatefulSet controller: pods with names that stay, in their order."""

from kthena_sandbox.controllers import statefulset_plan as planning
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import PodControl, claim_all, follow_owned
from kthena_sandbox.controllers.revisions import History, revision_of
from kthena_sandbox.controllers.statefulset_plan import Revisions
from kthena_sandbox.kinds import (
    PODS,
    REVISIONS,
    STATEFUL_SETS,
    Document,
    Key,
    is_leaving,
    key_of,
)

_NO_VOLUMES = "volumeClaimTemplates are not supported by this sandbox, which has no persistent volumes: no pods are made"


class StatefulSets:
    """Reconciles StatefulSets from the mirrors of theirs, of revisions and of pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._events = parts.recorders["statefulset-controller"]
        self._control = PodControl(parts.client, parts.pods, self._events)
        self._history = History(parts.client, parts.mirrors[REVISIONS])
        self.loop: Reconciler[Key] = Reconciler("statefulsets", self._reconcile)
        self._sets = parts.follow(STATEFUL_SETS, self.loop.add)
        follow_owned(parts.pods, STATEFUL_SETS, self._sets, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(STATEFUL_SETS, REVISIONS):
            return 0.05
        owner = self._sets.objects.get(key)
        if owner is None or is_leaving(owner):
            return None
        if owner["spec"].get("volumeClaimTemplates"):
            self._events.tell(owner, "FailedCreate", _NO_VOLUMES, "Warning")
            return None
        update = await self._history.current(owner)
        pods = await claim_all(self._client, PODS, self._pods, owner)
        revisions = self._revisions(owner, update)
        steps = planning.steps_of(owner, pods, revisions, self._wall_clock())
        for ordinal in steps.create:
            pods.append(await self._create(owner, ordinal, revisions))
        for pod in steps.delete:
            await self._control.delete(owner, pod)
        pods = [self._pods.objects.get(key_of(pod), pod) for pod in pods]
        in_use = {revision_of(pod) for pod in pods} | {revisions.current, revisions.update}
        await self._history.forget(owner, in_use)
        return await self._write_status(owner, pods, revisions)

    def _revisions(self, owner: Document, update: Document) -> Revisions:
        """The revision before the update is the one that the status names, as long as it is there."""
        name = str(update["metadata"]["name"])
        known = {entry["metadata"]["name"] for entry in self._history.of(owner)}
        current = (owner.get("status") or {}).get("currentRevision", "")
        return Revisions(current if current in known else name, name)

    async def _create(self, owner: Document, ordinal: int, revisions: Revisions) -> Document:
        name = planning.revision_for(owner, ordinal, revisions)
        template = owner["spec"]["template"]
        for entry in self._history.of(owner):
            if entry["metadata"]["name"] == name:
                template = entry["data"]["spec"]["template"]
        template = {key: value for key, value in template.items() if key != "$patch"}
        return await self._control.create(owner, planning.new_pod(owner, ordinal, template, name))

    async def _write_status(
        self, owner: Document, pods: list[Document], revisions: Revisions
    ) -> float | None:
        status = planning.status_of(owner, pods, revisions, self._wall_clock())
        if status != owner.get("status"):
            written = await self._client.replace(
                STATEFUL_SETS, owner | {"status": status}, "status"
            )
            self._sets.note(written)
        waiting = status.get("readyReplicas", 0) > status["availableReplicas"]
        return 1.0 if waiting else None
