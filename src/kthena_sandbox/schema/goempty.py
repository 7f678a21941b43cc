"""What Go writes of built-in objects although nobody has set it: structs that are no pointers, and lists without omitempty.

A kube-apiserver compares objects in that form to find out who set what. So `f:spec` and `f:template` of a new Deployment
belong to nobody, while `f:labels` and the entries of `f:ports` do (staging/src/k8s.io/api, */v1/types.go).
"""

from collections.abc import Mapping
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.nativedefaults import job_labels

Document = dict[str, Any]
_META: Document = {"creationTimestamp": None}
_TEMPLATE: Document = {"metadata": _META, "spec": {"containers": None}}
_JOB: Document = {"template": _TEMPLATE}
_NAMES: Document = {"plural": "", "kind": ""}
_BINDING: Document = {"roleRef": {"apiGroup": "", "kind": "", "name": ""}}
_EVENTS: Mapping[str, Document] = {  # of both groups
    "": {
        "source": {}, "eventTime": None, "firstTimestamp": None, "lastTimestamp": None,
        "reportingComponent": "", "reportingInstance": "",
    },
    "events.k8s.io": {
        "deprecatedSource": {}, "eventTime": None, "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    },
}  # fmt: skip
_EMPTY: Mapping[str, Document] = {
    "Binding": {"target": {}},
    "ClusterRole": {"rules": None},
    "ClusterRoleBinding": _BINDING,
    "CronJob": {
        "spec": {"schedule": "", "jobTemplate": {"metadata": _META, "spec": _JOB}},
        "status": {},
    },
    "CustomResourceDefinition": {
        "spec": {"group": "", "names": _NAMES, "scope": "", "versions": None},
        "status": {"conditions": None, "acceptedNames": _NAMES, "storedVersions": None},
    },
    "DaemonSet": {
        "spec": {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
        "status": {},
    },
    "Deployment": {
        "spec": {"selector": None, "template": _TEMPLATE, "strategy": {}},
        "status": {},
    },
    "ValidatingAdmissionPolicy": {"spec": {}, "status": {}},
    "ValidatingAdmissionPolicyBinding": {"spec": {}},
    "EndpointSlice": {"addressType": "", "endpoints": None, "ports": None},
    "HorizontalPodAutoscaler": {"spec": {"scaleTargetRef": {}}, "status": {}},
    "IngressClass": {"spec": {}},
    "Ingress": {"spec": {}, "status": {"loadBalancer": {}}},
    "Job": {"spec": _JOB, "status": {}},
    "Lease": {"spec": {}},
    "Namespace": {"spec": {}, "status": {}},
    "NetworkPolicy": {"spec": {"podSelector": {}}},
    "Node": {
        "spec": {},
        "status": {"daemonEndpoints": {"kubeletEndpoint": {}}, "nodeInfo": {}},
    },
    "PersistentVolume": {"spec": {}, "status": {}},
    "PersistentVolumeClaim": {"spec": {"resources": {}}, "status": {}},
    "LimitRange": {"spec": {"limits": None}},
    "ResourceQuota": {"spec": {}, "status": {}},
    "StorageClass": {"provisioner": ""},
    "CertificateSigningRequest": {
        "spec": {"request": None, "signerName": ""},
        "status": {},
    },
    "DeviceClass": {"spec": {}},
    "ResourceClaim": {"spec": {"devices": {"requests": None}}, "status": {}},
    "ResourceClaimTemplate": {"spec": {"metadata": {}, "spec": {"devices": {"requests": None}}}},
    "ResourceSlice": {
        "spec": {
            "driver": "",
            "pool": {"name": "", "generation": 0, "resourceSliceCount": 0},
            "devices": None,
        }
    },
    "CSIDriver": {"spec": {}},
    "CSINode": {"spec": {"drivers": None}},
    "CSIStorageCapacity": {"storageClassName": ""},
    "VolumeAttachment": {
        "spec": {"attacher": "", "source": {}, "nodeName": ""},
        "status": {"attached": False},
    },
    "VolumeAttributesClass": {"driverName": ""},
    "IPAddress": {"spec": {}},
    "FlowSchema": {"spec": {"priorityLevelConfiguration": {"name": ""}}, "status": {}},
    "PriorityLevelConfiguration": {"spec": {"type": ""}, "status": {}},
    "ServiceCIDR": {"spec": {}, "status": {}},
    "Pod": {"spec": {"containers": None}, "status": {}},
    "PodTemplate": {"template": _TEMPLATE},
    "PodDisruptionBudget": {"spec": {}, "status": {}},
    "PriorityClass": {"value": 0},
    "ReplicationController": {"spec": {}, "status": {}},
    "ReplicaSet": {"spec": {"selector": None, "template": _TEMPLATE}, "status": {}},
    "Role": {"rules": None},
    "RoleBinding": _BINDING,
    "RuntimeClass": {"handler": ""},
    "Service": {"spec": {}, "status": {"loadBalancer": {}}},
    "StatefulSet": {
        "spec": {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
        "status": {},
    },
}


def as_go_writes(resource: ResourceType, document: Document) -> Document:
    """The object as a kube-apiserver compares it; a custom one as it is."""
    if resource.custom:
        return document
    empty = _EMPTY.get(resource.kind, {})
    if resource.kind == "Event":
        empty = _EVENTS[resource.group]
    if resource.kind == "CSINode":
        document = _with_topologies(document)
    return _filled(document, {"metadata": _META} | empty)


def _with_topologies(node: Document) -> Document:
    """A CSINode each of whose drivers says something of topology, and be it null."""
    spec = node.get("spec")
    drivers = spec.get("drivers") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(drivers, list):
        return node
    told = [
        {"topologyKeys": None} | entry if isinstance(entry, dict) else entry for entry in drivers
    ]
    return node | {"spec": spec | {"drivers": told or None}}


def empty_object(resource: ResourceType) -> Document:
    """A new object before anything is set."""
    return as_go_writes(resource, {"apiVersion": resource.api_version, "kind": resource.kind})


# All of what these do not say is shown.
_WHOLLY_WRITTEN = frozenset({"DeviceClass", "ResourceClaimTemplate", "ResourceSlice"})
# Of these, an empty list is somebody's, and null once it has been stored.
_LISTS: Mapping[str, tuple[str, ...]] = {
    "ClusterRole": ("rules",), "EndpointSlice": ("endpoints", "ports"), "Role": ("rules",),
}  # fmt: skip


def empty_lists(resource: ResourceType, given: Document) -> Document:
    """The empty lists of a built-in object that Go does not leave out."""
    names = () if resource.custom else _LISTS.get(resource.kind, ())
    return {name: [] for name in names if given.get(name) == []}


def as_stored(resource: ResourceType, document: Document) -> Document:
    """A built-in object as it comes back from storage: lists without omitempty are null where they are empty."""
    if resource.kind == "Job":
        return job_labels(document)
    if resource.kind == "CSINode":
        return _filled(_with_topologies(document), {"spec": {"drivers": None}})
    if resource.kind in _WHOLLY_WRITTEN:
        return _filled(document, _EMPTY[resource.kind])
    if resource.kind == "CustomResourceDefinition":
        return document | {"status": {"conditions": None} | (document.get("status") or {})}
    if resource.kind == "LimitRange" and not document.get("spec"):
        return document | {"spec": {"limits": None}}
    empty = {name: None for name in _LISTS.get(resource.kind, ()) if not document.get(name)}
    return document | empty


def _filled(document: Document, empty: Document) -> Document:
    filled = dict(document)
    for name, value in empty.items():
        present = filled.get(name)
        if name not in filled:
            filled[name] = value
        elif isinstance(present, dict) and isinstance(value, dict):
            filled[name] = _filled(present, value)
    return filled
