"""The ReplicaSet controller: as many pods as wanted, and a status that counts them."""

from collections.abc import Callable
from datetime import datetime

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers import ownership
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.replicaset_plan import (
    is_active,
    missing,
    new_pod,
    status_of,
    surplus,
)
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import PODS, REPLICA_SETS, Document, Key, Kind, key_of, uid_of
from kthena_sandbox.mirror import Mirror


async def claim_all(client: Client, kind: Kind, mirror: Mirror, owner: Document) -> list[Document]:
    """What *owner* controls, after taking over orphans and letting go what it no longer selects.

    Raises ApiError, ApiAway.
    """
    claims = ownership.claim(owner, list(mirror.objects.values()))
    owned = list(claims.owned)
    for document in claims.adopt:
        change = ownership.adopted(document, owner)
        owned.append(mirror.note(await client.patch(kind, key_of(document), change)))
    for document in claims.release:
        change = ownership.released(document, uid_of(owner))
        mirror.note(await client.patch(kind, key_of(document), change))
    return owned


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
        self._events = events
        self._wall_clock = wall_clock
        self.loop: Reconciler[Key] = Reconciler("replicasets", self._reconcile)
        replica_sets.subscribe(self._changed)
        pods.subscribe(self._pod_changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None:
            self.loop.add(key_of(after))

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        for pod in filter(None, (before, after)):
            owner = ownership.controller_of(pod)
            if owner is None:
                self._add_possible_owners(pod)
            elif owner["kind"] == REPLICA_SETS.name:
                self.loop.add(Key(pod["metadata"]["namespace"], owner["name"]))

    def _add_possible_owners(self, pod: Document) -> None:
        for key, owner in self._replica_sets.objects.items():
            same = key.namespace == pod["metadata"]["namespace"]
            if same and ownership.selects(owner["spec"].get("selector"), ownership.labels_of(pod)):
                self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        owner = self._replica_sets.objects.get(key)
        if owner is None or not (self._replica_sets.synced.is_set() and self._pods.synced.is_set()):
            return None if owner is None else 0.05
        pods = await claim_all(self._client, PODS, self._pods, owner)
        active = [pod for pod in pods if is_active(pod)]
        count = missing(owner, active)
        if count > 0:
            active += await self._create(owner, count)
        elif count < 0:
            gone = surplus(active, -count)
            await self._delete(owner, gone)
            active = [pod for pod in active if pod not in gone]
        return await self._write_status(owner, active)

    async def _create(self, owner: Document, count: int) -> list[Document]:
        created = []
        for _ in range(count):
            try:
                pod = await self._client.create(PODS, new_pod(owner))
            except ApiError as error:
                text = f"Error creating: {error}"
                self._events.tell(owner, "FailedCreate", text, "Warning")
                raise
            created.append(self._pods.note(pod))
            text = f"Created pod: {pod['metadata']['name']}"
            self._events.tell(owner, "SuccessfulCreate", text)
        return created

    async def _delete(self, owner: Document, pods: list[Document]) -> None:
        for pod in pods:
            try:
                gone = await self._client.delete(PODS, key_of(pod), uid_of(pod))
            except ApiError as error:
                if error.code == 404:
                    continue
                raise
            if gone.get("kind") == PODS.name:
                self._pods.note(gone)
            text = f"Deleted pod: {pod['metadata']['name']}"
            self._events.tell(owner, "SuccessfulDelete", text)

    async def _write_status(self, owner: Document, active: list[Document]) -> float | None:
        status = status_of(owner, active, self._wall_clock())
        present = owner.get("status") or {}
        if present != status:
            written = await self._client.replace(REPLICA_SETS, owner | {"status": status}, "status")
            self._replica_sets.note(written)
        waiting = status.get("readyReplicas", 0) > status.get("availableReplicas", 0)
        return 1.0 if waiting else None
