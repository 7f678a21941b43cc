"""Keeps claims that pods use, volumes that claims have and classes that both name until these let go (the finalizers of storage objects in use)."""

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.volume_plan import phase_of
from kthena_sandbox.controllers.volumeusers import names_of_claims
from kthena_sandbox.kinds import (
    ATTRIBUTES_CLASSES,
    CLAIMS,
    PODS,
    VOLUMES,
    Document,
    Key,
    Kind,
    is_leaving,
    key_of,
)
from kthena_sandbox.schema.reading import text

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
CLASS_FINALIZER = "kubernetes.io/vac-protection"
_CLASS_NAMES = (
    "spec.volumeAttributesClassName",
    "status.currentVolumeAttributesClassName",
    "status.modifyVolumeStatus.targetVolumeAttributesClassName",
)


class Protection:
    """Takes the finalizers away once nobody uses what is to go."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client = parts.client
        self.claims: Reconciler[Key] = Reconciler("claim protection", self._reconcile_claim)
        self.volumes: Reconciler[Key] = Reconciler("volume protection", self._reconcile_volume)
        self._claims = parts.follow(CLAIMS, self.claims.add)
        self._volumes = parts.follow(VOLUMES, self.volumes.add)
        self.classes: Reconciler[Key] = Reconciler("class protection", self._reconcile_class)
        self._classes = parts.follow(ATTRIBUTES_CLASSES, self.classes.add)
        parts.pods.subscribe(self._pod_changed)
        for mirror in (self._claims, self._volumes):
            mirror.subscribe(self._user_changed)

    def _user_changed(self, before: Document | None, after: Document | None) -> None:
        for name in _classes_of(before or {}) - _classes_of(after or {}):
            self.classes.add(Key("", name))

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        pod = after or before or {}
        for name in names_of_claims(pod):
            self.claims.add(Key(pod["metadata"]["namespace"], name))

    async def _reconcile_claim(self, key: Key) -> float | None:
        if not self._parts.are_synced(CLAIMS):
            return 0.05
        claim = self._claims.objects.get(key)
        if claim is None:
            return None
        if not is_leaving(claim):
            await self._hold(CLAIMS, claim, CLAIM_FINALIZER)
            return None
        if not _is_held(claim, CLAIM_FINALIZER):
            return None
        if any(_holds(pod, key.name) for pod in await self._client.list(PODS, key.namespace)):
            return None
        await self._let_go(CLAIMS, claim, CLAIM_FINALIZER)
        return None

    async def _reconcile_volume(self, key: Key) -> float | None:
        volume = self._volumes.objects.get(key)
        if volume is None:
            return None
        if not is_leaving(volume):
            await self._hold(VOLUMES, volume, VOLUME_FINALIZER)
            return None
        if not _is_held(volume, VOLUME_FINALIZER) or phase_of(volume) == "Bound":
            return None
        await self._let_go(VOLUMES, volume, VOLUME_FINALIZER)
        return None

    async def _reconcile_class(self, key: Key) -> float | None:
        if not self._parts.are_synced(CLAIMS, VOLUMES):
            return 0.05
        found = self._classes.objects.get(key)
        if found is None:
            return None
        if not is_leaving(found):
            await self._hold(ATTRIBUTES_CLASSES, found, CLASS_FINALIZER)
            return None
        users = (*self._claims.objects.values(), *self._volumes.objects.values())
        if not _is_held(found, CLASS_FINALIZER) or any(
            key.name in _classes_of(one) for one in users
        ):
            return None
        await self._let_go(ATTRIBUTES_CLASSES, found, CLASS_FINALIZER)
        return None

    async def _hold(self, kind: Kind, document: Document, finalizer: str) -> None:
        """Once more where somebody has taken it away."""
        present = document["metadata"].get("finalizers") or []
        if finalizer not in present:
            await self._write(kind, document, [*present, finalizer])

    async def _let_go(self, kind: Kind, document: Document, finalizer: str) -> None:
        present = document["metadata"]["finalizers"]
        await self._write(kind, document, [name for name in present if name != finalizer])

    async def _write(self, kind: Kind, document: Document, finalizers: list[str]) -> None:
        version = document["metadata"]["resourceVersion"]
        own = {"resourceVersion": version, "finalizers": finalizers or None}
        try:
            await self._client.patch(kind, key_of(document), {"metadata": own})
        except ApiError as error:
            if error.code != 404:
                raise


def _holds(pod: Document, claim: str) -> bool:
    """Whether a pod that has a node names the claim, also once it has ended."""
    return bool(pod["spec"].get("nodeName")) and claim in names_of_claims(pod)


def _classes_of(user: Document) -> set[str]:
    """The VolumeAttributesClasses that a claim or a volume names."""
    return {name for path in _CLASS_NAMES if (name := text(user, path))}


def _is_held(document: Document, finalizer: str) -> bool:
    return is_leaving(document) and finalizer in (document["metadata"].get("finalizers") or [])
