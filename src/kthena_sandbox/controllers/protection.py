"""Keeps claims that pods use and volumes that claims have until these let go (the finalizers of storage objects in use)."""

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.volume_plan import phase_of
from kthena_sandbox.controllers.volumeusers import is_used, names_of_claims
from kthena_sandbox.kinds import CLAIMS, PODS, VOLUMES, Document, Key, Kind, is_leaving, key_of

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


class Protection:
    """Takes the finalizers away once nobody uses what is to go."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client = parts.client
        self.claims: Reconciler[Key] = Reconciler("claim protection", self._reconcile_claim)
        self.volumes: Reconciler[Key] = Reconciler("volume protection", self._reconcile_volume)
        self._claims = parts.follow(CLAIMS, self.claims.add)
        self._volumes = parts.follow(VOLUMES, self.volumes.add)
        parts.pods.subscribe(self._pod_changed)

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        pod = after or before or {}
        for name in names_of_claims(pod):
            self.claims.add(Key(pod["metadata"]["namespace"], name))

    async def _reconcile_claim(self, key: Key) -> float | None:
        if not self._parts.are_synced(CLAIMS):
            return 0.05
        claim = self._claims.objects.get(key)
        if claim is None or not _is_held(claim, CLAIM_FINALIZER):
            return None
        if any(is_used(claim, pod) for pod in await self._client.list(PODS, key.namespace)):
            return None
        await self._let_go(CLAIMS, claim, CLAIM_FINALIZER)
        return None

    async def _reconcile_volume(self, key: Key) -> float | None:
        volume = self._volumes.objects.get(key)
        if volume is None or not _is_held(volume, VOLUME_FINALIZER) or phase_of(volume) == "Bound":
            return None
        await self._let_go(VOLUMES, volume, VOLUME_FINALIZER)
        return None

    async def _let_go(self, kind: Kind, document: Document, finalizer: str) -> None:
        metadata = document["metadata"]
        kept = [name for name in metadata["finalizers"] if name != finalizer]
        own = {"resourceVersion": metadata["resourceVersion"], "finalizers": kept or None}
        try:
            await self._client.patch(kind, key_of(document), {"metadata": own})
        except ApiError as error:
            if error.code != 404:
                raise


def _is_held(document: Document, finalizer: str) -> bool:
    return is_leaving(document) and finalizer in (document["metadata"].get("finalizers") or [])
