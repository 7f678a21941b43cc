"""The Deployment controller: ReplicaSets for the present and the past templates, scaled step by step."""

from collections.abc import Mapping, Sequence

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import proportions, rollout
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_of, controller_uid
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import claim_all
from kthena_sandbox.controllers.rollout import REVISION, current_of, replicas_of
from kthena_sandbox.controllers.rollout_status import looks_again_in, status_of
from kthena_sandbox.kinds import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Document,
    Key,
    is_leaving,
    key_of,
    uid_of,
)


class Deployments:
    """Reconciles Deployments from the mirrors of theirs, of ReplicaSets and of pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._events = parts.recorders["deployment-controller"]
        self.loop: Reconciler[Key] = Reconciler("deployments", self._reconcile)
        self._deployments = parts.follow(DEPLOYMENTS, self.loop.add)
        self._replica_sets = parts.mirrors[REPLICA_SETS]
        self._replica_sets.subscribe(self._replica_set_changed)

    def _replica_set_changed(self, before: Document | None, after: Document | None) -> None:
        for document in filter(None, (before, after)):
            owner = controller_of(document)
            if owner is not None and owner["kind"] == DEPLOYMENTS.name:
                self.loop.add(Key(document["metadata"]["namespace"], owner["name"]))

    async def _reconcile(self, key: Key) -> float | None:
        deployment = self._deployments.objects.get(key)
        if deployment is None:
            return None
        if not self._parts.are_synced(DEPLOYMENTS, REPLICA_SETS):
            return 0.05
        owned = await claim_all(self._client, REPLICA_SETS, self._replica_sets, deployment)
        owned = [entry for entry in owned if not is_leaving(entry)]
        if is_leaving(deployment):
            return await self._write_status(deployment, current_of(deployment, owned), owned)
        if deployment["spec"].get("paused") or proportions.is_resized(deployment, owned):
            return await self._resize(deployment, owned)
        return await self._roll(deployment, owned)

    async def _roll(self, deployment: Document, owned: list[Document]) -> float | None:
        current = current_of(deployment, owned)
        revision = rollout.next_revision(owned, current)
        old = [entry for entry in owned if entry is not current]
        scale = rollout.scale_of_current(deployment, current, owned, self._pods_of(old))
        if current is None:
            current = await self._create(deployment, scale, revision)
        else:
            current = await self._annotate(deployment, current, revision)
            current = await self._scale(deployment, current, scale)
        scales = rollout.scales_of_old(deployment, current, old)
        old = [
            await self._scale(deployment, entry, scales[entry["metadata"]["name"]])
            if entry["metadata"]["name"] in scales else entry
            for entry in old
        ]  # fmt: skip
        await self._clean_up(deployment, old)
        deployment = await self._mark(deployment, revision)
        return await self._write_status(deployment, current, [current, *old])

    async def _resize(self, deployment: Document, owned: list[Document]) -> float | None:
        """Follow the size alone: nothing is rolled out while it changes, or while the Deployment is paused."""
        current = current_of(deployment, owned)
        sizes = proportions.resized(deployment, current, owned)
        changed = [await self._size(deployment, entry, sizes) for entry in owned]
        present = next(
            (new for new, old in zip(changed, owned, strict=True) if old is current), None
        )
        return await self._write_status(deployment, present, changed)

    async def _size(
        self, deployment: Document, replica_set: Document, sizes: Mapping[str, int]
    ) -> Document:
        """Give a ReplicaSet its new size, and note for which size of the Deployment that is."""
        before = replicas_of(replica_set)
        size = sizes.get(str(replica_set["metadata"]["name"]), before)
        noted = replica_set["metadata"].get("annotations") or {}
        wanted = noted | rollout.sized_annotations(deployment) if before or size else noted
        if size == before and wanted == noted:
            return replica_set
        metadata = {
            "resourceVersion": replica_set["metadata"]["resourceVersion"], "annotations": wanted,
        }  # fmt: skip
        change = {"metadata": metadata, "spec": {"replicas": size}}
        changed = await self._client.patch(REPLICA_SETS, key_of(replica_set), change)
        if size != before:
            self._tell_scaled(deployment, changed, before, size)
        return self._replica_sets.note(changed)

    def _pods_of(self, replica_sets: Sequence[Document]) -> int:
        """How many pods are still there, the leaving ones included."""
        uids = {uid_of(entry) for entry in replica_sets}
        return sum(controller_uid(pod) in uids for pod in self._pods.objects.values())

    async def _create(self, deployment: Document, scale: int, revision: int) -> Document:
        collisions = int((deployment.get("status") or {}).get("collisionCount", 0))
        document = rollout.new_replica_set(deployment, scale, revision, collisions)
        try:
            created = await self._client.create(REPLICA_SETS, document)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                await self._count_collision(deployment, document, collisions)
            raise
        self._tell_scaled(deployment, created, 0, scale)
        return self._replica_sets.note(created)

    async def _count_collision(
        self, deployment: Document, document: Document, collisions: int
    ) -> None:
        """Choose another name next time, if the name is taken by somebody else's ReplicaSet."""
        found = await self._client.find(REPLICA_SETS, key_of(document))
        if found is not None and controller_uid(found) != uid_of(deployment):
            status = {"status": {"collisionCount": collisions + 1}}
            changed = await self._client.patch(DEPLOYMENTS, key_of(deployment), status, "status")
            self._deployments.note(changed)

    async def _scale(self, deployment: Document, replica_set: Document, scale: int) -> Document:
        before = replicas_of(replica_set)
        if before == scale:
            return replica_set
        metadata = {"resourceVersion": replica_set["metadata"]["resourceVersion"]}
        change = {"metadata": metadata, "spec": {"replicas": scale}}
        changed = await self._client.patch(REPLICA_SETS, key_of(replica_set), change)
        self._tell_scaled(deployment, changed, before, scale)
        return self._replica_sets.note(changed)

    def _tell_scaled(
        self, deployment: Document, replica_set: Document, before: int, after: int
    ) -> None:
        direction = "up" if after >= before else "down"
        name = replica_set["metadata"]["name"]
        text = f"Scaled {direction} replica set {name} from {before} to {after}"
        self._events.tell(deployment, "ScalingReplicaSet", text)

    async def _annotate(
        self, deployment: Document, replica_set: Document, revision: int
    ) -> Document:
        wanted = rollout.annotations_of_current(deployment, replica_set, revision)
        if wanted == replica_set["metadata"].get("annotations"):
            return replica_set
        change = {"metadata": {"annotations": wanted}}
        changed = await self._client.patch(REPLICA_SETS, key_of(replica_set), change)
        return self._replica_sets.note(changed)

    async def _mark(self, deployment: Document, revision: int) -> Document:
        """Show the revision on the Deployment too, where `kubectl rollout` looks for it."""
        if rollout.revision_of(deployment) == revision:
            return deployment
        change = {"metadata": {"annotations": {REVISION: str(revision)}}}
        changed = await self._client.patch(DEPLOYMENTS, key_of(deployment), change)
        return self._deployments.note(changed)

    async def _clean_up(self, deployment: Document, old: Sequence[Document]) -> None:
        for entry in rollout.obsolete(deployment, old):
            await self._client.delete(REPLICA_SETS, key_of(entry), uid_of(entry))

    async def _write_status(
        self, deployment: Document, current: Document | None, owned: Sequence[Document]
    ) -> float | None:
        status = status_of(deployment, current, owned, self._wall_clock())
        if status != deployment.get("status"):
            document = deployment | {"status": status}
            written = await self._client.replace(DEPLOYMENTS, document, "status")
            self._deployments.note(written)
        return looks_again_in(deployment, status)
