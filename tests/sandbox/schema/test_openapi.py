import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.compiled import Schema
from kthena_sandbox.schema.openapi import (
    openapi_v2,
    openapi_v2_protobuf,
    openapi_v3,
)

Document = dict[str, Any]
WIDGET = ResourceType(
    "things.example.com", "v1", "Widget", "widgets", "widget", namespaced=True,
    list_kind="WidgetList", custom=True, subresources=frozenset({"status"}),
    schema=Schema({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "maybe": {"type": "string", "nullable": True, "default": "x"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True,
                 "properties": {"a": {"type": "string"}}},
    }}}}),
)  # fmt: skip
NAME = "com.example.things.v1.Widget"
REVIEW = ResourceType(
    "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews",
    "selfsubjectaccessreview", namespaced=False, list_kind="SelfSubjectAccessReviewList",
)  # fmt: skip
TYPES = (*BUILTIN, WIDGET, REVIEW)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


@pytest.mark.parametrize("group_version", sorted({kind.api_version for kind in TYPES}))
def test_every_reference_of_v3_leads_somewhere(group_version: str) -> None:
    document = openapi_v3(group_version, TYPES)
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= names
    assert "x-published" not in json.dumps(document)


def test_every_reference_of_v2_leads_somewhere() -> None:
    document = openapi_v2(TYPES)
    assert set(references(document)) <= {
        f"#/definitions/{name}" for name in document["definitions"]
    }
    fields = document["definitions"][NAME]["properties"]["spec"]["properties"]
    assert (fields["port"]["type"], fields["port"]["format"]) == ("string", "int-or-string")
    assert "x-published" not in json.dumps(document)


def test_kinds_are_found_by_path_and_by_schema() -> None:
    document = openapi_v3("apps/v1", TYPES)
    kind = {"group": "apps", "version": "v1", "kind": "Deployment"}
    place = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert place["get"]["x-kubernetes-group-version-kind"] == kind
    schema = document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [kind]
    assert schema["properties"]["spec"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}
    ]
    scale = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]
    assert scale["get"]["x-kubernetes-group-version-kind"]["kind"] == "Scale"


def test_patches_say_what_they_take() -> None:
    deployments = openapi_v3("apps/v1", TYPES)["paths"][
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    ]
    patch = deployments["patch"]
    assert {"dryRun", "fieldValidation"} <= {entry["name"] for entry in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    widgets = openapi_v3("things.example.com/v1", TYPES)["paths"]
    own = widgets["/apis/things.example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" not in own["requestBody"]["content"]


def test_strategies_and_defaults_stand_beside_references() -> None:
    schemas = openapi_v3("apps/v1", TYPES)["components"]["schemas"]
    assert schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"] == {
        "allOf": [{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}],
        "default": {},
        "description": "The deployment strategy to use to replace existing pods with new ones.",
        "x-kubernetes-patch-strategy": "retainKeys",
    }
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity.keys() == {"oneOf"}


def test_custom_kinds_in_both_forms() -> None:
    three = openapi_v3("things.example.com/v1", TYPES)["components"]["schemas"][NAME]["properties"]
    assert three["metadata"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    ]
    assert three["spec"]["properties"]["maybe"] == {
        "type": "string",
        "nullable": True,
        "default": "x",
    }
    two = openapi_v2(TYPES)["definitions"][NAME]["properties"]["spec"]["properties"]
    assert two == {
        "port": {"type": "string", "format": "int-or-string", "x-kubernetes-int-or-string": True},
        "maybe": {},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }


def test_custom_kinds_that_keep_what_is_unknown_tell_nothing_in_v2() -> None:
    free = {"type": "object", "description": "d", "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"spec": {"type": "object"}}}  # fmt: skip
    kinds = [replace(WIDGET, schema=free)]
    assert openapi_v2(kinds)["definitions"][NAME] == {
        "type": "object",
        "x-kubernetes-group-version-kind": [
            {"group": "things.example.com", "version": "v1", "kind": "Widget"}
        ],
    }
    three = openapi_v3("things.example.com/v1", kinds)["components"]["schemas"][NAME]
    assert sorted(three["properties"]) == ["apiVersion", "kind", "metadata", "spec"]


def test_reviews_can_only_be_created() -> None:
    paths = openapi_v3("authorization.k8s.io/v1", TYPES)["paths"]
    (place,) = paths.values()
    assert set(place) == {"parameters", "post"}


def decoded(message: bytes) -> list[tuple[int, Any]]:
    """Fields of a protobuf message: number and content."""
    fields: list[tuple[int, Any]] = []
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            fields.append((key >> 3, varint()))
            continue
        size = 8 if key & 7 == 1 else varint()
        fields.append((key >> 3, message[position : position + size]))
        position += size
    return fields


def only(message: bytes, number: int) -> list[Any]:
    return [content for found, content in decoded(message) if found == number]


def named(message: bytes, number: int) -> dict[str, bytes]:
    entries = (dict(decoded(entry)) for entry in only(message, number))
    return {entry[1].decode(): entry[2] for entry in entries}


def test_what_all_kinds_have_is_explained() -> None:
    schemas = openapi_v3("apps/v1", TYPES)["components"]["schemas"]
    properties = schemas["io.k8s.api.apps.v1.Deployment"]["properties"]
    assert properties["kind"]["description"].startswith("Kind is a string value representing ")
    assert properties["metadata"] == {
        "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],
        "description": "Standard object's metadata. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    }


def test_the_protobuf_form_holds_definitions_paths_and_extensions() -> None:
    message = openapi_v2_protobuf(openapi_v2(TYPES))
    assert only(message, 1) == [b"2.0"]
    definitions = named(only(message, 9)[0], 1)
    spec = definitions["io.k8s.api.apps.v1.DeploymentSpec"]
    properties = named(only(spec, 25)[0], 1)
    assert only(properties["template"], 1) == [b"#/definitions/io.k8s.api.core.v1.PodTemplateSpec"]
    assert only(only(properties["replicas"], 22)[0], 1) == [b"integer"]
    strategy = named(properties["strategy"], 31)["x-kubernetes-patch-strategy"]
    assert only(strategy, 2) == [b'"retainKeys"']
    place = named(only(message, 8)[0], 2)["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    patch = only(place, 8)[0]
    kind = named(patch, 13)["x-kubernetes-group-version-kind"]
    assert json.loads(only(kind, 2)[0])["kind"] == "Deployment"
    queries = [dict(decoded(only(only(only(entry, 1)[0], 2)[0], 3)[0]))
               for entry in only(patch, 8) if only(only(entry, 1)[0], 2)]  # fmt: skip
    assert {entry[4] for entry in queries} >= {b"dryRun", b"fieldValidation"}
    assert queries[0][6] == b"string"


def test_numbers_in_protobuf() -> None:
    limits = {"maximum": 2.5, "minLength": 300, "uniqueItems": True, "enum": ["a", 1], "minimum": 0,
              "additionalProperties": True, "minItems": -1}  # fmt: skip
    document = {"swagger": "2.0", "paths": {}, "definitions": {"A": limits}}
    message = openapi_v2_protobuf(document)
    schema = decoded(named(only(message, 9)[0], 1)["A"])
    assert schema == [
        (7, b"\x00\x00\x00\x00\x00\x00\x04@"), (12, 300), (15, 2**64 - 1), (16, 1),
        (20, b'\x12\x03"a"'), (20, b"\x12\x011"), (21, b"\x10\x01"),
    ]  # fmt: skip
