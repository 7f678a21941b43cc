"""Definitions that are created and changed: good ones as dry runs, and such as are refused."""

import random
from typing import Any

from tests.differential.generator import APPLY, JSON, MANAGERS, MERGE, STRATEGIC, Request, merged
from tests.differential.objects import Document
from tests.differential.wide.definitions import GROUP, PATH, definition

_SPECS: tuple[Document, ...] = (
    {"scope": "Odd"}, {"scope": None}, {"group": "other.example.com"}, {"group": ""}, {"names": {"plural": "UPPER"}}, {"names": {"kind": "lower case"}}, {"names": {"kind": None}}, {"names": {"shortNames": ["A_B"]}}, {"names": {"singular": "Bad One"}}, {"names": {"listKind": "Same"}},
    {"names": {"categories": ["a b"]}}, {"versions": []}, {"versions": None}, {"conversion": {"strategy": "None"}}, {"conversion": {"strategy": "Odd"}}, {"conversion": {"strategy": "Webhook"}}, {"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v9"], "clientConfig": {"url": "http://x"}}}},
    {"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"service": {"name": "s", "namespace": "n", "port": 0}}}}}, {"preserveUnknownFields": True}, {"preserveUnknownFields": False}, {"unknown": 1}, {"names": {"shortNames": ["sh"], "categories": ["all"]}}, {"names": {"kind": "Widget"}}, {"names": {"plural": "widgets"}},
    {"group": "k8s.io"}, {"group": "x.k8s.io"}, {"versions": "x"},
)  # fmt: skip
_VERSIONS: tuple[Document, ...] = (
    {"storage": False}, {"served": False}, {"name": "V1"}, {"name": ""}, {"schema": None}, {"schema": {}}, {"deprecated": True}, {"deprecationWarning": "x"}, {"deprecated": True, "deprecationWarning": ""}, {"deprecated": True, "deprecationWarning": "x" * 300}, {"subresources": {"status": {}}},
    {"subresources": {"scale": {}}}, {"subresources": {"scale": {"specReplicasPath": ".spec.x", "statusReplicasPath": ".status.y"}}}, {"subresources": {"scale": {"specReplicasPath": "spec", "statusReplicasPath": ".spec.y"}}}, {"subresources": {"scale": {"specReplicasPath": ".spec.a[0]", "statusReplicasPath": ".status.y", "labelSelectorPath": ".other.z"}}},
    {"additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a"}]}, {"additionalPrinterColumns": [{"name": "", "type": "odd", "jsonPath": ""}]}, {"additionalPrinterColumns": [{"name": "A", "type": "integer", "jsonPath": "a", "format": "odd"}]}, {"additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a[("}]},
    {"selectableFields": [{"jsonPath": ".spec.size"}]}, {"selectableFields": [{"jsonPath": ".spec.nothing"}]}, {"selectableFields": [{"jsonPath": ".metadata.name"}]}, {"selectableFields": [{"jsonPath": ".spec.free"}, {"jsonPath": ".spec.size"}, {"jsonPath": ".spec.size"}]}, {"selectableFields": [{"jsonPath": ""}]},
)  # fmt: skip
_PARTS: tuple[Document, ...] = (
    {"type": "odd"}, {}, {"type": "array"}, {"type": "string", "items": {"type": "string"}}, {"type": "object", "properties": {"a": {}}}, {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}}, {"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": True},
    {"type": "string", "default": 3}, {"type": "integer", "default": 1, "minimum": 2}, {"type": "string", "nullable": True, "default": None}, {"type": "string", "pattern": "("}, {"type": "string", "pattern": "^a$"}, {"type": "string", "format": "odd"}, {"type": "string", "enum": []}, {"type": "string", "enum": ["a", "a"]}, {"type": "string", "enum": [1]},
    {"type": "integer", "minimum": 5, "maximum": 1}, {"type": "number", "multipleOf": 0}, {"type": "string", "maxLength": -1}, {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 1}, {"type": "array", "items": {"type": "string"}, "uniqueItems": True}, {"type": "array", "items": [{"type": "string"}]}, {"type": "object", "required": ["nothing"]}, {"type": "object", "required": ["a", "a"]},
    {"$ref": "#/x"}, {"type": "object", "patternProperties": {"a": {"type": "string"}}}, {"type": "object", "definitions": {"a": {"type": "string"}}}, {"type": "object", "dependencies": {"a": ["b"]}}, {"type": "array", "items": {"type": "string"}, "additionalItems": True}, {"id": "x", "type": "string"}, {"type": "string", "title": "t", "description": "d", "example": "e", "externalDocs": {"url": "u"}},
    {"x-kubernetes-int-or-string": True, "type": "string"}, {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, {"x-kubernetes-preserve-unknown-fields": False, "type": "object"}, {"x-kubernetes-embedded-resource": True, "type": "object"}, {"x-kubernetes-embedded-resource": True, "type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string"}}}}},
    {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}, {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object", "properties": {"name": {"type": "string"}}}}, {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["nothing"], "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "name"], "items": {"type": "object", "properties": {"name": {"type": "object"}}, "required": ["name"]}}, {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}, {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object", "x-kubernetes-map-type": "atomic"}}, {"type": "array", "x-kubernetes-list-type": "odd", "items": {"type": "string"}},
    {"type": "string", "x-kubernetes-list-type": "set"}, {"type": "object", "x-kubernetes-map-type": "odd"}, {"type": "string", "x-kubernetes-map-type": "atomic"}, {"type": "array", "x-kubernetes-list-map-keys": ["a"], "items": {"type": "string"}}, {"type": "integer", "anyOf": [{"type": "integer"}]}, {"type": "integer", "anyOf": [{"minimum": 1, "description": "d"}]}, {"type": "object", "allOf": [{"properties": {"x": {"minimum": 1}}}]}, {"type": "integer", "not": {"default": 1}}, {"type": "integer", "oneOf": []},
    {"type": "object", "allOf": [{"x-kubernetes-preserve-unknown-fields": True}]}, {"type": "integer", "nullable": True, "allOf": [{"nullable": True}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "self ==="}]}, {"type": "string", "x-kubernetes-validations": [{"rule": ""}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "self.x"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "self + 1 == 2"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "self"}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "message": "a\nb"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "true", "message": " "}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "true", "messageExpression": "1"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "true", "reason": "Odd"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "true", "fieldPath": ".x"}]}, {"type": "string", "x-kubernetes-validations": [{"rule": "true"}, {"rule": "true"}]},
    {"type": "array", "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}, {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string", "maxLength": 3}}, "x-kubernetes-validations": [{"rule": "self.n == oldSelf.n"}]}, "maxItems": 3}, {"type": "string", "x-kubernetes-validations": [{"rule": "true", "optionalOldSelf": True}]}, {"type": "object", "properties": {"a b": {"type": "string"}}, "x-kubernetes-validations": [{"rule": "has(self.a__b)"}]},
    {"type": "object", "x-kubernetes-validations": [{"rule": "has(self.nothing)"}]}, {"type": "boolean", "default": "x"}, {"type": "object", "default": {"a": 1}, "properties": {"b": {"type": "string"}}}, {"type": "object", "default": {"metadata": {}}}, {"x-kubernetes-preserve-unknown-fields": True, "default": {"a": 1}}, {"type": "string", "format": "date-time", "default": "x"}, {"type": "string", "unknown": 1}, 3,
)  # type: ignore[assignment]  # fmt: skip


def _schema(part: Any) -> Document:
    return {
        "openAPIV3Schema": {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"part": part}}},
        }
    }


_ROOTS: tuple[Document, ...] = (
    {"type": "string"}, {}, {"type": "object", "nullable": True}, {"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^a"}}}}}, {"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}},
    {"type": "object", "properties": {"apiVersion": {"type": "integer"}, "kind": {"type": "string", "enum": ["x"]}}}, {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"spec": {"type": "object"}}}, {"type": "object", "x-kubernetes-embedded-resource": True}, {"type": "object", "properties": {"status": {"type": "string"}, "spec": {"type": "array", "items": {"type": "string"}}}},
)  # fmt: skip


def defined(dice: random.Random) -> Request:
    """Return a request about a definition."""
    plural, kind = dice.choice(
        (("gears", "Gear"), ("gears", "Gear"), ("widgets", "Widget"), ("gadgets", "Gadget"))
    )
    document = definition(plural, kind)
    choice = dice.random()
    if choice < 0.25:
        document = merged(document, {"spec": dice.choice(_SPECS)})
    elif choice < 0.4:
        document["spec"]["versions"] = [
            merged(document["spec"]["versions"][0], dice.choice(_VERSIONS))
        ]
    elif choice < 0.85:
        document["spec"]["versions"][0]["schema"] = _schema(dice.choice(_PARTS))
    elif choice < 0.9:
        document["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": dice.choice(_ROOTS)}
    elif choice < 0.95:
        document["spec"]["versions"] = [
            *document["spec"]["versions"],
            *dice.choice(
                (
                    [{"name": "v2", "served": True, "storage": True}],
                    [{"name": "v1", "served": True, "storage": False}],
                    [
                        {
                            "name": "v1beta1",
                            "served": False,
                            "storage": False,
                            "schema": _schema({"type": "string"}),
                        }
                    ],
                )
            ),
        ]
    else:
        document["metadata"] = dice.choice(
            (
                {"name": "other"},
                {},
                {"name": f"{plural}.{GROUP}", "labels": {"a b": "c"}},
                {"name": f"{plural}.{GROUP}", "annotations": {"api-approved.kubernetes.io": "x"}},
            )
        )
    query = {"dryRun": "All"} | dice.choice(
        ({}, {}, {"fieldManager": dice.choice(MANAGERS)}, {"fieldValidation": "Strict"})
    )
    name = f"{plural}.{GROUP}"
    headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    return dice.choice((
        Request("POST", PATH, query, {"content-type": JSON}, document), Request("POST", PATH, query, {"content-type": JSON}, document),
        Request("PUT", f"{PATH}/{name}", query, {"content-type": JSON}, merged(document, {"metadata": {"resourceVersion": f"@rv:{PATH}/{name}@"}})),
        Request("PATCH", f"{PATH}/{name}", query, {"content-type": dice.choice((MERGE, MERGE, STRATEGIC))}, {"spec": dice.choice((document["spec"], *_SPECS))}),
        Request("PATCH", f"{PATH}/{name}", query | {"fieldManager": "anna", "force": "true"}, {"content-type": APPLY}, document),
        Request("PATCH", f"{PATH}/{name}/status", query, {"content-type": MERGE}, {"status": {"conditions": [{"type": "Odd", "status": "True"}], "storedVersions": dice.choice((["v1"], [], ["v9"]))}}),
        Request("GET", f"{PATH}/{name}", {}, dice.choice(({}, headers))), Request("DELETE", f"{PATH}/{name}", query),
    ))  # fmt: skip
