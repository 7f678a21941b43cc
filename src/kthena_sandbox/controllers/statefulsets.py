"""The StatefulSet controller: pods with names that stay, in their order."""

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import statefulset_claims as claiming, statefulset_plan as planning
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import PodControl, Wording, claim_all, follow_owned
from kthena_sandbox.controllers.revisions import History, revision_of
from kthena_sandbox.controllers.statefulset_plan import Revisions
from kthena_sandbox.kinds import (
    CLAIMS,
    PODS,
    REVISIONS,
    STATEFUL_SETS,
    Document,
    Key,
    is_leaving,
    key_of,
)

_OF_SET = "Pod {pod} in StatefulSet {owner}"
_WORDING = Wording(
    f"create {_OF_SET} successful", f"delete {_OF_SET} successful",
    f"create {_OF_SET} failed error: {{error}}",
)  # fmt: skip


class StatefulSets:
    """Reconciles StatefulSets from the mirrors of theirs, of revisions and of pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._events = parts.recorders["statefulset-controller"]
        self._control = PodControl(parts.client, parts.pods, self._events, _WORDING)
        self._history = History(parts.client, parts.mirrors[REVISIONS])
        self._claims = parts.mirrors[CLAIMS]
        self.loop: Reconciler[Key] = Reconciler("statefulsets", self._reconcile)
        self._sets = parts.follow(STATEFUL_SETS, self.loop.add)
        follow_owned(parts.pods, STATEFUL_SETS, self._sets, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(STATEFUL_SETS, REVISIONS, CLAIMS):
            return 0.05
        owner = self._sets.objects.get(key)
        if owner is None:
            return None
        update = await self._history.current(owner)
        pods = await claim_all(self._client, PODS, self._pods, owner)
        revisions = self._revisions(owner, update)
        steps = planning.steps_of(owner, pods, revisions, self._wall_clock())
        for pod in pods:
            await self._keep_claims(owner, pod)
        refusal = None
        for ordinal in steps.create:
            try:
                pods.append(await self._create(owner, ordinal, revisions))
            except ApiError as error:
                refusal = error
                break
        for pod in steps.delete if refusal is None else ():
            await self._control.delete(owner, pod)
        pods = [self._pods.objects.get(key_of(pod), pod) for pod in pods]
        in_use = {revision_of(pod) for pod in pods} | {revisions.current, revisions.update}
        await self._history.forget(owner, in_use)
        again = await self._write_status(owner, pods, revisions)
        if refusal is not None:
            raise refusal
        return again

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
        pod = planning.new_pod(owner, ordinal, template, name)
        await self._create_claims(owner, pod["metadata"]["name"])
        return await self._control.create(owner, claiming.with_claims(pod, owner))

    async def _create_claims(self, owner: Document, pod_name: str) -> None:
        for document in claiming.new_claims(owner, pod_name):
            key = key_of(document)
            if key in self._claims.objects:
                continue
            what = f"Claim {key.name} Pod {pod_name} in StatefulSet {owner['metadata']['name']}"
            try:
                claim = await self._client.create(CLAIMS, document)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    continue
                told = f"create {what} failed error: {error}"
                self._events.tell(owner, "FailedCreate", told, "Warning")
                raise
            self._claims.note(claim)
            self._events.tell(owner, "SuccessfulCreate", f"create {what} success")

    async def _keep_claims(self, owner: Document, pod: Document) -> None:
        """Its claims belong to those with whom they are to go."""
        name, changed = pod["metadata"]["name"], False
        for template in claiming.templates_of(owner):
            key = Key(pod["metadata"]["namespace"], claiming.claim_name(template, name))
            claim = self._claims.objects.get(key)
            if claim is None or is_leaving(claim):
                continue
            owners = claiming.owners_of(claim, owner, pod, planning.ordinal_of(pod))
            if owners != (claim["metadata"].get("ownerReferences") or []):
                own = {"resourceVersion": claim["metadata"]["resourceVersion"]}
                change = {"metadata": own | {"ownerReferences": owners or None}}
                self._claims.note(await self._client.patch(CLAIMS, key, change))
                changed = True
        if changed and planning.ordinal_of(pod) in planning.ordinals_of(owner):
            what = f"update Pod {name} in StatefulSet {owner['metadata']['name']} successful"
            self._events.tell(owner, "SuccessfulUpdate", what)

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
