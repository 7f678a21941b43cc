"""What a kube-apiserver says of volumes and claims that it takes although something about them is of old."""

from collections.abc import Iterator
from typing import Any

from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.reading import at, maps, table_of, text
from kthena_sandbox.schema.storageclasses import BETA_CLASS
from kthena_sandbox.schema.volumerules import MOUNT_OPTIONS

Document = dict[str, Any]
_OLD_CLASS = 'deprecated since v1.8; use "storageClassName" attribute instead'
_OLD_OPTIONS = 'deprecated since v1.31; use "mountOptions" attribute instead'
_RECYCLED = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
    "approach is to use dynamic provisioning."
)
_SOURCES = {
    "cephfs": "spec.cephfs: deprecated in v1.28, non-functional in v1.31+",
    "glusterfs": "spec.glusterfs: deprecated in v1.25, non-functional in v1.26+",
    "photonPersistentDisk": "spec.photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+",
    "rbd": "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
    "scaleIO": "spec.scaleIO: deprecated in v1.16, non-functional in v1.22+",
    "storageos": "spec.storageOS: deprecated in v1.22, non-functional in v1.25+",
}
_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
}


def volume_warnings(volume: Document, _: Document | None) -> list[str]:
    """A PersistentVolume."""
    annotations, spec = table_of(volume, "metadata.annotations"), table_of(volume, "spec")
    found = []
    for name, why in ((BETA_CLASS, _OLD_CLASS), (MOUNT_OPTIONS, _OLD_OPTIONS)):
        if name in annotations:
            found.append(f"metadata.annotations[{name}]: {why}")
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(_RECYCLED)
    found += [why for field, why in _SOURCES.items() if spec.get(field) is not None]
    return [*found, *_old_labels(spec)]


def _old_labels(spec: Document) -> Iterator[str]:
    path = "spec.nodeAffinity.required.nodeSelectorTerms"
    for index, term in enumerate(maps(spec, path.removeprefix("spec."))):
        for place, entry in enumerate(maps(term, "matchExpressions")):
            key = text(entry, "key")
            if key in _LABELS:
                where = f"{path}[{index}].matchExpressions[{place}].key"
                yield f'{where}: {key} is deprecated since v1.17; use "{_LABELS[key]}" instead'


def claim_warnings(claim: Document, _: Document | None) -> list[str]:
    """A PersistentVolumeClaim."""
    found = []
    if BETA_CLASS in table_of(claim, "metadata.annotations"):
        found.append(f"metadata.annotations[{BETA_CLASS}]: {_OLD_CLASS}")
    for table in ("requests", "limits"):
        path = f"spec.resources.{table}"
        size = at(claim, path) and table_of(claim, path).get("storage")
        if (parse_quantity(str(size)) or 0) % 1:
            why = f'fractional byte value "{size}" is invalid, must be an integer'
            found.append(f"{path}[storage]: {why}")
    return found


def storage_class_warnings(document: Document, _: Document | None) -> list[str]:
    """A StorageClass."""
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{place}].key: deprecated since v1.17; "
        f'use "{_LABELS[text(entry, "key")]}" instead'
        for index, term in enumerate(maps(document, "allowedTopologies"))
        for place, entry in enumerate(maps(term, "matchLabelExpressions"))
        if text(entry, "key") in _LABELS
    ]
