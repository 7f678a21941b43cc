"""Rules and defaults of what CSI drivers and their helpers write: CSIDrivers, CSINodes, their capacities, VolumeAttachments and VolumeAttributesClasses.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.selectorrules import selector_rules
from kthena_sandbox.schema.storageclassrules import parameter_rules, provisioner_rules
from kthena_sandbox.schema.volumerules import access_mode_rules

Document = dict[str, Any]
_DRIVER: Document = {
    "attachRequired": True, "podInfoOnMount": False, "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType", "requiresRepublish": False, "seLinuxMount": False,
}  # fmt: skip
_FS_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_MODES = ("Persistent", "Ephemeral")
_LONGEST_NODE_ID = 256
_SHORTEST_TOKEN = 600
_LONGEST_TOKEN = 1 << 32
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_INLINE = "spec.source.inlineVolumeSpec"
_NOT_INLINE = "may not be specified in the context of inline volumes"


def driver_defaults(driver: Document) -> Document:
    """A CSIDriver: what it says of itself by saying nothing."""
    spec = driver.get("spec") or {}
    if not isinstance(spec, dict):
        return driver
    filled = _DRIVER | spec
    if not spec.get("volumeLifecycleModes"):
        filled["volumeLifecycleModes"] = ["Persistent"]
    return driver | {"spec": filled}


def driver_rules(driver: Document) -> list[FieldError]:
    """A CSIDriver."""
    spec = driver.get("spec") or {}
    found = []
    if (policy := spec.get("fsGroupPolicy")) not in _FS_GROUP_POLICIES:
        found.append(errors.not_supported("spec.fsGroupPolicy", policy, _FS_GROUP_POLICIES))
    seen: list[str] = []
    for index, entry in enumerate(spec.get("tokenRequests") or []):
        path, audience = f"spec.tokenRequests[{index}]", (entry or {}).get("audience", "")
        if audience in seen:
            found.append(errors.duplicate(f"{path}.audience", audience))
        seen.append(audience)
        found += _token_seconds((entry or {}).get("expirationSeconds"), path)
    modes = spec.get("volumeLifecycleModes") or []
    return found + [
        errors.not_supported("spec.volumeLifecycleModes", mode, _MODES)
        for mode in modes
        if mode not in _MODES
    ]


def _token_seconds(seconds: int | None, path: str) -> list[FieldError]:
    if seconds is None:
        return []
    if seconds < _SHORTEST_TOKEN:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST_TOKEN:
        why = "may not specify a duration larger than 2^32 seconds"
    else:
        return []
    return [errors.invalid(f"{path}.expirationSeconds", seconds, why)]


def node_rules(node: Document) -> list[FieldError]:
    """A CSINode: the drivers of a node, each once."""
    found: list[FieldError] = []
    seen: list[str] = []
    for index, entry in enumerate((node.get("spec") or {}).get("drivers") or []):
        path, name = f"spec.drivers[{index}]", entry.get("name", "")
        found += _required_domain(name, f"{path}.name")
        found += _node_id(entry.get("nodeID", ""), f"{path}.nodeID")
        count = (entry.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            why = "must be greater than or equal to 0"
            found.append(errors.invalid(f"{path}.allocatable.count", count, why))
        if name in seen:
            found.append(errors.duplicate(f"{path}.name", name))
        seen.append(name)
        found += _topology_keys(entry.get("topologyKeys") or [], path)
    return found


def _required_domain(name: str, path: str) -> list[FieldError]:
    found = [] if name else [errors.required(path)]
    return found + [errors.invalid(path, name, why) for why in _domain_problems(name)]


def _domain_problems(name: str) -> list[str]:
    return names.subdomain_problems(name.lower())


def _node_id(node_id: str, path: str) -> list[FieldError]:
    if not node_id:
        return [errors.required(path)]
    if len(node_id) <= _LONGEST_NODE_ID:
        return []
    return [errors.invalid(path, node_id, f"must be {_LONGEST_NODE_ID} characters or less")]


def _topology_keys(keys: list[str], path: str) -> list[FieldError]:
    found = []
    for place, key in enumerate(keys):
        if not key:
            found.append(errors.required(path))
        elif key in keys[:place]:
            found.append(errors.duplicate(path, key))
        found += [errors.invalid(path, key, why) for why in names.qualified_problems(key)]
    return found


def capacity_rules(capacity: Document) -> list[FieldError]:
    """A CSIStorageCapacity."""
    name, topology = capacity.get("storageClassName", ""), capacity.get("nodeTopology") or {}
    problems = names.subdomain_problems(name)
    found = selector_rules(topology, "nodeTopology")
    found += [errors.invalid("storageClassName", name, why) for why in problems]
    amount = parse_quantity(str(capacity.get("capacity", "0")))
    if amount is not None and amount < 0:
        why = "must be greater than or equal to 0"
        found.append(errors.invalid("capacity", capacity["capacity"], why))
    return found


def attachment_rules(attachment: Document) -> list[FieldError]:
    """A VolumeAttachment: which volume, where, by whom."""
    spec = attachment.get("spec") or {}
    attacher, node = spec.get("attacher", ""), spec.get("nodeName", "")
    found = [] if attacher else [errors.required("spec.attacher")]
    found += _source(spec.get("source") or {})
    found += [errors.invalid("spec.nodeName", node, why) for why in names.subdomain_problems(node)]
    return found


def new_attachment_rules(attachment: Document) -> list[FieldError]:
    """What only a new VolumeAttachment is asked: `storage.k8s.io/v1` knows these rules, and its elders did not."""
    spec = attachment.get("spec") or {}
    attacher, path = spec.get("attacher", ""), "spec.source.persistentVolumeName"
    found = _required_domain(attacher, "spec.attacher")
    volume = (spec.get("source") or {}).get("persistentVolumeName")
    problems = [] if volume is None else names.subdomain_problems(volume)
    return found + [errors.invalid(path, volume, why) for why in problems]


def _source(source: Document) -> list[FieldError]:
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if name is None and inline is None:
        return [errors.required("spec.source", _ONE_SOURCE)]
    if name is not None and inline is not None:
        return [errors.forbidden("spec.source", _ONE_SOURCE)]
    if inline is not None:
        return _inline(inline)
    if name:
        return []
    why = "must specify non empty persistentVolumeName"
    return [errors.required("spec.source.persistentVolumeName", why)]


def _inline(spec: Document) -> list[FieldError]:
    """A volume that has no object of its own: one of a CSI driver."""
    found = []
    if spec.get("csi") is None:
        why = "has to be specified in the context of inline volumes"
        found.append(errors.required(f"{_INLINE}.csi", why))
    given = [name for name in ("claimRef", "capacity") if spec.get(name)]
    found += [errors.forbidden(f"{_INLINE}.{name}", _NOT_INLINE) for name in given]
    found += access_mode_rules(spec, errors.required(f"{_INLINE}.accessModes"))
    if spec.get("persistentVolumeReclaimPolicy", "Retain") != "Retain":
        why = "may only be Retain in the context of inline volumes"
        found.append(errors.forbidden(f"{_INLINE}.persistentVolumeReclaimPolicy", why))
    if spec.get("nodeAffinity") is not None:
        found.append(errors.forbidden(f"{_INLINE}.nodeAffinity", _NOT_INLINE))
    return found


def attributes_class_rules(document: Document) -> list[FieldError]:
    """A VolumeAttributesClass."""
    parameters = document.get("parameters") or {}
    found = provisioner_rules(document, "driverName")
    if not parameters:
        why = "must contain at least one key/value pair"
        return [*found, errors.required("parameters", why)]
    return found + parameter_rules(parameters)
