"""The rules of ObjectMeta: names, what the server sets, what a client may change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kthena_sandbox.apiserver.errors import Cause, bad_request
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import names
from kthena_sandbox.schema.addressrules import address_name_problems

Document = dict[str, Any]

_FIELDS: Mapping[str, type] = {
    "name": str, "generateName": str, "namespace": str, "selfLink": str, "uid": str,
    "resourceVersion": str, "generation": int, "creationTimestamp": str,
    "deletionTimestamp": str, "deletionGracePeriodSeconds": int, "labels": dict,
    "annotations": dict, "ownerReferences": list, "finalizers": list, "managedFields": list,
}  # fmt: skip
_GO_TYPES = {str: "string", int: "int64", dict: "map[string]string", list: "[]string"}
_JSON_TYPES = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
}
_EMPTY: tuple[object, ...] = ("", {}, [])
_LISTED = frozenset({"managedFields"})  # of which an empty list says something
_OF_SERVER = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)

_NAME_PROBLEMS = {
    ("", "namespaces"): names.label_problems,
    ("", "services"): names.dns1035_problems,
    ("", "events"): names.segment_problems,
    ("apps", "statefulsets"): names.label_problems,
    ("policy", "poddisruptionbudgets"): names.segment_problems,
    ("networking.k8s.io", "ipaddresses"): address_name_problems,
}
_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_WITHOUT_CORE_RULES = frozenset(
    {"admissionregistration.k8s.io", "apiextensions.k8s.io", "coordination.k8s.io"}
)


def timestamp(moment: datetime) -> str:
    """RFC 3339 with a resolution of one second, as all `metav1.Time` are written."""
    return moment.isoformat()[:19] + "Z"


def check_shape(resource: ResourceType, document: Document) -> tuple[Document, list[str]]:
    """The object with metadata as a map without what is null or empty, and the unknown fields in there.

    Raises ApiError 400 where a type is wrong.
    """
    metadata = document.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise _mistyped(resource, metadata, "v1.ObjectMeta")
    metadata = {
        name: _without_null_texts(value) if name in {"labels", "annotations"} else value
        for name, value in metadata.items()
        if value is not None
    }
    for name, value in metadata.items():
        wanted = _FIELDS.get(name)
        if wanted is not None and not _is(value, wanted):
            raise _mistyped(resource, value, _GO_TYPES[wanted], name)
    _check_texts(resource, metadata)
    unknown = [f"metadata.{name}" for name in metadata if name not in _FIELDS]
    kept = {
        name: value for name, value in metadata.items() if name in _LISTED or value not in _EMPTY
    }
    return document | {"metadata": kept}, unknown


def _without_null_texts(texts: Any) -> Any:
    if not isinstance(texts, dict):
        return texts
    return {name: "" if text is None else text for name, text in texts.items()}


def _check_texts(resource: ResourceType, metadata: Document) -> None:
    texts = [("labels", value) for value in metadata.get("labels", {}).values()]
    texts += [("annotations", value) for value in metadata.get("annotations", {}).values()]
    texts += [("finalizers", value) for value in metadata.get("finalizers", [])]
    for name, value in texts:
        if not isinstance(value, str):
            raise _mistyped(resource, value, "string", name)


def _is(value: object, wanted: type) -> bool:
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _mistyped(resource: ResourceType, value: object, wanted: str, field: str = "") -> Exception:
    """Metadata of custom objects are decoded by themselves, so that there is nothing around them to be named."""
    found = _JSON_TYPES.get(type(value), "null")
    place = (
        f"struct field ObjectMeta.metadata.{field}"
        if field
        else f"struct field {resource.kind}.metadata"
    )
    if resource.custom:
        place = f"struct field ObjectMeta.{field}" if field else "value"
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        f"json: cannot unmarshal {found} into Go {place} of type {wanted}"
    )


def known_fields(metadata: Mapping[str, Any]) -> Document:
    """The fields that ObjectMeta has, without empty ones, one that no server keeps any more, and the field managers."""
    dropped = {"selfLink", "managedFields"}
    return {
        name: metadata[name]
        for name in _FIELDS
        if name in metadata and name not in dropped and metadata[name] not in ({}, [], "")
    }


def for_creation(metadata: Mapping[str, Any], namespace: str, uid: str, now: datetime) -> Document:
    """What the server sets and ignores in a new object."""
    kept = {name: value for name, value in known_fields(metadata).items() if name not in _OF_SERVER}
    kept.pop("resourceVersion", None)
    kept.pop("namespace", None)
    own = {"uid": uid, "creationTimestamp": timestamp(now)}
    return kept | ({"namespace": namespace} if namespace else {}) | own


def for_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Document:
    """A client's new metadata with everything that belongs to the server as it was; `generateName` is the client's."""
    kept = {name: value for name, value in known_fields(new).items() if name not in _OF_SERVER}
    fixed = (*_OF_SERVER, "name", "namespace", "resourceVersion")
    carried = {name: old[name] for name in fixed if name in old}
    return kept | carried


def with_managed(document: Document, managed: list[Document]) -> Document:
    """The object with its list of field managers, which is left out when it is empty."""
    kept = {name: entry for name, entry in document["metadata"].items() if name != "managedFields"}
    return document | {"metadata": kept | ({"managedFields": managed} if managed else {})}


def name_causes(resource: ResourceType, metadata: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with the name of a new object."""
    name = metadata.get("name", "")
    if not name:
        message = "Required value: name or generateName is required"
        return [Cause("FieldValueRequired", message, "metadata.name")]
    of_kind = _NAME_PROBLEMS.get((resource.group, resource.plural), names.subdomain_problems)
    if resource.group == "rbac.authorization.k8s.io":
        of_kind = names.segment_problems
    return [_invalid("metadata.name", name, why) for why in of_kind(name)]


def _invalid(field: str, value: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {text}', field)


def content_causes(resource: ResourceType | None, metadata: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with labels, annotations, owners and finalizers; by the rules for all kinds without *resource*."""
    causes = _described_causes(metadata)
    for finalizer in metadata.get("finalizers", []):
        causes += _qualified_causes("metadata.finalizers", finalizer)
    return causes + _finalizer_causes(resource, metadata)


def _finalizer_causes(resource: ResourceType | None, metadata: Mapping[str, Any]) -> list[Cause]:
    """Kinds with the rules of Kubernetes' own core take no finalizers but those of a domain and a few of theirs."""
    if resource is None or resource.custom or resource.group in _WITHOUT_CORE_RULES:
        return []
    why = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        _invalid(f"metadata.finalizers[{index}]", name, why)
        for index, name in enumerate(metadata.get("finalizers", []))
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]


def _described_causes(metadata: Mapping[str, Any]) -> list[Cause]:
    causes = []
    for key, value in metadata.get("labels", {}).items():
        causes += _qualified_causes("metadata.labels", key)
        problems = names.label_value_problems(value)
        causes += [_invalid("metadata.labels", value, why) for why in problems]
    annotations = metadata.get("annotations", {})
    for key in annotations:
        causes += _qualified_causes("metadata.annotations", key.lower())
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        text = f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"
        causes.append(Cause("FieldValueTooLong", text, "metadata.annotations"))
    return causes + _owner_causes(metadata.get("ownerReferences", []))


def _qualified_causes(field: str, key: str) -> list[Cause]:
    return [_invalid(field, key, why) for why in names.qualified_problems(key)]


def _owner_causes(references: list[Any]) -> list[Cause]:
    return [
        _invalid(f"metadata.ownerReferences.{name}", "", "must not be empty")
        for reference in references
        for name in ("apiVersion", "kind", "name", "uid")
        if not (reference if isinstance(reference, dict) else {}).get(name)
    ]


def update_causes(
    resource: ResourceType | None, new: Mapping[str, Any], old: Mapping[str, Any]
) -> list[Cause]:
    """What is wrong with what an update brings; by the rules for all kinds without *resource*."""
    causes = _late_finalizers(new, old) if "deletionTimestamp" in old else []
    causes += _described_causes(new)
    return causes + _finalizer_causes(resource, new)


def _late_finalizers(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Nobody may add finalizers to an object that is going."""
    added = [name for name in new.get("finalizers", []) if name not in old.get("finalizers", [])]
    if not added:
        return []
    listed = ", ".join(f'"{name}"' for name in added)
    text = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{listed}}}"
    )
    return [Cause("FieldValueForbidden", text, "metadata.finalizers")]
