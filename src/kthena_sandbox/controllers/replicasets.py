"""The controller of ReplicaSets, and of ReplicationControllers: as many pods as wanted, and a status that counts them."""

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_uid
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import (
    PodControl,
    claim_all,
    ends_with_namespace,
    follow_owned,
)
from kthena_sandbox.controllers.replicaset_plan import (
    is_active,
    missing,
    new_pod,
    status_of,
    surplus,
)
from kthena_sandbox.kinds import (
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    Document,
    Key,
    Kind,
    uid_of,
)


class ReplicaSets:
    """Reconciles ReplicaSets, or what is like them, from the mirrors of theirs and of the pods."""

    def __init__(
        self, parts: Parts, kind: Kind = REPLICA_SETS, component: str = "replicaset-controller"
    ) -> None:
        self._parts, self._kind = parts, kind
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        events = parts.recorders[component]
        self._control = PodControl(parts.client, parts.pods, events)
        self.loop: Reconciler[Key] = Reconciler(kind.plural, self._reconcile)
        self._replica_sets = parts.follow(kind, self.loop.add)
        follow_owned(parts.pods, kind, self._replica_sets, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(self._kind):
            return 0.05
        owner = self._replica_sets.objects.get(key)
        if owner is None:
            return None
        active = await claim_all(self._client, PODS, self._pods, owner, counts=is_active)
        count = missing(owner, active)
        try:
            for _ in range(count):
                active += [await self._control.create(owner, new_pod(owner))]
        except ApiError as error:
            if ends_with_namespace(error):
                return await self._write_status(owner, active)
            await self._write_status(owner, active, str(error))
            raise
        leaving = surplus(active, max(0, -count), self._related(owner, active), self._wall_clock())
        for pod in leaving:
            await self._control.delete(owner, pod)
            active.remove(pod)
        return await self._write_status(owner, active)

    def _related(self, owner: Document, pods: list[Document]) -> list[Document]:
        """The pods of all ReplicaSets that have the same owner."""
        above = controller_uid(owner)
        if not above:
            return pods
        sets = self._replica_sets.objects.values()
        uids = {uid_of(entry) for entry in sets if controller_uid(entry) == above}
        return [pod for pod in self._pods.objects.values() if controller_uid(pod) in uids]

    async def _write_status(
        self, owner: Document, active: list[Document], failure: str = ""
    ) -> float | None:
        status = status_of(owner, active, self._wall_clock(), failure)
        present = owner.get("status") or {}
        if present != status:
            written = await self._client.replace(self._kind, owner | {"status": status}, "status")
            self._replica_sets.note(written)
        waiting = status.get("readyReplicas", 0) > status.get("availableReplicas", 0)
        return 1.0 if waiting else None


def replication_controllers(parts: Parts) -> ReplicaSets:
    """The controller of what came before ReplicaSets."""
    return ReplicaSets(parts, REPLICATION_CONTROLLERS, "replication-controller")
