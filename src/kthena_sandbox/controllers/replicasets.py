"""The ReplicaSet controller: as many pods as wanted, and a status that counts them."""

from collections.abc import Callable
from datetime import datetime

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.podcontrol import PodControl, claim_all, follow_owned
from kthena_sandbox.controllers.replicaset_plan import (
    is_active,
    missing,
    new_pod,
    status_of,
    surplus,
)
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import PODS, REPLICA_SETS, Document, Key, key_of
from kthena_sandbox.mirror import Mirror


class ReplicaSets:
    """Reconciles ReplicaSets from the mirrors of theirs and of the pods."""

    def __init__(
        self,
        client: Client,
        replica_sets: Mirror,
        pods: Mirror,
        *,
        events: EventRecorder,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._pods = pods
        self._control = PodControl(client, pods, events)
        self._wall_clock = wall_clock
        self.loop: Reconciler[Key] = Reconciler("replicasets", self._reconcile)
        replica_sets.subscribe(self._changed)
        follow_owned(pods, REPLICA_SETS, replica_sets, self.loop.add)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None:
            self.loop.add(key_of(after))

    async def _reconcile(self, key: Key) -> float | None:
        owner = self._replica_sets.objects.get(key)
        if owner is None or not (self._replica_sets.synced.is_set() and self._pods.synced.is_set()):
            return None if owner is None else 0.05
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
