from typing import Any

import pytest

from kthena_sandbox.schema.crd import validate_crd
from kthena_sandbox.schema.defaultrules import default_errors

OBJECT = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}}


@pytest.mark.parametrize(
    ("schema", "messages"),
    [
        ({"type": "integer"}, []),
        ({"type": "integer", "default": 1}, []),
        (OBJECT | {"default": {"a": 3}}, []),
        (
            {"type": "integer", "default": "x"},
            ['s.default: Invalid value: "string":  in body must be of type integer: "string"'],
        ),
        (
            OBJECT | {"default": {"a": 4}},
            [
                "s.default.a: Invalid value: 4: a in body should be less than or equal to 3",
            ],
        ),
        (
            OBJECT | {"default": {"b": 1}},
            [('s.default: Invalid value: {"b":1}: must not have unknown fields')],
        ),
    ],
)
def test_defaults_keep_the_rules_of_their_schema(
    schema: dict[str, Any], messages: list[str]
) -> None:
    assert [error.message for error in default_errors(schema, "s")] == messages


def test_defaults_anywhere_in_a_definition_are_checked() -> None:
    bad = {"type": "integer", "default": "x"}
    items = {"type": "array", "items": {"type": "object", "properties": {"n": bad}}}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"l": items}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "versions": [version],
        "names": {"plural": "widgets", "kind": "Widget"},
    }
    (error,) = validate_crd({"metadata": {"name": "widgets.example.com"}, "spec": spec})
    assert error.path == (
        "spec.validation.openAPIV3Schema.properties[spec].properties[l].items.properties[n].default"
    )
