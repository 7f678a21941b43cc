"""Table rows of what drivers of storage and devices and their helpers write, and of claims to devices."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import at, maps, text, texts

Document = dict[str, Any]
_UNSET = "<unset>"


def driver(entry: Document, now: datetime) -> list[Any]:
    """CSIDriver."""
    audiences = [text(one, "audience") for one in maps(entry, "spec.tokenRequests")]
    return [
        name_of(entry),
        at(entry, "spec.attachRequired") is not False,
        at(entry, "spec.podInfoOnMount") is True,
        at(entry, "spec.storageCapacity") is True,
        ",".join(audiences) if audiences else _UNSET,
        at(entry, "spec.requiresRepublish") is True,
        ",".join(texts(entry, "spec.volumeLifecycleModes")),
        age_of(entry, now),
    ]


def node(entry: Document, now: datetime) -> list[Any]:
    """CSINode."""
    return [name_of(entry), len(maps(entry, "spec.drivers")), age_of(entry, now)]


def attachment(entry: Document, now: datetime) -> list[Any]:
    """VolumeAttachment."""
    return [
        name_of(entry),
        text(entry, "spec.attacher"),
        text(entry, "spec.source.persistentVolumeName"),
        text(entry, "spec.nodeName"),
        at(entry, "status.attached") is True,
        age_of(entry, now),
    ]


def attributes_class(entry: Document, now: datetime) -> list[Any]:
    """VolumeAttributesClass."""
    return [name_of(entry), text(entry, "driverName"), age_of(entry, now)]


def aged(entry: Document, now: datetime) -> list[Any]:
    """DeviceClass and ResourceClaimTemplate."""
    return [name_of(entry), age_of(entry, now)]


def resource_claim(entry: Document, now: datetime) -> list[Any]:
    """ResourceClaim."""
    states = []
    if text(entry, "metadata.deletionTimestamp"):
        states.append("deleted")
    allocated = at(entry, "status.allocation") is not None
    states.append("allocated" if allocated else "pending")
    if maps(entry, "status.reservedFor"):
        states.append("reserved")
    return [name_of(entry), ",".join(states), age_of(entry, now)]


def resource_slice(entry: Document, now: datetime) -> list[Any]:
    """ResourceSlice."""
    return [
        name_of(entry),
        text(entry, "spec.nodeName", _UNSET),
        text(entry, "spec.driver"),
        text(entry, "spec.pool.name"),
        age_of(entry, now),
    ]
