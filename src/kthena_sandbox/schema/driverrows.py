"""Table rows of what CSI drivers and their helpers write."""

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
