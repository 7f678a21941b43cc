"""Table rows of PersistentVolumes, their claims and StorageClasses."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import at, table_of, text, texts
from kthena_sandbox.schema.storageclasses import class_of, is_default

Document = dict[str, Any]
_UNSET = "<unset>"
_SHORT = {
    "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP",
}  # fmt: skip


def volume(entry: Document, now: datetime) -> list[Any]:
    """PersistentVolume."""
    claim = table_of(entry, "spec.claimRef")
    owner = f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else ""
    return [
        name_of(entry),
        _size(entry, "spec.capacity"),
        _modes(entry, "spec.accessModes"),
        text(entry, "spec.persistentVolumeReclaimPolicy"),
        _phase(entry),
        owner,
        class_of(entry),
        text(entry, "spec.volumeAttributesClassName", _UNSET),
        text(entry, "status.reason"),
        age_of(entry, now),
        text(entry, "spec.volumeMode", _UNSET),
    ]


def claim(entry: Document, now: datetime) -> list[Any]:
    """PersistentVolumeClaim; what it holds is shown once it has a volume."""
    bound = bool(text(entry, "spec.volumeName"))
    return [
        name_of(entry),
        _phase(entry),
        text(entry, "spec.volumeName"),
        _size(entry, "status.capacity") if bound else "",
        _modes(entry, "status.accessModes") if bound else "",
        class_of(entry),
        text(entry, "spec.volumeAttributesClassName", _UNSET),
        age_of(entry, now),
        text(entry, "spec.volumeMode", _UNSET),
    ]


def _phase(entry: Document) -> str:
    going = at(entry, "metadata.deletionTimestamp") is not None
    return "Terminating" if going else text(entry, "status.phase")


def _size(entry: Document, path: str) -> str:
    return str(table_of(entry, path).get("storage", "0"))


def _modes(entry: Document, path: str) -> str:
    given = texts(entry, path)
    return ",".join(short for mode, short in _SHORT.items() if mode in given)


def storage_class(entry: Document, now: datetime) -> list[Any]:
    """StorageClass."""
    name = name_of(entry)
    if is_default(entry):
        name = f"{name} (default)"
    return [
        name,
        text(entry, "provisioner"),
        text(entry, "reclaimPolicy"),
        text(entry, "volumeBindingMode"),
        at(entry, "allowVolumeExpansion") is True,
        age_of(entry, now),
    ]
