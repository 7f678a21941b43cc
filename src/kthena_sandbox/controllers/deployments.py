"""The Deployment controller: ReplicaSets for the present and the past templates, scaled step by step.

One step is taken at a time: what it changes brings the Deployment back into the queue.
"""

from collections.abc import Mapping, Sequence

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import rollout, rollout_status
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_of, controller_uid
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import claim_all, follow_owned
from kthena_sandbox.controllers.proportions import is_resized, resized
from kthena_sandbox.controllers.replicaset_plan import has_ended
from kthena_sandbox.controllers.rollout import REVISION, current_of, replicas_of
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
        follow_owned(self._replica_sets, DEPLOYMENTS, self._deployments, self.loop.add)
        parts.pods.subscribe(self._pod_changed)

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        """The strategy Recreate waits until the last old pod is gone, or has ended."""
        pod = after or before or {}
        if after is not None and not has_ended(after):
            return
        reference, namespace = controller_of(pod), pod["metadata"]["namespace"]
        name = "" if reference is None else reference["name"]
        owner = controller_of(
            self._replica_sets.objects.get(Key(namespace, name)) or {"metadata": {}}
        )
        if owner is not None:
            self.loop.add(Key(namespace, owner["name"]))

    async def _reconcile(self, key: Key) -> float | None:
        deployment = self._deployments.objects.get(key)
        if deployment is None:
            return None
        if not self._parts.are_synced(DEPLOYMENTS, REPLICA_SETS):
            return 0.05
        owned = await claim_all(self._client, REPLICA_SETS, self._replica_sets, deployment)
        if is_leaving(deployment):
            return await self._write_counts(deployment, current_of(deployment, owned), owned)
        deployment = await self._note_pause(deployment)
        if deployment["spec"].get("paused") or is_resized(deployment, owned):
            return await self._keep_scale(deployment, owned)
        if rollout.is_recreated(deployment):
            return await self._recreate(deployment, owned)
        return await self._roll(deployment, owned)

    async def _note_pause(self, deployment: Document) -> Document:
        conditions = rollout_status.with_pause(deployment, self._wall_clock())
        if conditions is None:
            return deployment
        status = (deployment.get("status") or {}) | {"conditions": conditions}
        return await self._write(deployment, status)

    async def _roll(self, deployment: Document, owned: list[Document]) -> float | None:
        deployment, current = await self._current(deployment, owned, create=True)
        old = _without(owned, current)
        scales = {}
        if current is not None:  # there always is one, since it may be made
            scale = rollout.scale_of_current(deployment, current, old)
            scales = {current["metadata"]["name"]: scale} if scale != replicas_of(current) else {}
            scales = scales or rollout.scales_of_old(deployment, current, old)
        return await self._step(deployment, current, old, scales)

    async def _recreate(self, deployment: Document, owned: list[Document]) -> float | None:
        deployment, current = await self._current(deployment, owned, create=False)
        old = _without(owned, current)
        scales = {entry["metadata"]["name"]: 0 for entry in old if replicas_of(entry)}
        if not scales and not self._are_running(old):
            deployment, current = await self._current(deployment, owned, create=True)
            wanted = int(deployment["spec"].get("replicas", 1))
            if current is not None and replicas_of(current) != wanted:
                scales = {current["metadata"]["name"]: wanted}
        return await self._step(deployment, current, old, scales)

    async def _step(
        self,
        deployment: Document,
        current: Document | None,
        old: Sequence[Document],
        scales: Mapping[str, int],
    ) -> float | None:
        sets = [*([] if current is None else [current]), *old]
        sets = await self._scale_all(deployment, sets, scales)
        if current is not None:
            current = sets[0]
        now = self._wall_clock()
        if not scales and rollout_status.is_finished(deployment, current, sets):
            await self._clean_up(deployment, old)
        status = rollout_status.status_of(deployment, current, sets, now)
        await self._write(deployment, status)
        return rollout_status.looks_again_in(deployment, status, now)

    async def _keep_scale(self, deployment: Document, owned: list[Document]) -> float | None:
        """The size follows also where nothing is rolled out now; in the middle of a rollout in proportion."""
        deployment, current = await self._current(deployment, owned, create=False)
        old = _without(owned, current)
        sets = [*([] if current is None else [current]), *old]
        sets = await self._scale_all(deployment, sets, resized(deployment, current, sets))
        if current is not None:
            current = sets[0]
        if deployment["spec"].get("paused"):
            await self._clean_up(deployment, old)
        return await self._write_counts(deployment, current, sets)

    async def _current(
        self, deployment: Document, owned: Sequence[Document], *, create: bool
    ) -> tuple[Document, Document | None]:
        """The ReplicaSet of the present template, made or brought up to date, and the Deployment that shows its revision."""
        current = current_of(deployment, owned)
        old = _without(owned, current)
        revision = rollout.next_revision(old)
        created = current is None
        if current is None:
            if not create:
                return deployment, None
            scale = rollout.scale_of_new(deployment, old)
            current = await self._create(deployment, scale, revision)
        else:
            current = await self._annotate(deployment, current, revision)
        name = str(current["metadata"]["name"])
        now = self._wall_clock()
        conditions = rollout_status.with_found(deployment, name, now, created=created)
        annotations = deployment["metadata"].get("annotations") or {}
        marked = annotations | {REVISION: current["metadata"]["annotations"][REVISION]}
        status = deployment.get("status") or {}
        if marked != annotations or conditions is not None:
            document = deployment | {"metadata": deployment["metadata"] | {"annotations": marked}}
            kept = {} if conditions is None else {"conditions": conditions}
            deployment = await self._write(document, status | kept, force=True)
        return deployment, current

    def _are_running(self, old: Sequence[Document]) -> bool:
        """Whether old pods are still there, the leaving ones included."""
        uids = {uid_of(entry) for entry in old}
        if any(rollout.counted(entry, "replicas") for entry in old):
            return True
        return any(
            controller_uid(pod) in uids and not has_ended(pod)
            for pod in self._pods.objects.values()
        )

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

    async def _scale_all(
        self, deployment: Document, sets: Sequence[Document], scales: Mapping[str, int]
    ) -> list[Document]:
        return [
            await self._scale(deployment, entry, scales[entry["metadata"]["name"]])
            if entry["metadata"]["name"] in scales else entry
            for entry in sets
        ]  # fmt: skip

    async def _scale(self, deployment: Document, replica_set: Document, scale: int) -> Document:
        """Its size, and from which size of the Deployment that was reckoned."""
        before, metadata = replicas_of(replica_set), replica_set["metadata"]
        annotations = (metadata.get("annotations") or {}) | rollout.sized_annotations(deployment)
        if before == scale and annotations == metadata.get("annotations"):
            return replica_set
        change = {
            "metadata": {
                "resourceVersion": metadata["resourceVersion"], "annotations": annotations,
            },
            "spec": {"replicas": scale},
        }  # fmt: skip
        changed = await self._client.patch(REPLICA_SETS, key_of(replica_set), change)
        self._tell_scaled(deployment, changed, before, scale)
        return self._replica_sets.note(changed)

    def _tell_scaled(
        self, deployment: Document, replica_set: Document, before: int, after: int
    ) -> None:
        if before == after:
            return
        direction = "up" if after > before else "down"
        name = replica_set["metadata"]["name"]
        text = f"Scaled {direction} replica set {name} from {before} to {after}"
        self._events.tell(deployment, "ScalingReplicaSet", text)

    async def _annotate(
        self, deployment: Document, replica_set: Document, revision: int
    ) -> Document:
        wanted = rollout.annotations_of_current(deployment, replica_set, revision)
        least = int(deployment["spec"].get("minReadySeconds") or 0)
        same = least == int(replica_set["spec"].get("minReadySeconds") or 0)
        if wanted == replica_set["metadata"].get("annotations") and same:
            return replica_set
        change = {"metadata": {"annotations": wanted}, "spec": {"minReadySeconds": least or None}}
        changed = await self._client.patch(REPLICA_SETS, key_of(replica_set), change)
        return self._replica_sets.note(changed)

    async def _clean_up(self, deployment: Document, old: Sequence[Document]) -> None:
        for entry in rollout.obsolete(deployment, old):
            await self._client.delete(REPLICA_SETS, key_of(entry), uid_of(entry))

    async def _write_counts(
        self, deployment: Document, current: Document | None, owned: Sequence[Document]
    ) -> float | None:
        """The status without a word on progress."""
        now = self._wall_clock()
        status = rollout_status.counts_of(deployment, current, owned, now)
        await self._write(deployment, status)
        return rollout_status.looks_again_in(deployment, status, now)

    async def _write(
        self, deployment: Document, status: Document, *, force: bool = False
    ) -> Document:
        """Write the status, and by the same way annotations, which so do not count as a change of the specification."""
        if status == deployment.get("status") and not force:
            return deployment
        document = deployment | {"status": status}
        return self._deployments.note(await self._client.replace(DEPLOYMENTS, document, "status"))


def _without(owned: Sequence[Document], current: Document | None) -> list[Document]:
    uid = "" if current is None else uid_of(current)
    return [entry for entry in owned if uid_of(entry) != uid]
