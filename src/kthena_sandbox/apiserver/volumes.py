"""What the API server itself does to PersistentVolumes, their claims and StorageClasses when they are created or changed."""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema import godiff
from kthena_sandbox.schema.golang import shown
from kthena_sandbox.schema.quantities import whole_value
from kthena_sandbox.schema.reading import at, table_of, text
from kthena_sandbox.schema.storageclasses import BETA_CLASS

Document = dict[str, Any]
_SNAPSHOT = ("snapshot.storage.k8s.io", "VolumeSnapshot")
_CLAIM = ("", "PersistentVolumeClaim")
_FIXED_CLAIM = (
    "Forbidden: spec is immutable after creation except resources.requests and "
    "volumeAttributesClassName for bound claims\n"
)
_FIXED_SOURCE = "Forbidden: spec.persistentvolumesource is immutable after creation\n"
_IMMUTABLE = "field is immutable"
_AFFINITY = "field is immutable, except for updating from beta label to GA"
_ASKED, _HELD = "spec.resources.requests", "status.capacity"
_SHRUNK = "Forbidden: field can not be less than status.capacity"


def create_volume(volume: Document, surroundings: Surroundings) -> Document:
    """A new PersistentVolume waits, from now on."""
    status = {"phase": "Pending", "lastPhaseTransitionTime": surroundings.now}
    return volume | {"status": status}


def volume_status(volume: Document, old: Document, surroundings: Surroundings) -> Document:
    """Another phase has a time of its own, unless the client gives one."""
    status, before = table_of(volume, "status"), table_of(old, "status")
    moved = status.get("phase") != before.get("phase")
    time = "lastPhaseTransitionTime"
    if not moved or status.get(time) != before.get(time):
        return volume
    return volume | {"status": status | {time: surroundings.now}}


def check_volume(volume: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What a PersistentVolume is made of stays, and so do its mode and its nodes."""
    if old is None:
        return []
    spec, before = table_of(volume, "spec"), table_of(old, "spec")
    new_source, source = godiff.volume_source(spec), godiff.volume_source(before)
    found = []
    if new_source != source:
        said = _FIXED_SOURCE + godiff.diff(source, new_source)
        found.append(Cause("FieldValueForbidden", said, "spec.persistentvolumesource"))
    found += _same_mode(spec, before)
    given = before.get("nodeAffinity")
    if given is not None and given != spec.get("nodeAffinity"):
        now = godiff.compact(godiff.node_affinity(spec.get("nodeAffinity")))
        said = f"Invalid value: {now}: {_AFFINITY}"
        found.append(Cause("FieldValueInvalid", said, "nodeAffinity"))
    return found


def _same_mode(spec: Document, before: Document) -> list[Cause]:
    mode = spec.get("volumeMode")
    if mode == before.get("volumeMode"):
        return []
    return [Cause("FieldValueInvalid", f"Invalid value: {shown(mode)}: {_IMMUTABLE}", "volumeMode")]


def create_claim(claim: Document, _: Surroundings) -> Document:
    """A new claim with one source under both of its names; what no volume can be made from is dropped."""
    spec = at(claim, "spec")
    if not isinstance(spec, dict):
        return claim
    source, reference = table_of(spec, "dataSource"), table_of(spec, "dataSourceRef")
    rest = {
        name: value for name, value in spec.items() if name not in {"dataSource", "dataSourceRef"}
    }
    kept = source if _place(source) in {_SNAPSHOT, _CLAIM} else {}
    named = {} if reference.get("namespace") else reference
    if not kept and named:
        kept = {name: named.get(name) for name in ("apiGroup", "kind", "name")}
    elif kept and not reference:
        named = kept
    own = ({"dataSource": kept} if kept else {}) | ({"dataSourceRef": named} if named else {})
    return claim | {"spec": rest | own}


def update_claim(claim: Document, _: Document, surroundings: Surroundings) -> Document:
    """The same of a changed claim."""
    return create_claim(claim, surroundings)


def _place(source: Document) -> tuple[str, str]:
    return source.get("apiGroup") or "", source.get("kind", "")


def check_claim(claim: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The specification of a claim stays, but for what is asked of a bound one."""
    if old is None:
        return []
    spec, before = table_of(claim, "spec"), table_of(old, "spec")
    found = []
    now, then = _comparable(claim, old)
    if now != then:
        said = _FIXED_CLAIM + godiff.diff(godiff.claim_spec(then), godiff.claim_spec(now))
        found.append(Cause("FieldValueForbidden", said, "spec"))
    if _size(claim, _ASKED) < _size(old, _ASKED) and _size(claim, _ASKED) <= _size(old, _HELD):
        path = "spec.resources.requests.storage"
        found.append(Cause("FieldValueForbidden", _SHRUNK, path))
    return found + _same_mode(spec, before)


def claim_grows(claim: Document, old: Document) -> bool:
    """Whether a claim that is bound asks for more than before."""
    return _is_bound(old) and _size(old, _ASKED) < _size(claim, _ASKED)


def _is_bound(claim: Document) -> bool:
    return text(claim, "status.phase") == "Bound"


def _size(claim: Document, path: str) -> int:
    return whole_value(str(table_of(claim, path).get("storage", "0")))


def _comparable(claim: Document, old: Document) -> tuple[Document, Document]:
    """Both specifications with what may change made equal: what was not set, size and attributes of a bound claim."""
    now, then = table_of(claim, "spec"), table_of(old, "spec")
    if not then.get("volumeName"):
        then = _with_field(then, "volumeName", now)
    if "storageClassName" not in then and BETA_CLASS not in table_of(old, "metadata.annotations"):
        then = _with_field(then, "storageClassName", now)
    if not _is_bound(old):
        return now, then
    now = _with_field(now, "volumeAttributesClassName", then)
    requests = [table_of(spec, "resources.requests") for spec in (now, then)]
    kept = _with_field(requests[0], "storage", requests[1])
    return now | {"resources": table_of(now, "resources") | {"requests": kept}}, then


def _with_field(document: Document, name: str, source: Document) -> Document:
    rest = {key: value for key, value in document.items() if key != name}
    return rest | ({name: source[name]} if name in source else {})


def check_storage_class(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What volumes are made by stays."""
    if old is None:
        return []
    found = [
        Cause("FieldValueForbidden", f"Forbidden: updates to {name} are forbidden.", name)
        for name in ("parameters", "provisioner", "reclaimPolicy")
        if document.get(name) != old.get(name)
    ]
    mode = document.get("volumeBindingMode")
    if mode != old.get("volumeBindingMode"):
        said = f"Invalid value: {shown(mode)}: {_IMMUTABLE}"
        found.append(Cause("FieldValueInvalid", said, "volumeBindingMode"))
    return found
