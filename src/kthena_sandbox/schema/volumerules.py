"""Rules and defaults of PersistentVolumes and PersistentVolumeClaims.

They are asked only about objects whose fields have the types of the schema; defaults about objects of any shape.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.godiff import SOURCE_FIELDS
from kthena_sandbox.schema.quantities import parse_quantity, whole_value
from kthena_sandbox.schema.selectorrules import requirement_rules, selector_rules

Document = dict[str, Any]
MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
_ALONE = "ReadWriteOncePod"
_VOLUME_MODES = ["Block", "Filesystem"]
_HOST_PATHS = [
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
]  # fmt: skip
_COMPARING = frozenset({"Gt", "Lt"})  # which only selectors of nodes have
_MOUNTED = frozenset({
    "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
    "azureFile", "vsphereVolume", "azureDisk",
})  # fmt: skip


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def volume_defaults(volume: Document) -> Document:
    """A PersistentVolume: its mode, and that it stays when its claim goes; a class without a name is none."""
    spec = _map(volume.get("spec"))
    kept = {
        name: value
        for name, value in spec.items()
        if value or name not in {"storageClassName", "persistentVolumeReclaimPolicy"}
    }
    usual = {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"}
    return volume | {"spec": usual | kept}


def claim_defaults(claim: Document) -> Document:
    """A PersistentVolumeClaim: its mode, and that it waits."""
    spec, status = _map(claim.get("spec")), _map(claim.get("status"))
    return claim | {
        "spec": {"volumeMode": "Filesystem"} | spec,
        "status": {"phase": "Pending"} | status,
    }


def claim_template_defaults(claim: Any) -> Any:
    """A claim in a StatefulSet, which says what it is."""
    if not isinstance(claim, dict):
        return claim
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim"} | claim_defaults(claim)


def volume_rules(volume: Document) -> list[FieldError]:
    """A PersistentVolume."""
    spec = volume.get("spec") or {}
    found = access_mode_rules(spec, errors.required("spec.accessModes"))
    found += _capacity(spec.get("capacity"))
    policy, known = spec.get("persistentVolumeReclaimPolicy"), ["Delete", "Recycle", "Retain"]
    if policy not in known:
        found.append(errors.not_supported("spec.persistentVolumeReclaimPolicy", policy, known))
    found += _affinity(spec.get("nodeAffinity"))
    found += _source(spec)
    annotations = (volume.get("metadata") or {}).get("annotations") or {}
    if MOUNT_OPTIONS in annotations and not _MOUNTED & set(spec):
        detail = "may not specify mount options for this volume type"
        found.append(errors.forbidden(f"metadata.annotations.{MOUNT_OPTIONS}", detail))
    if policy == "Recycle" and (spec.get("hostPath") or {}).get("path") == "/":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        found.append(errors.forbidden("spec.persistentVolumeReclaimPolicy", detail))
    found += _class_name(spec, "storageClassName") + _volume_mode(spec)
    return found + _attributes_class(spec)


def _attributes_class(spec: Document) -> list[FieldError]:
    name = spec.get("volumeAttributesClassName")
    found = _class_name(spec, "volumeAttributesClassName")
    if name == "":
        detail = "an empty string is disallowed"
        found.append(errors.required("spec.volumeAttributesClassName", detail))
    if name is not None and spec.get("csi") is None:
        detail = "has to be specified when using volumeAttributesClassName"
        found.append(errors.required("spec.csi", detail))
    return found


def access_mode_rules(spec: Document, missing: FieldError) -> list[FieldError]:
    """The access modes, told of at the path of *missing*."""
    given, path = spec.get("accessModes") or [], missing.path
    found = [] if given else [missing]
    found += [errors.not_supported(path, mode, _MODES) for mode in given if mode not in _MODES]
    if _ALONE in given and len({mode for mode in given if mode in _MODES}) > 1:
        detail = f"may not use {_ALONE} with other access modes"
        found.append(errors.forbidden(path, detail))
    return found


def _capacity(capacity: Document | None) -> list[FieldError]:
    found = [] if capacity else [errors.required("spec.capacity")]
    if list(capacity or {}) != ["storage"]:
        found.append(errors.not_supported("spec.capacity", capacity, ["storage"]))
    for name, text in sorted((capacity or {}).items(), key=lambda pair: pair[0] != "storage"):
        path = f"spec.capacity[{name}]"
        found += amount_rules(path, text) + _positive(path, text)
    return found


def amount_rules(path: str, text: Any) -> list[FieldError]:
    """An amount of something that may be none, but not less."""
    amount = whole_value(str(text))
    if amount >= 0:
        return []
    return [errors.invalid(path, amount, "must be a valid resource quantity")]


def _positive(path: str, text: Any) -> list[FieldError]:
    amount = parse_quantity(str(text))
    if amount is None or amount > 0:
        return []
    return [errors.invalid(path, text, "must be greater than zero")]


def _affinity(affinity: Document | None) -> list[FieldError]:
    path = "spec.nodeAffinity.required"
    if affinity is None:
        return []
    required = affinity.get("required")
    if required is None:
        return [errors.required(path, "must specify required node constraints")]
    terms = required.get("nodeSelectorTerms") or []
    if not terms:
        detail = "must have at least one node selector term"
        return [errors.required(f"{path}.nodeSelectorTerms", detail)]
    return [
        error
        for index, term in enumerate(terms)
        for at, entry in enumerate(term.get("matchExpressions") or [])
        for error in requirement_rules(
            entry or {}, f"{path}.nodeSelectorTerms[{index}].matchExpressions[{at}]"
        )
        if (entry or {}).get("operator") not in _COMPARING
    ]


def _source(spec: Document) -> list[FieldError]:
    """What it is made of: one thing."""
    given = [field for field in SOURCE_FIELDS.values() if spec.get(field) is not None]
    if not given:
        return [errors.required("spec", "must specify a volume type")]
    first = given[0]
    rule = {"hostPath": _host_path, "local": _local, "nfs": _nfs, "csi": _csi}.get(first)
    found = rule(spec[first]) if rule else []
    if first == "local" and spec.get("nodeAffinity") is None:
        detail = "Local volume requires node affinity"
        found.append(errors.required("spec.nodeAffinity", detail))
    detail = "may not specify more than 1 volume type"
    return found + [errors.forbidden(f"spec.{field}", detail) for field in given[1:]]


def _path(source: Document, path: str) -> list[FieldError]:
    value = source.get("path", "")
    if not value:
        return [errors.required(path)]
    upward = ".." in value.split("/")
    return [errors.invalid(path, value, "must not contain '..'")] if upward else []


def _host_path(source: Document) -> list[FieldError]:
    found, kind = _path(source, "spec.hostPath.path"), source.get("type", "")
    if source.get("path") and kind not in _HOST_PATHS:
        found.append(errors.not_supported("spec.hostPath.type", kind, _HOST_PATHS))
    return found


def _local(source: Document) -> list[FieldError]:
    return _path(source, "spec.local.path")


def _nfs(source: Document) -> list[FieldError]:
    found = [
        errors.required(f"spec.nfs.{field}")
        for field in ("server", "path")
        if not source.get(field)
    ]
    path = source.get("path", "")
    if path and not path.startswith("/"):
        found.append(errors.invalid("spec.nfs.path", path, "must be an absolute path"))
    return found


def _csi(source: Document) -> list[FieldError]:
    driver = source.get("driver", "")
    found = [] if driver else [errors.required("spec.csi.driver")]
    problems = names.subdomain_problems(driver.lower())
    found += [errors.invalid("spec.csi.driver", driver, why) for why in problems]
    return found + (
        [] if source.get("volumeHandle") else [errors.required("spec.csi.volumeHandle")]
    )


def _class_name(spec: Document, field: str, at: str = "spec") -> list[FieldError]:
    name = spec.get(field)
    if not name:
        return []
    path = f"{at}.{field}"
    return [errors.invalid(path, name, why) for why in names.subdomain_problems(name)]


def _volume_mode(spec: Document, at: str = "spec") -> list[FieldError]:
    mode = spec.get("volumeMode", "Filesystem")
    if mode in _VOLUME_MODES:
        return []
    return [errors.not_supported(f"{at}.volumeMode", mode, _VOLUME_MODES)]


def claim_rules(claim: Document) -> list[FieldError]:
    """A PersistentVolumeClaim."""
    found = claim_spec_rules(claim.get("spec") or {}, "spec")
    capacity = (claim.get("status") or {}).get("capacity") or {}
    for name, text in sorted(capacity.items()):
        found += amount_rules(f"status.capacity[{name}]", text)
    return found


def claim_spec_rules(spec: Document, path: str) -> list[FieldError]:
    """What a claim, or the template of one, asks for."""
    selector = spec.get("selector")
    found = [] if selector is None else selector_rules(selector, f"{path}.selector")
    missing = errors.required(f"{path}.accessModes", "at least 1 access mode is required")
    found += access_mode_rules(spec, missing)
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    place = f"{path}.resources[storage]"
    found += [errors.required(place)] if wanted is None else _positive(place, wanted)
    found += _class_name(spec, "storageClassName", path) + _volume_mode(spec, path)
    for field in ("dataSource", "dataSourceRef"):
        found += _data_source(spec.get(field), f"{path}.{field}")
    return found + _same_source(spec, path) + _class_name(spec, "volumeAttributesClassName", path)


def _data_source(source: Document | None, path: str) -> list[FieldError]:
    if source is None:
        return []
    found = [
        errors.required(f"{path}.{field}") for field in ("name", "kind") if not source.get(field)
    ]
    group, kind = source.get("apiGroup"), source.get("kind", "")
    if not group and kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        found.append(errors.invalid(path, kind, detail))
    problems = names.subdomain_problems(group) if group else []
    return found + [errors.invalid(f"{path}.apiGroup", group, why) for why in problems]


def _same_source(spec: Document, path: str) -> list[FieldError]:
    one, other = spec.get("dataSource"), spec.get("dataSourceRef")
    if one is None or other is None:
        return []
    if all(one.get(field) == other.get(field) for field in ("apiGroup", "kind", "name")):
        return []
    return [errors.invalid(path, {}, "must match dataSourceRef")]
