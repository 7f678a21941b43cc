from typing import Any

import pytest

from kthena_sandbox.schema.mergerules import merge_errors

NAMED = {"type": "object", "properties": {"name": {"type": "string"}}}
LIST = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


@pytest.mark.parametrize(
    ("schema", "messages"),
    [
        ({"type": "object", "x-kubernetes-map-type": "granular"}, []),
        ({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}, []),
        (LIST | {"items": NAMED | {"required": ["name"]}}, []),
        (
            LIST | {"items": NAMED},
            [
                (
                    "s.items.properties[name].default: Required value: this property is in "
                    "x-kubernetes-list-map-keys, so it must have a default or be a required property"
                )
            ],
        ),
        (
            LIST | {"items": {"type": "object"}},
            [
                (
                    's.x-kubernetes-list-map-keys: Invalid value: []string{"name"}: '
                    "entries must all be names of item properties"
                )
            ],
        ),
        (
            {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "string"}},
            [
                (
                    "s.x-kubernetes-list-map-keys: Required value: must not be empty if "
                    "x-kubernetes-list-type is map"
                ),
                (
                    's.items.type: Invalid value: "string": must be object if parent array\'s '
                    "x-kubernetes-list-type is map"
                ),
            ],
        ),
        (LIST, ["s.items: Required value: must have a schema if x-kubernetes-list-type is map"]),
        (
            {"type": "string", "x-kubernetes-list-type": "bag"},
            [
                's.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
                (
                    's.x-kubernetes-list-type: Unsupported value: "bag": '
                    'supported values: "atomic", "set", "map"'
                ),
            ],
        ),
        (
            {"type": "array", "x-kubernetes-list-map-keys": ["name"]},
            [
                (
                    "s.x-kubernetes-list-type: Required value: must be map if "
                    "x-kubernetes-list-map-keys is non-empty"
                )
            ],
        ),
        (
            {"x-kubernetes-map-type": "whole"},
            [
                "s.type: Required value: must be object if x-kubernetes-map-type is specified",
                (
                    's.x-kubernetes-map-type: Unsupported value: "whole": '
                    'supported values: "atomic", "granular"'
                ),
            ],
        ),
    ],
)
def test_what_a_definition_may_say_about_merging(
    schema: dict[str, Any], messages: list[str]
) -> None:
    assert [error.message for error in merge_errors(schema, "s")] == messages
