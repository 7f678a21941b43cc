"""Which volume a claim gets, what is said on both once they belong together, and what becomes of a volume. Pure.

After "Persistent Volumes" in the Kubernetes documentation. What is made here for a claim is a folder of this machine.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kthena_sandbox.controllers.ownership import labels_of, selects
from kthena_sandbox.kinds import Document, Key, is_leaving, key_of, uid_of
from kthena_sandbox.schema.quantities import whole_value
from kthena_sandbox.schema.storageclasses import DEFAULT_CLASS as IS_DEFAULT, class_of

PROVISIONER = "sandbox.kthena.io/folder"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
DEFAULT_CLASS = "standard"
LATE = "WaitForFirstConsumer"
_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_COMPLETED = "pv.kubernetes.io/bind-completed"
_PROVISIONED = "pv.kubernetes.io/provisioned-by"
_PROVISIONERS = (
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)


def default_class() -> Document:
    """The class of claims that name none."""
    default = {IS_DEFAULT: "true"}
    return {
        "metadata": {"name": DEFAULT_CLASS, "annotations": default},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }


def phase_of(document: Document) -> str:
    """Its phase, "" before it has one."""
    return str((document.get("status") or {}).get("phase", ""))


def size_of(table: Mapping[str, str] | None) -> int:
    """Bytes of storage."""
    return whole_value(str((table or {}).get("storage", "0")))


def asked_size(claim: Document) -> int:
    """The bytes that a claim asks for."""
    return size_of((claim["spec"].get("resources") or {}).get("requests"))


def holder_of(volume: Document) -> Key | None:
    """The claim that a volume is for."""
    claim = volume["spec"].get("claimRef")
    return Key(claim.get("namespace", ""), claim.get("name", "")) if claim else None


def is_held_by(volume: Document, claim: Document) -> bool:
    """Whether a volume is for that claim; one that was meant for its name is."""
    uid = (volume["spec"].get("claimRef") or {}).get("uid", "")
    return holder_of(volume) == key_of(claim) and uid in {"", uid_of(claim)}


def fits(volume: Document, claim: Document) -> bool:
    """Whether a volume has all that a claim asks for."""
    spec, asked = volume["spec"], claim["spec"]
    if class_of(volume) != class_of(claim) or is_leaving(volume):
        return False
    if spec.get("volumeMode") != asked.get("volumeMode"):
        return False
    if not set(asked.get("accessModes") or []) <= set(spec.get("accessModes") or []):
        return False
    if size_of(spec.get("capacity")) < asked_size(claim):
        return False
    selector = asked.get("selector")
    return selector is None or selects(selector, labels_of(volume))


def volume_for(claim: Document, volumes: Iterable[Document]) -> Document | None:
    """The volume that is meant for the claim, else the smallest that is free and fits."""
    found = [volume for volume in volumes if is_held_by(volume, claim) and not is_leaving(volume)]
    if not found:
        found = [volume for volume in volumes if holder_of(volume) is None and fits(volume, claim)]
    return min(
        found,
        key=lambda volume: (size_of(volume["spec"].get("capacity")), key_of(volume).name),
        default=None,
    )


def volume_bound(volume: Document, claim: Document) -> Document:
    """The merge patch that gives a volume to a claim."""
    reference = {
        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": claim["metadata"]["namespace"],
        "name": claim["metadata"]["name"], "uid": uid_of(claim),
        "resourceVersion": claim["metadata"]["resourceVersion"],
    }  # fmt: skip
    metadata: Document = {"resourceVersion": volume["metadata"]["resourceVersion"]}
    if holder_of(volume) is None:
        metadata["annotations"] = {_BY_CONTROLLER: "yes"}
    return {"metadata": metadata, "spec": {"claimRef": reference}}


def claim_bound(claim: Document, volume: Document) -> Document:
    """The merge patch that gives a claim its volume."""
    annotations = {_COMPLETED: "yes"}
    if not claim["spec"].get("volumeName"):
        annotations[_BY_CONTROLLER] = "yes"
    metadata = {"annotations": annotations, "resourceVersion": claim["metadata"]["resourceVersion"]}
    return {"metadata": metadata, "spec": {"volumeName": volume["metadata"]["name"]}}


def claim_status(volume: Document) -> Document:
    """The status of a claim that has this volume."""
    spec = volume["spec"]
    return {
        "phase": "Bound",
        "accessModes": spec.get("accessModes"),
        "capacity": dict(spec.get("capacity") or {}),
    }


def was_completed(claim: Document) -> bool:
    """Whether a claim has had a volume."""
    return _COMPLETED in (claim["metadata"].get("annotations") or {})


def awaited(claim: Document, provisioner: str) -> Document | None:
    """The merge patch that says who is to make a claim's volume; None where that is said."""
    wanted = dict.fromkeys(_PROVISIONERS, provisioner)
    present = claim["metadata"].get("annotations") or {}
    if wanted.items() <= present.items():
        return None
    return {"metadata": {"annotations": wanted}}


def new_volume(claim: Document, storage_class: Document, folder: Path) -> Document:
    """The volume that is made for a claim: a folder below *folder*."""
    name = f"pvc-{uid_of(claim)}"
    metadata = claim["metadata"]
    spec = {
        "accessModes": claim["spec"].get("accessModes"),
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "claimRef": {
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": metadata["namespace"],
            "name": metadata["name"], "uid": uid_of(claim), "resourceVersion": metadata["resourceVersion"],
        },
        "hostPath": {"path": str(folder / name), "type": "DirectoryOrCreate"},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": "Filesystem",
    }  # fmt: skip
    if options := storage_class.get("mountOptions"):
        spec["mountOptions"] = options
    return {"metadata": {"name": name, "annotations": {_PROVISIONED: PROVISIONER}}, "spec": spec}


def folder_of(volume: Document, folder: Path) -> Path | None:
    """The folder that was made for a volume; None for one that somebody else has made."""
    annotations = volume["metadata"].get("annotations") or {}
    path = Path((volume["spec"].get("hostPath") or {}).get("path", ""))
    own = annotations.get(_PROVISIONED) == PROVISIONER and path.parent == folder
    return path if own else None


def removable(volume: Document, folder: Path) -> tuple[Path | None, str]:
    """The folder that goes with a volume, or why there is none.

    Of those that others have made Kubernetes deletes hostPaths below /tmp alone.
    """
    path = folder_of(volume, folder)
    if path is not None:
        return path, ""
    if (source := volume["spec"].get("hostPath")) is None:
        return None, _no_plugin(volume, "deleter", "deletable")
    path = Path(source["path"])
    if len(path.parts) > 2 and path.is_relative_to("/tmp"):  # noqa: S108  where it is allowed
        return path, ""
    return None, f"host_path deleter only supports /tmp/.+ but received provided {path}"


def not_recycled(volume: Document) -> str:
    """Why a volume is not emptied for others, which takes a pod with a shell."""
    return _no_plugin(volume, "recycler", "recyclable")


def _no_plugin(volume: Document, what: str, kind: str) -> str:
    name = volume["metadata"]["name"]
    return (
        f'Error getting {what} volume plugin for volume "{name}": no {kind} volume plugin matched'
    )


def cannot_make(claim: Document) -> str:
    """Why no folder can be what a claim asks for; "" where one can."""
    if claim["spec"].get("selector"):
        return "claim.Spec.Selector is not supported"
    if claim["spec"].get("volumeMode") == "Block":
        return "the sandbox has no block volumes, only folders"
    if claim["spec"].get("dataSource") or claim["spec"].get("dataSourceRef"):
        return "the sandbox makes volumes that are empty, and none from other sources"
    return ""


def next_phase(volume: Document, claim: Document | None) -> str:
    """The phase of a volume; *claim* is the one whose name it bears, where that is there."""
    if holder_of(volume) is None:
        return "Available"
    if not volume["spec"]["claimRef"].get("uid"):
        return "Available"
    if claim is None or not is_held_by(volume, claim):
        return "Failed" if phase_of(volume) == "Failed" else "Released"
    bound = claim["spec"].get("volumeName") == volume["metadata"]["name"]
    return "Bound" if bound else phase_of(volume) or "Pending"
