from typing import Any

import pytest

from kthena_sandbox.schema.crdrules import validate_crd
from kthena_sandbox.schema.structural import validate

Document = dict[str, Any]
OWN = ("reason", "fieldPath", "message", "messageExpression", "optionalOldSelf")


def schema(**fields: Any) -> Document:
    return {"type": "object", "properties": fields}


def ruled(rule: str, kind: str = "string", **more: Any) -> Document:
    own = {name: more.pop(name) for name in OWN if name in more}
    return {"type": kind, "x-kubernetes-validations": [{"rule": rule} | own]} | more


def messages(of: Document, value: Document, old: Document | None = None) -> list[str]:
    return [error.message for error in validate(value, of, old)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "a: Invalid value: \"string\": failed rule: self == 'x'"),
        ({"message": "must be x"}, 'a: Invalid value: "string": must be x'),
        ({"messageExpression": "'not ' + self"}, 'a: Invalid value: "string": not y'),
        ({"messageExpression": "self.b", "message": "m"}, 'a: Invalid value: "string": m'),
        ({"reason": "FieldValueForbidden", "message": "m"}, "a: Forbidden: m"),
        ({"reason": "FieldValueRequired", "message": "m"}, "a: Required value: m"),
        ({"reason": "FieldValueDuplicate"}, 'a: Duplicate value: "string"'),
        ({"fieldPath": ".b", "message": "m"}, 'a.b: Invalid value: "string": m'),
    ],
)
def test_how_a_broken_rule_is_told(more: Document, expected: str) -> None:
    assert messages(schema(a=ruled("self == 'x'", **more)), {"a": "y"}) == [expected]


def test_a_rule_without_a_value_says_so() -> None:
    of = schema(a=ruled("self.b == 1", "object", properties={"b": {"type": "integer"}}))
    assert messages(of, {"a": {"b": 1}}) == []
    assert messages(of, {"a": {}}) == [
        'a: Invalid value: "object": no such key: b evaluating rule: self.b == 1'
    ]


def test_rules_reach_items_and_values() -> None:
    of = schema(
        list={"type": "array", "items": ruled("self > 0", "integer")},
        map={"type": "object", "additionalProperties": ruled("self > 0", "integer")},
    )
    found = validate({"list": [1, 0], "map": {"a": 0}}, of)
    assert [error.path for error in found] == ["list[1]", "map[a]"]


def test_rules_about_changes_need_a_past() -> None:
    grows = ruled("self >= oldSelf", "integer")
    of = schema(a=grows, list={"type": "array", "items": grows})
    assert messages(of, {"a": 1}) == []
    assert messages(of, {"a": 1}, {}) == []
    assert messages(of, {"a": 2}, {"a": 1}) == []
    assert len(messages(of, {"a": 1}, {"a": 2})) == 1
    assert messages(of, {"list": [1]}, {"list": [2]}) == []  # items of such a list have no past


@pytest.mark.parametrize(
    ("rule", "new", "old", "holds"),
    [
        ("!oldSelf.hasValue() || self >= oldSelf.value()", 1, None, True),
        ("!oldSelf.hasValue() || self >= oldSelf.value()", 1, 2, False),
        ("oldSelf.hasValue() || self == 0", 1, None, False),
        ("self > oldSelf.orValue(0)", 1, None, True),
        ("oldSelf.optMap(o, self > o).orValue(true)", 1, 2, False),
        ("oldSelf.optMap(o, self > o).orValue(true)", 1, None, True),
        ("oldSelf.value() == self", 1, None, False),
    ],
)
def test_an_optional_past_is_asked_about_from_the_beginning(
    rule: str, new: int, old: int | None, holds: bool
) -> None:
    of = schema(a=ruled(rule, "integer", optionalOldSelf=True))
    found = messages(of, {"a": new}, None if old is None else {"a": old})
    assert (found == []) is holds


def test_items_of_a_map_list_have_a_past() -> None:
    item = schema(name={"type": "string"}, size=ruled("self >= oldSelf", "integer"))
    of = schema(list={"type": "array", "items": item, "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": ["name"]})  # fmt: skip
    old = {"list": [{"name": "a", "size": 5}, {"name": "b", "size": 1}]}
    new = {"list": [{"name": "b", "size": 2}, {"name": "a", "size": 4}, {"name": "c", "size": 0}]}
    assert [error.path for error in validate(new, of, old)] == ["list[1].size"]


def test_what_stays_as_it_was_is_not_asked_about_again() -> None:
    of = schema(a=ruled("self == 'x'"), b={"type": "string"})
    assert messages(of, {"a": "y", "b": "2"}, {"a": "y", "b": "1"}) == []
    assert len(messages(of, {"a": "z"}, {"a": "y"})) == 1


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rule": "self.size > 1 && true"},
         ('.rule: Invalid value: {"Rule":"self.size \\u003e 1 \\u0026\\u0026 true","Message":"",'
          '"MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: '
          "ERROR: <input>:1:5: undefined field 'size'\n | self.size > 1 && true\n | ....^")),
        ({"rule": "1"},
         ('.rule: Invalid value: {"Rule":"1","Message":"","MessageExpression":"","Reason":null,'
          '"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool')),
        ({"rule": "true", "messageExpression": "1"},
         ('.messageExpression: Invalid value: {"Rule":"true","Message":"","MessageExpression":"1","Reason":null,'
          '"FieldPath":"","OptionalOldSelf":null}: messageExpression must evaluate to a string')),
        ({"rule": "true", "messageExpression": " "},
         ".messageExpression: Required value: messageExpression must be non-empty if specified"),
        ({"rule": "true", "message": "a\nb"},
         '.message: Invalid value: "a\\nb": must not contain line breaks'),
        ({"rule": "true", "fieldPath": ".zz"},
         '.fieldPath: Invalid value: ".zz": must be a valid path'),
        ({"rule": "true", "optionalOldSelf": True},
         ".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"),
        ({"rule": " "}, ".rule: Required value: rule is not specified"),
        ({"rule": "true", "reason": "Other"},
         ('.reason: Unsupported value: "Other": supported values: "FieldValueInvalid", '
          '"FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"')),
    ],
)  # fmt: skip
def test_a_definition_whose_rules_cannot_be_asked_is_refused(rule: Document, message: str) -> None:
    root = {"type": "object", "x-kubernetes-validations": [rule]}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    spec = {"group": "example.com", "scope": "Namespaced", "versions": [version],
            "names": {"plural": "widgets", "kind": "Widget"}}  # fmt: skip
    found = validate_crd({"metadata": {"name": "widgets.example.com"}, "spec": spec})
    place = "spec.validation.openAPIV3Schema.x-kubernetes-validations[0]"
    assert [error.message for error in found] == [place + message]


def test_texts_are_read_by_their_formats() -> None:
    rule = "self.until - self.since > self.least && size(self.data) == 2 && self.ratio + 1.0 == 2.0"
    times = {"type": "string", "format": "date-time"}
    of = schema(a={"type": "object", "x-kubernetes-validations": [{"rule": rule}], "properties": {
        "since": times, "until": times, "least": {"type": "string", "format": "duration"},
        "data": {"type": "string", "format": "byte"}, "ratio": {"type": "number"}}})  # fmt: skip
    value = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00Z", "least": "30m",
             "data": "YWI=", "ratio": 1}  # fmt: skip
    assert messages(of, {"a": value}) == []
    assert len(messages(of, {"a": value | {"least": "2h"}})) == 1


def _correlated(leaf: Document) -> Document:
    entry = {"type": "object", "properties": {"k": {"type": "string"}, "f": leaf}}
    of_maps = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    return schema(
        label={"type": "string"},
        field=leaf,
        map={"type": "object", "additionalProperties": leaf},
        list={"type": "array", "items": entry} | of_maps,
        plain={"type": "array", "items": leaf},
    )


UNCHANGED = {"field": "x", "map": {"a": "x"}, "list": [{"k": "1", "f": "x"}], "plain": ["x"]}


@pytest.mark.parametrize(
    "leaf", [{"type": "string", "enum": ["y"]}, ruled("self == 'y'")], ids=["enum", "rule"]
)
def test_what_an_update_leaves_as_it_was_may_stay(leaf: Document) -> None:
    of = _correlated(leaf)
    assert len(messages(of, UNCHANGED)) == 4
    assert messages(of, UNCHANGED | {"label": "new"}, UNCHANGED) == []
    changed: Document = {
        "field": "z", "map": {"a": "x", "b": "x"}, "plain": ["x", "x"],
        "list": [{"k": "2", "f": "x"}, {"k": "1", "f": "x"}],
    }  # fmt: skip
    found = validate(changed, of, UNCHANGED)
    said = [error.path.replace(".b", "[b]") for error in found]  # rules have paths of their own
    assert sorted(said) == ["field", "list[0].f", "map[b]", "plain[0]", "plain[1]"]


def test_rules_about_changes_are_asked_also_where_nothing_changed() -> None:
    of = _correlated(ruled("self != oldSelf"))
    found = validate(UNCHANGED | {"label": "new"}, of, UNCHANGED)
    assert [error.path for error in found] == ["field", "map[a]", "list[0].f"]
    of = schema(a=ruled("!oldSelf.hasValue() || self != oldSelf.value()", optionalOldSelf=True))
    assert len(messages(of, {"a": "x"}, {"a": "x"})) == 1
    assert messages(of, {"a": "x"}, {}) == []
