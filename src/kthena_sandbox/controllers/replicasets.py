"""The ReplicaSet controller: as many pods as wanted, and a status that counts them."""

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import PodControl, claim_all, follow_owned
from kthena_sandbox.controllers.replicaset_plan import (
    is_active,
    missing,
    new_pod,
    status_of,
    surplus,
)
from kthena_sandbox.kinds import PODS, REPLICA_SETS, Document, Key


class ReplicaSets:
    """Reconciles ReplicaSets from the mirrors of theirs and of the pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        events = parts.recorders["replicaset-controller"]
        self._control = PodControl(parts.client, parts.pods, events)
        self.loop: Reconciler[Key] = Reconciler("replicasets", self._reconcile)
        self._replica_sets = parts.follow(REPLICA_SETS, self.loop.add)
        follow_owned(parts.pods, REPLICA_SETS, self._replica_sets, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(REPLICA_SETS):
            return 0.05
        owner = self._replica_sets.objects.get(key)
        if owner is None:
            return None
        pods = await claim_all(self._client, PODS, self._pods, owner)
        active = [pod for pod in pods if is_active(pod)]
        count = missing(owner, active)
        try:
            for _ in range(count):
                active += [await self._control.create(owner, new_pod(owner))]
        except ApiError as error:
            await self._write_status(owner, active, str(error))
            raise
        for pod in surplus(active, max(0, -count)):
            await self._control.delete(owner, pod)
            active.remove(pod)
        return await self._write_status(owner, active)

    async def _write_status(
        self, owner: Document, active: list[Document], failure: str = ""
    ) -> float | None:
        status = status_of(owner, active, self._wall_clock(), failure)
        present = owner.get("status") or {}
        if present != status:
            written = await self._client.replace(REPLICA_SETS, owner | {"status": status}, "status")
            self._replica_sets.note(written)
        waiting = status.get("readyReplicas", 0) > status.get("availableReplicas", 0)
        return 1.0 if waiting else None
