"""The volume controller: binds claims to volumes, makes folders for those of our class, and takes back what is left."""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import trio

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers import volume_plan as planning
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.volumeusers import is_used, names_of_claims
from kthena_sandbox.events import EventType
from kthena_sandbox.kinds import (
    CLAIMS,
    STORAGE_CLASSES,
    VOLUMES,
    Document,
    Key,
    is_leaving,
    key_of,
)
from kthena_sandbox.schema.storageclasses import class_of

_WAITING_FOR_CONSUMER = "waiting for first consumer to be created before binding"
_NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
_LOST_STATUS = {"phase": "Lost", "accessModes": None, "capacity": None}
_LOST = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
_NOT_MADE = f"no volume plugin matched name: {planning.NO_PROVISIONER}"


class VolumeController:
    """Reconciles claims and volumes from the mirrors of theirs, of classes and of pods.

    `folder` is where the folders are that volumes are made of.
    """

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._parts = parts
        self._client = parts.client
        self._folder = folder
        self._events = parts.recorders["persistentvolume-controller"]
        self._own_events = parts.recorders[planning.PROVISIONER]
        self.claims: Reconciler[Key] = Reconciler("claims", self._reconcile_claim)
        self.volumes: Reconciler[Key] = Reconciler("volumes", self._reconcile_volume)
        self._claims = parts.follow(CLAIMS, self.claims.add)
        self._volumes = parts.follow(VOLUMES, self.volumes.add)
        self._classes = parts.mirrors[STORAGE_CLASSES]
        self._claims.subscribe(self._claim_changed)
        self._volumes.subscribe(self._volume_changed)
        self._classes.subscribe(self._class_changed)
        parts.pods.subscribe(self._pod_changed)

    async def run(self) -> None:
        """Reconcile until cancelled; a cluster without any class gets one first."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ensure_class)
            nursery.start_soon(self.claims.run)
            nursery.start_soon(self.volumes.run)

    async def _ensure_class(self) -> None:
        await self._classes.synced.wait()
        if not self._classes.objects:
            loop: Reconciler[str] = Reconciler("storageclasses", self._create_class)
            loop.add(planning.DEFAULT_CLASS)
            await loop.run()

    async def _create_class(self, _: str) -> None:
        try:
            await self._client.create(STORAGE_CLASSES, planning.default_class())
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _waiting(self) -> Iterable[Key]:
        return (key for key, claim in self._claims.objects.items() if not _is_bound(claim))

    def _look_at(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.claims.add(key)

    def _claim_changed(self, before: Document | None, after: Document | None) -> None:
        """A volume follows the claim that it is for."""
        for document in filter(None, (before, after)):
            for key, volume in self._volumes.objects.items():
                if planning.holder_of(volume) == key_of(document):
                    self.volumes.add(key)

    def _volume_changed(self, before: Document | None, after: Document | None) -> None:
        """What is free may be what a claim waits for; and a claim follows its volume."""
        holder = planning.holder_of(after or before or {"spec": {}})
        self._look_at([holder] if holder else self._waiting())

    def _class_changed(self, before: Document | None, after: Document | None) -> None:
        self._look_at(self._waiting())

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        """A claim may wait for its first pod."""
        if before is None and after is not None:
            namespace = after["metadata"]["namespace"]
            self._look_at(Key(namespace, name) for name in names_of_claims(after))

    def _are_synced(self) -> bool:
        return self._parts.are_synced(CLAIMS, VOLUMES, STORAGE_CLASSES)

    async def _reconcile_claim(self, key: Key) -> float | None:
        if not self._are_synced():
            return 0.05
        claim = self._claims.objects.get(key)
        if claim is None:
            return None
        if planning.was_completed(claim):
            await self._keep(claim)
        elif not is_leaving(claim):
            await self._find(claim)
        return None

    async def _find(self, claim: Document) -> None:
        volume = self._chosen(claim)
        if volume is not None:
            await self._bind(claim, volume)
        elif not claim["spec"].get("volumeName"):
            await self._provide(claim)

    def _chosen(self, claim: Document) -> Document | None:
        name = claim["spec"].get("volumeName")
        if not name:
            return planning.volume_for(claim, list(self._volumes.objects.values()))
        volume = self._volumes.objects.get(Key("", name))
        if volume is None or is_leaving(volume):
            return None
        free = planning.holder_of(volume) is None
        return volume if free or planning.is_held_by(volume, claim) else None

    async def _bind(self, claim: Document, volume: Document) -> None:
        given = self._volumes.note(
            await self._client.patch(VOLUMES, key_of(volume), planning.volume_bound(volume, claim))
        )
        bound = planning.claim_bound(claim, given)
        claim = self._claims.note(await self._client.patch(CLAIMS, key_of(claim), bound))
        await self._keep(claim)

    async def _keep(self, claim: Document) -> None:
        """The status of a claim that has, or had, a volume; one that has grown has a larger one."""
        key = key_of(claim)
        volume = self._volumes.objects.get(Key("", claim["spec"].get("volumeName", "")))
        if volume is None or not planning.is_held_by(volume, claim):
            if planning.phase_of(claim) != "Lost":
                self._tell(claim, "ClaimLost", _LOST, "Warning")
                await self._write_status(key, _LOST_STATUS)
            return
        if planning.folder_of(volume, self._folder) and (
            planning.asked_size(claim) > planning.size_of(volume["spec"].get("capacity"))
        ):
            size = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
            change = {"spec": {"capacity": size}}
            volume = self._volumes.note(await self._client.patch(VOLUMES, key_of(volume), change))
        wanted, present = planning.claim_status(volume), claim.get("status") or {}
        if not wanted.items() <= present.items():
            await self._write_status(key, wanted)
            self.volumes.add(key_of(volume))

    async def _write_status(self, key: Key, status: Document) -> None:
        written = await self._client.patch(CLAIMS, key, {"status": status}, "status")
        self._claims.note(written)

    async def _provide(self, claim: Document) -> None:
        """A volume where we are to make one; otherwise what the claim waits for is told."""
        name = class_of(claim)
        if not name:
            self._tell(claim, "FailedBinding", _NO_CLASS)
            return
        found = self._classes.objects.get(Key("", name))
        if found is None:
            why = f'storageclass.storage.k8s.io "{name}" not found'
            self._tell(claim, "ProvisioningFailed", why, "Warning")
            return
        if found.get("volumeBindingMode") == planning.LATE and not self._is_wanted(claim):
            self._tell(claim, "WaitForFirstConsumer", _WAITING_FOR_CONSUMER)
            return
        provisioner = str(found["provisioner"])
        if provisioner == planning.NO_PROVISIONER:
            self._tell(claim, "ProvisioningFailed", _NOT_MADE, "Warning")
            return
        if (change := planning.awaited(claim, provisioner)) is not None:
            patched = await self._client.patch(CLAIMS, key_of(claim), change)
            claim = self._claims.note(patched)
        if provisioner != planning.PROVISIONER:
            self._tell(claim, "ExternalProvisioning", _external(provisioner))
        elif why := planning.cannot_make(claim):
            said = f'failed to provision volume with StorageClass "{name}": {why}'
            self._own_events.tell(claim, "ProvisioningFailed", said, "Warning")
        else:
            await self._make(claim, found)

    def _is_wanted(self, claim: Document) -> bool:
        return any(is_used(claim, pod) for pod in self._parts.pods.objects.values())

    async def _make(self, claim: Document, storage_class: Document) -> None:
        document = planning.new_volume(claim, storage_class, self._folder)
        path = Path(document["spec"]["hostPath"]["path"])
        await trio.to_thread.run_sync(_make_folder, path)
        try:
            volume = await self._client.create(VOLUMES, document)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            volume = await self._client.get(VOLUMES, key_of(document))
        name = document["metadata"]["name"]
        said = f"Successfully provisioned volume {name}"
        self._own_events.tell(claim, "ProvisioningSucceeded", said)
        await self._bind(claim, self._volumes.note(volume))

    def _tell(self, claim: Document, reason: str, message: str, kind: EventType = "Normal") -> None:
        self._events.tell(claim, reason, message, kind)

    async def _reconcile_volume(self, key: Key) -> float | None:
        if not self._are_synced():
            return 0.05
        volume = self._volumes.objects.get(key)
        if volume is None:
            return None
        holder = planning.holder_of(volume)
        claim = self._claims.objects.get(holder) if holder is not None else None
        phase = planning.next_phase(volume, claim)
        if phase != planning.phase_of(volume):
            volume = await self._write_phase(volume, phase)
        if phase == "Released":
            await self._reclaim(volume)
        return None

    async def _write_phase(self, volume: Document, phase: str, message: str = "") -> Document:
        status = {"phase": phase, "message": message or None}
        written = await self._client.patch(VOLUMES, key_of(volume), {"status": status}, "status")
        return self._volumes.note(written)

    async def _reclaim(self, volume: Document) -> None:
        """What nobody claims any more stays, or goes with its folder where that is ours."""
        policy = volume["spec"].get("persistentVolumeReclaimPolicy")
        if policy == "Retain":
            return
        path, why = planning.removable(volume, self._folder)
        if path is None or policy != "Delete":
            why = why if policy == "Delete" else planning.not_recycled(volume)
            self._events.tell(volume, f"VolumeFailed{policy}", why, "Warning")
            await self._write_phase(volume, "Failed", why)
            return
        await trio.to_thread.run_sync(partial(shutil.rmtree, path, ignore_errors=True))
        if not is_leaving(volume):
            await self._client.delete(VOLUMES, key_of(volume))


def _is_bound(claim: Document) -> bool:
    return planning.phase_of(claim) == "Bound"


def _external(provisioner: str) -> str:
    return (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )


def _make_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
