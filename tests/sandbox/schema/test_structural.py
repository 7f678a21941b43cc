from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema import structural
from kthena_sandbox.schema.compiled import Schema

Document = dict[str, Any]


def of_spec(**properties: Any) -> Schema:
    spec = {"type": "object", "properties": properties}
    return Schema({"type": "object", "properties": {"spec": spec}})


def messages(spec: Any, **properties: Any) -> list[str]:
    return [error.message for error in structural.validate({"spec": spec}, of_spec(**properties))]


def pruned(spec: Any, **properties: Any) -> tuple[Any, list[str]]:
    kept, unknown = structural.prune({"spec": spec}, of_spec(**properties))
    return kept["spec"], unknown


def defaulted(spec: Any, **properties: Any) -> Any:
    return structural.default({"spec": spec}, of_spec(**properties))["spec"]


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def test_unknown_fields_are_dropped_and_named() -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"a": TEXT}}}
    kept, unknown = pruned({"z": 1, "items": [{"a": "x"}, {"a": "y", "b": {"c": 1}}]}, items=items)
    assert kept == {"items": [{"a": "x"}, {"a": "y"}]}
    assert unknown == ["spec.items[1].b", "spec.z"]


def test_type_and_metadata_are_not_pruned() -> None:
    given_object = {"apiVersion": "v1", "kind": "A", "metadata": {"x": 1}, "other": 1}
    kept, unknown = structural.prune(given_object, {"type": "object"})
    assert kept == {"apiVersion": "v1", "kind": "A", "metadata": {"x": 1}}
    assert unknown == ["other"]


def test_an_object_without_unknown_fields_is_returned_itself() -> None:
    document = {"spec": {"a": "x"}}
    assert structural.prune(document, of_spec(a=TEXT))[0] is document
    assert structural.default(document, of_spec(a=TEXT)) is document


def test_preserved_fields_stay_but_known_ones_below_are_pruned() -> None:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "object", "properties": {"a": TEXT}}}}  # fmt: skip
    kept, unknown = pruned({"free": {"any": {"x": [1]}, "known": {"a": "x", "b": 1}}}, free=free)
    assert kept == {"free": {"any": {"x": [1]}, "known": {"a": "x"}}}
    assert unknown == ["spec.free.known.b"]


def test_maps_keep_every_key_and_prune_the_values() -> None:
    table = {
        "type": "object",
        "additionalProperties": {"type": "object", "properties": {"a": TEXT}},
    }
    kept, unknown = pruned({"table": {"x": {"a": "1", "b": "2"}}}, table=table)
    assert (kept, unknown) == ({"table": {"x": {"a": "1"}}}, ["spec.table.x.b"])


def test_embedded_resources_keep_type_and_metadata() -> None:
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {}}
    inner = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
    kept, unknown = pruned({"inner": inner}, inner=embedded)
    assert kept["inner"] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    assert unknown == ["spec.inner.spec"]


def test_defaults_fill_what_is_missing_also_inside_defaults() -> None:
    inner = {"type": "object", "default": {}, "properties": {"n": NUMBER | {"default": 3}}}
    assert defaulted({}, inner=inner) == {"inner": {"n": 3}}
    assert defaulted({"inner": {"n": 4}}, inner=inner) == {"inner": {"n": 4}}
    items = {"type": "array", "items": inner}
    assert defaulted({"items": [{}]}, items=items) == {"items": [{"n": 3}]}


def test_null_gives_way_to_a_default_or_goes_unless_it_is_allowed() -> None:
    with_default, without = TEXT | {"default": "d"}, TEXT
    assert defaulted({"a": None, "b": None}, a=with_default, b=without) == {"a": "d"}
    assert defaulted({"a": None}, a=with_default | {"nullable": True}) == {"a": None}


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (NUMBER, "x", 'spec.f: Invalid value: "string": spec.f in body must be of type integer: "string"'),
        (NUMBER, 1.5, 'spec.f: Invalid value: "number": spec.f in body must be of type integer: "number"'),
        (TEXT, None, 'spec.f: Invalid value: "null": spec.f in body must be of type string: "null"'),
        (TEXT | {"enum": ["second", "minute"]}, "x",
         'spec.f: Unsupported value: "x": supported values: "second", "minute"'),
        (NUMBER | {"maximum": 10}, 11,
         "spec.f: Invalid value: 11: spec.f in body should be less than or equal to 10"),
        (NUMBER | {"minimum": 1, "exclusiveMinimum": True}, 1,
         "spec.f: Invalid value: 1: spec.f in body should be greater than 1"),
        (NUMBER | {"multipleOf": 5}, 7,
         "spec.f: Invalid value: 7: spec.f in body should be a multiple of 5"),
        (TEXT | {"maxLength": 2}, "abc", "spec.f: Too long: may not be more than 2 bytes"),
        (TEXT | {"minLength": 2}, "a",
         'spec.f: Invalid value: "a": spec.f in body should be at least 2 chars long'),
        (TEXT | {"pattern": "^a+$"}, "b",
         "spec.f: Invalid value: \"b\": spec.f in body should match '^a+$'"),
        (TEXT | {"format": "date-time"}, "now",
         'spec.f: Invalid value: "now": spec.f in body must be of type date-time: "now"'),
        ({"type": "array", "maxItems": 1, "items": NUMBER}, [1, 2],
         "spec.f: Too many: 2: must have at most 1 items"),
        ({"type": "array", "minItems": 1, "items": NUMBER}, [],
         "spec.f: Invalid value: 0: spec.f in body should have at least 1 items"),
        ({"type": "array", "uniqueItems": True, "items": NUMBER}, [1, 1],
         'spec.f: Invalid value: "": spec.f in body shouldn\'t contain duplicates'),
        ({"type": "object", "maxProperties": 1, "additionalProperties": NUMBER}, {"a": 1, "b": 2},
         "spec.f: Too many: 2: must have at most 1 items"),
        ({"type": "object", "minProperties": 1}, {},
         "spec.f: Invalid value: 0: spec.f in body should have at least 1 properties"),
        ({"type": "object", "required": ["a"]}, {}, "spec.f.a: Required value"),
        ({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, ["a", "b", "a", "a"],
         'spec.f[2]: Duplicate value: "a"'),
        ({"type": "array", "items": {"type": "object", "properties": {"name": TEXT}},
          "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
         [{"name": "a"}, {"name": "a"}],
         'spec.f[1]: Duplicate value: {"name":"a"}'),
        ({"not": {"required": ["a"]}, "type": "object"}, {"a": 1},
         '<nil>: Invalid value: "": "spec.f" must not validate the schema (not)'),
    ],
)  # fmt: skip
def test_one_broken_rule(schema: Document, value: Any, message: str) -> None:
    assert messages({"f": value}, f=schema) == [message]


def test_the_reasons_of_errors() -> None:
    schema = of_spec(a=NUMBER, b=TEXT | {"enum": ["x"]}, c=TEXT | {"maxLength": 1})
    found = structural.validate({"spec": {"a": "1", "b": "y", "c": "zz"}}, schema)
    assert [(error.path, error.reason) for error in found] == [
        ("spec.a", "FieldValueTypeInvalid"),
        ("spec.b", "FieldValueNotSupported"),
        ("spec.c", "FieldValueTooLong"),
    ]


@pytest.mark.parametrize("value", [80, "http"])
def test_int_or_string_takes_both(value: object) -> None:
    port = {"x-kubernetes-int-or-string": True, "anyOf": [NUMBER, TEXT]}
    assert messages({"port": value}, port=port) == []


def test_int_or_string_takes_nothing_else() -> None:
    assert messages({"port": True}, port={"x-kubernetes-int-or-string": True}) == [
        'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"'
    ]


def test_alternatives_say_how_many_fit() -> None:
    one = {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    both, none = messages({"f": {"a": 1, "b": 1}}, f=one), messages({"f": {}}, f=one)
    text = '<nil>: Invalid value: "": "spec.f" must validate one and only one schema (oneOf). '
    assert both == [f"{text}Found 2 valid alternatives"]
    assert none == [f"{text}Found none valid", "spec.f.a: Required value"]
    every = {"allOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"}
    assert messages({"f": {"a": 1}}, f=every)[-1] == (
        '<nil>: Invalid value: "": "spec.f" must validate all the schemas (allOf)'
    )


def test_whole_floats_are_integers() -> None:
    assert messages({"f": 3.0}, f=NUMBER) == []
    assert messages({"f": 3}, f={"type": "number"}) == []


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3)
    | st.dictionaries(st.sampled_from(["spec", "a", "b", "list", "table", "port", "x"]), below, max_size=4),
    max_leaves=15,
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["spec", "a", "metadata", "status"]), JSON, max_size=3)
EVERYTHING = of_spec(
    a=TEXT | {"maxLength": 2, "pattern": "^[ab]*$", "default": "a"},
    b=NUMBER | {"minimum": 0, "nullable": True, "default": 1},
    list={"type": "array", "items": {"type": "object", "default": {}, "properties": {
        "a": TEXT | {"default": "n"}, "b": NUMBER}, "required": ["a"]},
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]},
    table={"type": "object", "additionalProperties": TEXT | {"default": "t", "format": "date-time"}},
    port={"x-kubernetes-int-or-string": True, "anyOf": [NUMBER, TEXT]},
)  # fmt: skip


@given(OBJECTS)
def test_any_json_is_pruned_defaulted_and_validated_without_surprise(document: Document) -> None:
    before = deepcopy(document)
    kept, _ = structural.prune(document, EVERYTHING)
    filled = structural.default(kept, EVERYTHING)
    structural.validate(filled, EVERYTHING)
    structural.validate(document, EVERYTHING)
    assert document == before
    assert structural.prune(kept, EVERYTHING) == (kept, [])
    assert structural.default(filled, EVERYTHING) == filled
