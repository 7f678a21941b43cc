"""The ephemeral volume controller: claims that a pod brings along, and that go with it."""

from copy import deepcopy

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.volumeusers import claim_of
from kthena_sandbox.kinds import CLAIMS, Document, Key, is_leaving, key_of


def claims_of(pod: Document) -> list[Document]:
    """The claims that a pod brings along. Pure."""
    found = []
    for volume in pod["spec"].get("volumes") or []:
        template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if template is None:
            continue
        given = template.get("metadata") or {}
        own = {
            "name": claim_of(volume, pod),
            "namespace": pod["metadata"]["namespace"],
            "ownerReferences": [reference_to(pod)],
        }
        more = {name: given[name] for name in ("labels", "annotations") if given.get(name)}
        found.append({"metadata": own | more, "spec": deepcopy(template["spec"])})
    return found


class EphemeralClaims:
    """Makes them for pods that are new."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._events = parts.recorders["ephemeral_volume"]
        self.loop: Reconciler[Key] = Reconciler("ephemeral claims", self._reconcile)
        parts.pods.subscribe(self._pod_changed)

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        if before is None and after is not None and claims_of(after):
            self.loop.add(key_of(after))

    async def _reconcile(self, key: Key) -> float | None:
        pod = self._parts.pods.objects.get(key)
        if pod is None or is_leaving(pod):
            return None
        for claim in claims_of(pod):
            try:
                await self._parts.client.create(CLAIMS, claim)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    continue
                why = f"ephemeral volume controller: create PVC {key_of(claim)}: {error}"
                self._events.tell(pod, "ClaimCreationFailed", why, "Warning")
                raise
        return None
