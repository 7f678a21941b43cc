import pytest

from kthena_sandbox.schema.notation import read_definitions


def test_a_type_in_the_short_notation() -> None:
    definitions = read_definitions({
        "core": {"A": {
            "name": "string! in=x,y", "items": "[B] merge=name map=name", "table": "{int32}",
            "size": "quantity", "other": 'meta.B retainKeys default={"a":1}', "said": "time required",
            "texts": "[string] merge set",
        }, "B": {"name": "string"}},
        "meta": {"B": {"free": "any"}},
    })  # fmt: skip
    found = definitions["io.k8s.api.core.v1.A"]
    assert found["required"] == ["name", "said"]
    assert found["properties"] == {
        "name": {"type": "string", "enum": ["x", "y"]},
        "items": {
            "type": "array", "items": {"$ref": "#/definitions/io.k8s.api.core.v1.B"},
            "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-list-map-keys": ["name"], "x-kubernetes-list-type": "map",
        },
        "table": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}},
        "size": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"},
        "other": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.B", "default": {"a": 1},
                  "x-kubernetes-patch-strategy": "retainKeys"},
        "said": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time"},
        "texts": {"type": "array", "items": {"type": "string"},
                  "x-kubernetes-patch-strategy": "merge", "x-kubernetes-list-type": "set"},
    }  # fmt: skip
    assert definitions.node("io.k8s.api.core.v1.A").required == ("name",)


def test_unknown_words_are_errors() -> None:
    with pytest.raises(KeyError):
        read_definitions({"core": {"A": {"x": "string sorted"}}})
