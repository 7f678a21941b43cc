"""Reads the short notation in which the built-in kinds are written down (`kinds/*.yaml`).

Each file is one API group and each entry a type, `field: TYPE WORD...`. TYPE is `[T]` for a list, `{T}` for a map
of strings to T, a name from `SCALARS`, a type of the same file or `group.Type`. A `!` behind it means that
the field must be there and not be empty. Words: `required` (said in OpenAPI, not enforced), `unsaid` (enforced, not said), `default=JSON`,
`in=A,B` (enumeration), `merge` and `merge=KEY`, `replace` and `retainKeys` (strategic merge), `set`, `map=K1,K2` and `atomic` (list
and map types), `granular` (a struct that this field owns field by field, although its type says otherwise), `as=TYPE` (said to be
another type), `gated` (a field of a feature that is off: known, and dropped).
"""

import json
from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema.compiled import (
    ENFORCED_ONLY,
    GATED,
    PUBLISHED_AS,
    PUBLISHED_ONLY,
    REF,
    Definitions,
)

PREFIXES: Mapping[str, str] = {
    "autoscalingv2": "io.k8s.api.autoscaling.v2",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "meta": "io.k8s.apimachinery.pkg.apis.meta.v1",
}
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_TIME = f"{PREFIXES['meta']}.Time"
_FIELDS = f"{PREFIXES['meta']}.FieldsV1"
_RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_MICRO_TIME = f"{PREFIXES['meta']}.MicroTime"
_VALUES = (
    "JSON",
    "JSONSchemaPropsOrArray",
    "JSONSchemaPropsOrBool",
    "JSONSchemaPropsOrStringArray",
)
_FREE: Mapping[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_NAMED: Mapping[str, Mapping[str, Any]] = {
    _QUANTITY: {"type": "string", "format": "quantity"},
    _INT_OR_STRING: {"type": "string", "format": "int-or-string"},
    _TIME: {"type": "string", "format": "date-time"},
    _MICRO_TIME: {"type": "string", "format": "date-time"},
    _FIELDS: _FREE,
    **{f"{PREFIXES['apiextensions']}.{name}": {} for name in _VALUES},
    _RAW: {"x-kubernetes-preserve-unknown-fields": True},
}
SCALARS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "number": {"type": "number", "format": "double"},
    "integer": {"type": "integer"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "bytes": {"type": "string", "format": "byte"},
    "any": _FREE,
    "fields": {"$ref": f"{REF}{_FIELDS}"},
    "raw": {"$ref": f"{REF}{_RAW}"},
    "quantity": {"$ref": f"{REF}{_QUANTITY}"},
    "int-or-string": {"$ref": f"{REF}{_INT_OR_STRING}"},
    "time": {"$ref": f"{REF}{_TIME}"},
    "micro-time": {"$ref": f"{REF}{_MICRO_TIME}"},
}
Types = Mapping[str, Mapping[str, str]]


# Structs that have one owner as a whole (`+structType=atomic` in the Go sources, `x-kubernetes-map-type` in OpenAPI).
_ATOMIC = frozenset(
    {
        "ConfigMapKeySelector", "FileKeySelector", "LabelSelector", "LocalObjectReference", "NodeSelector",
        "NodeSelectorTerm", "ObjectFieldSelector", "ObjectReference", "OwnerReference", "ResourceFieldSelector", "RoleRef",
        "ScopeSelector", "SecretKeySelector", "SecretReference", "Subject", "TopologySelectorTerm",
        "TypedLocalObjectReference", "EndpointAddress", "EndpointPort", "MatchResources", "NamedRuleWithOperations", "ParamKind", "ParamRef", "ServiceBackendPort", "autoscaling.CrossVersionObjectReference",
    }
)  # fmt: skip


def full_name(group: str, name: str) -> str:
    """The name of a type in OpenAPI documents."""
    return f"{PREFIXES.get(group, f'io.k8s.api.{group}.v1')}.{name}"


def read_definitions(groups: Mapping[str, Types]) -> Definitions:
    """All types of all groups, by their full names. Raises KeyError for an unknown word of the notation."""
    documents: dict[str, Mapping[str, Any]] = dict(_NAMED)
    for group, types in groups.items():
        for name, fields in types.items():
            is_atomic = not _ATOMIC.isdisjoint({name, f"{group}.{name}"})
            atomic = {"x-kubernetes-map-type": "atomic"} if is_atomic else {}
            documents[full_name(group, name)] = _object(group, fields) | atomic
    return Definitions(documents)


def _object(group: str, fields: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "object"}
    read = {name: text.split() for name, text in fields.items()}
    enforced = [name for name, words in read.items() if words[0].endswith("!")]
    published = [name for name, words in read.items() if "required" in words]
    if enforced or published:
        document["required"] = sorted(enforced + published)
    if published:
        document[PUBLISHED_ONLY] = published
    if unsaid := [name for name, words in read.items() if "unsaid" in words]:
        document[ENFORCED_ONLY] = unsaid
    document["properties"] = {name: _field(group, words) for name, words in read.items()}
    return document


def _field(group: str, words: list[str]) -> dict[str, Any]:
    document = dict(_type(group, words[0].removesuffix("!")))
    strategies = []
    for word in words[1:]:
        name, _, value = word.partition("=")
        if name in {"merge", "replace", "retainKeys"}:
            strategies.append(name)
        document |= _word(group, name, value)
    if strategies:
        document["x-kubernetes-patch-strategy"] = ",".join(strategies)
    if "atomic" in words:
        form = "list" if document.get("type") == "array" else "map"
        document[f"x-kubernetes-{form}-type"] = "atomic"
    return document


def _word(group: str, name: str, value: str) -> dict[str, Any]:
    match name:
        case "default":
            return {"default": json.loads(value)}
        case "as":
            return {PUBLISHED_AS: f"{REF}{full_name(group, value)}"}
        case "gated":
            return {GATED: True}
        case "in":
            return {"enum": value.split(",")}
        case "merge" if value:
            return {"x-kubernetes-patch-merge-key": value}
        case "map":
            keys = value.split(",")
            return {"x-kubernetes-list-map-keys": keys, "x-kubernetes-list-type": "map"}
        case "granular":
            return {"x-kubernetes-map-type": "granular"}
        case "set":
            return {"x-kubernetes-list-type": "set"}
        case "merge" | "replace" | "retainKeys" | "required" | "unsaid" | "atomic":
            return {}
        case unknown:
            raise KeyError(unknown)


def _type(group: str, text: str) -> Mapping[str, Any]:
    if text.startswith("["):
        return {"type": "array", "items": _type(group, text[1:-1])}
    if text.startswith("{"):
        return {"type": "object", "additionalProperties": _type(group, text[1:-1])}
    if text in SCALARS:
        return SCALARS[text]
    owner, _, name = text.rpartition(".")
    return {"$ref": f"{REF}{full_name(owner or group, name)}"}
