"""Schemas as OpenAPI documents publish them: named, closed over their references, in the form of v3 or v2."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import DEFINITIONS
from kthena_sandbox.schema.compiled import (
    ENFORCED_ONLY,
    GATED,
    PUBLISHED_AS,
    PUBLISHED_ONLY,
    REF,
    Schema as HeldSchema,
)
from kthena_sandbox.schema.descriptions import Descriptions
from kthena_sandbox.schema.notation import full_name

Document = dict[str, Any]
OBJECT_META = full_name("meta", "ObjectMeta")
LIST_META = full_name("meta", "ListMeta")
STATUS = full_name("meta", "Status")
DELETE_OPTIONS = full_name("meta", "DeleteOptions")
SCALE = full_name("autoscaling", "Scale")
_POD = full_name("core", "Pod")
_ALWAYS = (STATUS, DELETE_OPTIONS, SCALE)
_UNPUBLISHED = frozenset({ENFORCED_ONLY, GATED, PUBLISHED_AS, PUBLISHED_ONLY})
_NOT_IN_V2 = frozenset({"nullable", "oneOf", "anyOf", "allOf", "not", "default"})
_COMMON = ("apiVersion", "kind", "metadata")  # custom resources are told of as pods are
_FREE = "x-kubernetes-preserve-unknown-fields"


def schema_name(resource: ResourceType) -> str:
    """The name of a kind in OpenAPI documents: `io.k8s.networking.gateway.v1.Gateway`."""
    if isinstance(resource.schema, HeldSchema) and resource.schema.name:
        return resource.schema.name
    if not resource.custom:
        return full_name(resource.group.partition(".")[0] or "core", resource.kind)
    reverse = ".".join(reversed(resource.group.split(".")))
    return f"{reverse}.{resource.version}.{resource.kind}"


def kind_of(resource: ResourceType) -> dict[str, str]:
    """group, version and kind."""
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def list_name(resource: ResourceType) -> str:
    """The name of the list of a kind."""
    return schema_name(resource).removesuffix(resource.kind) + resource.list_kind


def schemas(types: Iterable[ResourceType], descriptions: Descriptions) -> Document:
    """All schemas that some kinds need, by name, with references into `#/definitions/`."""
    found: Document = {}
    for resource in types:
        own = _explained(resource, _own(resource), descriptions)
        found[schema_name(resource)] = own | {
            "x-kubernetes-group-version-kind": [kind_of(resource)]
        }
        found[list_name(resource)] = descriptions.described(list_name(resource), _list(resource))
    waiting = [name for entry in found.values() for name in _references(entry)]
    waiting += _ALWAYS
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = descriptions.described(name, dict(DEFINITIONS[name]))
            waiting += _references(found[name])
    return {name: found[name] for name in sorted(found)}


def _own(resource: ResourceType) -> Document:
    name = schema_name(resource)
    if not resource.custom:
        return dict(DEFINITIONS.get(name, {"type": "object"}))
    given = dict(resource.schema or {"type": "object", _FREE: True})
    common: Document = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"{REF}{OBJECT_META}"},
    }
    return given | {"properties": given.get("properties", {}) | common}


def _explained(resource: ResourceType, schema: Document, descriptions: Descriptions) -> Document:
    """With what Kubernetes says of its own kinds; what all objects have is told of custom ones in the words for pods."""
    if not resource.custom:
        return descriptions.described(schema_name(resource), schema)
    properties = schema["properties"]
    common = {name: properties[name] for name in _COMMON}
    told = descriptions.described(_POD, {"properties": common})["properties"]
    return schema | {"properties": properties | told}


def _list(resource: ResourceType) -> Document:
    properties = {
        "apiVersion": {"type": "string"},
        "items": {"type": "array", "items": {"$ref": f"{REF}{schema_name(resource)}"}},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"{REF}{LIST_META}"},
    }
    kind = kind_of(resource) | {"kind": resource.list_kind}
    return {
        "type": "object",
        "required": ["items"],
        "properties": properties,
        "x-kubernetes-group-version-kind": [kind],
    }


def _references(document: Any) -> Iterator[str]:
    if isinstance(document, Mapping):
        for key in ("$ref", PUBLISHED_AS):
            if isinstance(document.get(key), str):
                yield document[key].removeprefix(REF)
        for entry in document.values():
            yield from _references(entry)
    elif isinstance(document, list):
        for entry in document:
            yield from _references(entry)


def _as_said(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if PUBLISHED_AS in document:
        return {"$ref": document[PUBLISHED_AS]} | _told(document)
    if ENFORCED_ONLY not in document:
        return document
    said = [name for name in document["required"] if name not in document[ENFORCED_ONLY]]
    others = {key: entry for key, entry in document.items() if key != "required"}
    return others | ({"required": said} if said else {})


def as_v3(document: Mapping[str, Any]) -> Document:
    """A schema in the form of OpenAPI v3."""
    published = {key: entry for key, entry in _as_said(document).items() if key not in _UNPUBLISHED}
    reference = published.pop("$ref", None)
    shown = {key: _below(key, entry, as_v3) for key, entry in published.items()}
    if reference is not None:
        target = {"$ref": reference.replace(REF, "#/components/schemas/")}
        return {"allOf": [target], **shown} if shown else target
    match shown.get("format"):
        case "quantity":
            return _told(shown) | {"oneOf": [{"type": "string"}, {"type": "number"}]}
        case "int-or-string" if shown.get("type") == "string":
            either = {"oneOf": [{"type": "integer"}, {"type": "string"}]}
            return _told(shown) | {"format": "int-or-string"} | either
    return shown


def _told(shown: Mapping[str, Any]) -> Document:
    return {key: shown[key] for key in ("description",) if key in shown}


def as_v2(document: Mapping[str, Any]) -> Document:
    """A schema in the form of OpenAPI v2, which knows no alternatives and no null."""
    dropped = _NOT_IN_V2 | _UNPUBLISHED
    if document.get("nullable") or document.get("x-kubernetes-int-or-string"):
        dropped |= {"type", "properties", "items", "additionalProperties", "enum"}
    if document.get(_FREE):
        dropped |= {"properties", "items", "additionalProperties"}
    shown = {
        key: _below(key, entry, as_v2)
        for key, entry in _as_said(document).items()
        if key not in dropped
    }
    if shown.get("format") == "quantity":
        del shown["format"]
    if document.get("x-kubernetes-int-or-string"):
        shown |= {"type": "string", "format": "int-or-string"}
    return shown


def whole_v2(document: Mapping[str, Any]) -> Document:
    """The schema of a whole object in that form: of one that keeps unknown fields nothing is told, lest kubectl refuses these."""
    kinds = "x-kubernetes-group-version-kind"
    if not document.get(_FREE) or kinds not in document:
        return as_v2(document)
    return {"type": "object", kinds: document[kinds]}


def _below(key: str, entry: Any, form: Any) -> Any:
    match key:
        case "properties":
            return {name: form(child) for name, child in entry.items()}
        case "items" | "additionalProperties" | "not" if isinstance(entry, Mapping):
            return form(entry)
        case "allOf" | "anyOf" | "oneOf":
            return [form(child) for child in entry]
        case _:
            return entry
