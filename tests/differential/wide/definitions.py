"""CustomResourceDefinitions that are there from the beginning, with everything that a schema may have."""

import copy
from typing import Any

from tests.differential.objects import Document

GROUP = "odd.example.com"
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_STRING: Document = {"type": "string"}
_PORT: Document = {
    "type": "object", "required": ["name"],
    "properties": {
        "name": _STRING, "protocol": {"type": "string", "default": "TCP"}, "number": {"type": "integer", "minimum": 1},
        "note": {"type": "string", "nullable": True},
    },
    "x-kubernetes-validations": [{"rule": "!has(self.number) || self.number != 13", "message": "thirteen is not for ports"}],
}  # fmt: skip
_SPEC: Document = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 0, "maximum": 10, "default": 3},
        "ratio": {"type": "number", "multipleOf": 2, "exclusiveMinimum": True, "minimum": 0},
        "flag": {"type": "boolean", "nullable": True, "default": True},
        "note": {"type": "string", "nullable": True, "maxLength": 5, "pattern": "^[a-z]*$"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"known": {"type": "integer", "default": 7}}},
        "raw": {"x-kubernetes-preserve-unknown-fields": True},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "maxItems": 3, "items": _STRING},
        "ports": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "protocol"], "items": _PORT, "maxItems": 5,
        },
        "plain": {"type": "array", "items": {"type": "integer"}, "default": [1, 2], "minItems": 1},
        "unique": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "string", "minLength": 1}},
        "limits": {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
        "point": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}}},
        "choice": {
            "type": "object", "properties": {"a": _STRING, "b": _STRING}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        "any": {"type": "integer", "anyOf": [{"maximum": 3}, {"minimum": 8}], "not": {"enum": [9]}},
        "when": {"type": "string", "format": "date-time"},
        "data": {"type": "string", "format": "byte"},
        "address": {"type": "string", "format": "ipv4"},
        "wait": {"type": "string", "format": "duration"},
        "uuid": {"type": "string", "format": "uuid"},
        "deep": {
            "type": "object", "required": ["must"], "default": {"must": "be"},
            "properties": {"must": _STRING, "inner": {"type": "object", "default": {}, "properties": {"level": {"type": "integer", "default": 1}}}},
        },
        "least": {"type": "integer"}, "most": {"type": "integer"},
        "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed stays"}]},
        "growing": {
            "type": "integer",
            "x-kubernetes-validations": [{"rule": "self >= oldSelf", "messageExpression": "'it was ' + (oldSelf > 1 ? 'more' : 'one')", "reason": "FieldValueForbidden"}],
        },
        "first": {
            "type": "integer",
            "x-kubernetes-validations": [{"rule": "!oldSelf.hasValue() || self != oldSelf.value()", "optionalOldSelf": True, "message": "must change"}],
        },
    },
    "x-kubernetes-validations": [
        {"rule": "!has(self.least) || !has(self.most) || self.least <= self.most", "message": "least is more than most", "fieldPath": ".least"},
        {"rule": "!has(self.tags) || self.tags.all(t, t != 'bad')", "reason": "FieldValueDuplicate"},
        {"rule": "!has(self.kind) || self.kind != 'b' || has(self.note)", "messageExpression": "'b needs a note, size ' + (self.size > 3 ? 'big' : 'small')"},
    ],
}  # fmt: skip
_SCHEMA: Document = {
    "type": "object",
    "properties": {
        "spec": _SPEC,
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string", "enum": ["On", "Off"]}}},
    },
    "x-kubernetes-validations": [{"rule": "self.metadata.name != 'four' || !has(self.spec) || !has(self.spec.uuid)", "message": "four has no uuid"}],
}  # fmt: skip
_COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "When", "type": "date", "jsonPath": ".spec.when", "priority": 1},
    {"name": "Tags", "type": "string", "jsonPath": ".spec.tags"},
    {"name": "Flag", "type": "boolean", "jsonPath": ".spec.flag"},
    {"name": "Port", "type": "string", "jsonPath": ".spec.port", "description": "a port"},
]
_SUBRESOURCES = {
    "status": {},
    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas"},
}


def definition(plural: str, kind: str, **more: Any) -> Document:
    """Return a definition with one version, and what else is given of its specification."""
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": copy.deepcopy(_SCHEMA)}}  # fmt: skip
    spec = {"group": GROUP, "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [version]}  # fmt: skip
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec | more,
    }  # fmt: skip


def _version(name: str, **more: Any) -> Document:
    # Of equal schemas a server makes one of the whole definition, and then versions may not differ in selectable fields.
    schema = {"openAPIV3Schema": copy.deepcopy(_SCHEMA) | {"description": name}}
    return {"name": name, "served": True, "storage": False, "schema": schema} | more


_OPEN = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
DEFINITIONS = (
    definition(
        "widgets", "Widget",
        names={"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["all"], "singular": "widget"},
        versions=[
            _version("v1", storage=True, subresources=_SUBRESOURCES, additionalPrinterColumns=_COLUMNS,
                     selectableFields=[{"jsonPath": ".spec.kind"}, {"jsonPath": ".spec.size"}]),
            _version("v1beta1", deprecated=True, subresources=_SUBRESOURCES),
            _version("v1alpha1", deprecated=True, deprecationWarning="use another one"),
            _version("v0", served=False),
        ],
    ),
    definition("gadgets", "Gadget"),
    definition("globes", "Globe", scope="Cluster", versions=[_version("v1", storage=True, schema=_OPEN)]),
)  # fmt: skip
