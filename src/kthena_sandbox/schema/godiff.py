"""How a kube-apiserver shows what may not change: both objects as indented JSON of its own structs, compared by lines.

Those structs have the names of the fields of Go, and write all of them, also those that are not set.
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Document = dict[str, Any]
_CONTEXT = 3

_SOURCES = (
    "GCEPersistentDisk", "AWSElasticBlockStore", "HostPath", "Glusterfs", "NFS", "RBD", "Quobyte", "ISCSI",
    "FlexVolume", "Cinder", "CephFS", "FC", "Flocker", "AzureFile", "VsphereVolume", "AzureDisk",
    "PhotonPersistentDisk", "PortworxVolume", "ScaleIO", "Local", "StorageOS", "CSI",
)  # fmt: skip
_OTHERWISE = {
    "GCEPersistentDisk": "gcePersistentDisk", "AWSElasticBlockStore": "awsElasticBlockStore", "NFS": "nfs",
    "RBD": "rbd", "ISCSI": "iscsi", "CephFS": "cephfs", "FC": "fc", "StorageOS": "storageos", "CSI": "csi",
}  # fmt: skip
SOURCE_FIELDS = {name: _OTHERWISE.get(name, name[0].lower() + name[1:]) for name in _SOURCES}


def diff(old: Document, new: Document) -> str:
    """The lines that differ, with those around them, as a unified diff without file names."""
    before, after = (
        json.dumps(side, indent=1, ensure_ascii=False).split("\n") for side in (old, new)
    )
    lines = difflib.unified_diff(before, after, n=_CONTEXT, lineterm="")
    return "".join(f"{line}\n" for line in list(lines)[2:])


def compact(value: Any) -> str:
    """A struct in a message, whose fields stand in their own order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def claim_spec(spec: Mapping[str, Any]) -> Document:
    """The specification of a PersistentVolumeClaim."""
    resources = spec.get("resources") or {}
    return {
        "AccessModes": spec.get("accessModes"),
        "Selector": selector(spec.get("selector")),
        "Resources": {
            "Limits": _ordered(resources.get("limits")),
            "Requests": _ordered(resources.get("requests")),
        },
        "VolumeName": spec.get("volumeName", ""),
        "StorageClassName": spec.get("storageClassName"),
        "VolumeMode": spec.get("volumeMode"),
        "DataSource": _reference(spec.get("dataSource"), ("APIGroup", "Kind", "Name")),
        "DataSourceRef": _reference(
            spec.get("dataSourceRef"), ("APIGroup", "Kind", "Name", "Namespace")
        ),
        "VolumeAttributesClassName": spec.get("volumeAttributesClassName"),
    }


def _ordered(table: Mapping[str, Any] | None) -> Document | None:
    return None if table is None else dict(sorted(table.items()))


def selector(given: Mapping[str, Any] | None) -> Document | None:
    """A label selector, whose fields have their names of JSON here too."""
    if given is None:
        return None
    shown: Document = {}
    if given.get("matchLabels"):
        shown["matchLabels"] = _ordered(given["matchLabels"])
    if given.get("matchExpressions"):
        order = ("key", "operator", "values")
        shown["matchExpressions"] = [
            {name: entry[name] for name in order if name in entry}
            for entry in given["matchExpressions"]
        ]
    return shown


def _reference(value: Mapping[str, Any] | None, fields: Sequence[str]) -> Document | None:
    if value is None:
        return None
    found = {"APIGroup": value.get("apiGroup")}
    return found | {name: value.get(name.lower()) for name in fields[1:]}


def volume_source(spec: Mapping[str, Any]) -> Document:
    """What a PersistentVolume is made of, out of its specification."""
    return {
        name: None if spec.get(field) is None else _SHOWN.get(field, _capital)(spec[field])
        for name, field in SOURCE_FIELDS.items()
    }


def _host_path(source: Mapping[str, Any]) -> Document:
    return {"Path": source.get("path", ""), "Type": source.get("type")}


def _local(source: Mapping[str, Any]) -> Document:
    return {"Path": source.get("path", ""), "FSType": source.get("fsType")}


def _nfs(source: Mapping[str, Any]) -> Document:
    return {
        "Server": source.get("server", ""),
        "Path": source.get("path", ""),
        "ReadOnly": source.get("readOnly", False),
    }


def _csi(source: Mapping[str, Any]) -> Document:
    secrets = ("controllerPublish", "nodeStage", "nodePublish", "controllerExpand", "nodeExpand")
    return {
        "Driver": source.get("driver", ""),
        "VolumeHandle": source.get("volumeHandle", ""),
        "ReadOnly": source.get("readOnly", False),
        "FSType": source.get("fsType", ""),
        "VolumeAttributes": _ordered(source.get("volumeAttributes")),
    } | {f"{name[0].upper()}{name[1:]}SecretRef": _secret(source, name) for name in secrets}


def _secret(source: Mapping[str, Any], name: str) -> Document | None:
    given = source.get(f"{name}SecretRef")
    if given is None:
        return None
    return {"Name": given.get("name", ""), "Namespace": given.get("namespace", "")}


def _capital(source: Mapping[str, Any]) -> Document:
    """Sources that no pod here can use: only the fields that are set."""
    return {f"{name[0].upper()}{name[1:]}": value for name, value in sorted(source.items())}


_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], Document]] = {
    "hostPath": _host_path, "local": _local, "nfs": _nfs, "csi": _csi,
}  # fmt: skip


def node_affinity(affinity: Mapping[str, Any] | None) -> Document | None:
    """The node affinity of a PersistentVolume."""
    if affinity is None:
        return None
    required = affinity.get("required")
    if required is None:
        return {"Required": None}
    terms = [
        {
            "MatchExpressions": _requirements(term.get("matchExpressions")),
            "MatchFields": _requirements(term.get("matchFields")),
        }
        for term in required.get("nodeSelectorTerms") or []
    ]
    return {"Required": {"NodeSelectorTerms": terms}}


def _requirements(entries: Sequence[Mapping[str, Any]] | None) -> list[Document] | None:
    if entries is None:
        return None
    return [
        {name: entry.get(name.lower()) for name in ("Key", "Operator", "Values")}
        for entry in entries
    ]
