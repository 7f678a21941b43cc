"""Server-side apply without a server: merging, owning, giving up (Server-Side Apply, Kubernetes documentation)."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema.applying import Conflicts, Kind, applied, updated
from kthena_sandbox.schema.compiled import Schema
from kthena_sandbox.schema.fieldmerge import merged
from kthena_sandbox.schema.fieldsets import EMPTY, field_set
from kthena_sandbox.schema.fieldwalk import compare, fields_of
from kthena_sandbox.schema.mergetypes import Untyped
from kthena_sandbox.schema.typedobjects import refusal

STRING = {"type": "string"}
ENTRY = {"type": "object", "properties": {"name": STRING, "size": {"type": "integer"}}}
NODE = Schema(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "text": STRING,
                    "flag": {"type": "boolean"},
                    "labels": {"type": "object", "additionalProperties": STRING},
                    "whole": {
                        "type": "object",
                        "additionalProperties": STRING,
                        "x-kubernetes-map-type": "atomic",
                    },
                    "list": {"type": "array", "items": STRING},
                    "set": {"type": "array", "items": STRING, "x-kubernetes-list-type": "set"},
                    "entries": {
                        "type": "array",
                        "items": ENTRY,
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                    },
                    "any": {"x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
).node
KIND = Kind(NODE)


def entry(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name} | fields


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def owned(*names: str) -> Any:
    """A set of fields of `spec`, each as `labels/a`."""
    return field_set([("f:spec", *(f"f:{part}" for part in name.split("/"))) for name in names])


def test_maps_merge_by_field_and_lists_by_their_type() -> None:
    live = spec(
        labels={"a": "1", "b": "2"}, whole={"a": "1"}, list=["a"], set=["a", "b"],
        entries=[entry("x", size=1), entry("y", size=2)], any={"deep": {"a": 1}, "list": [1]},
    )  # fmt: skip
    config = spec(
        labels={"b": "3"}, whole={"b": "2"}, list=["b"], set=["c"],
        entries=[entry("y", size=3)], any={"deep": {"b": 2}, "list": [2]},
    )  # fmt: skip
    assert merged(live, config, NODE) == spec(
        labels={"a": "1", "b": "3"}, whole={"b": "2"}, list=["b"], set=["a", "b", "c"],
        entries=[entry("x", size=1), entry("y", size=3)],
        any={"deep": {"a": 1, "b": 2}, "list": [2]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("live", "config", "result"),
    [
        ("ab", "c", "abc"),
        ("abc", "cb", "acb"),
        ("abcd", "db", "acdb"),
        ("ab", "ba", "ba"),
        ("", "ba", "ba"),
        ("axb", "ayb", "axyb"),
    ],
)
def test_the_applied_order_wins_and_others_keep_their_places(
    live: str, config: str, result: str
) -> None:
    assert merged(spec(set=list(live)), spec(set=list(config)), NODE) == spec(set=list(result))


def test_the_fields_of_a_configuration() -> None:
    config = spec(
        text="a", labels={"a": "1"}, whole={"a": "1"}, set=["a"], entries=[entry("x")], any={}
    )
    assert fields_of(config, NODE).document() == {
        "f:spec": {
            "f:text": {},
            "f:labels": {"f:a": {}},
            "f:whole": {},
            "f:set": {'v:"a"': {}},
            "f:entries": {'k:{"name":"x"}': {".": {}, "f:name": {}}},
            "f:any": {},
        }
    }


def test_a_comparison_tells_added_from_modified_and_removed() -> None:
    found = compare(
        spec(text="a", labels={"a": "1", "b": "2"}, entries=[entry("x", size=1)]),
        spec(text="b", labels={"a": "1"}, entries=[entry("x", size=1), entry("y")]),
        NODE,
    )
    assert found.modified == owned("text")
    assert found.removed == owned("labels/b")
    assert found.added.document() == {
        "f:spec": {"f:entries": {'k:{"name":"y"}': {".": {}, "f:name": {}}}}
    }


def test_entries_that_stand_twice_are_compared_together() -> None:
    found = compare(spec(set=["a", "a"]), spec(set=["a"]), NODE)
    assert found.modified.document() == {"f:spec": {"f:set": {'v:"a"': {}}}}


def test_an_update_takes_fields_from_others_without_asking() -> None:
    before = {"applier": owned("text", "labels/a")}
    others, own = updated(KIND, spec(text="a", labels={"a": "1"}), spec(text="b"), before)
    assert own == owned("text")
    assert others == {}


def test_what_nobody_applies_any_more_goes_and_what_others_own_stays() -> None:
    live, managers = applied(
        KIND, {}, spec(text="a", labels={"a": "1", "b": "2"}), {}, "one", force=False
    )
    live, managers = applied(KIND, live, spec(labels={"b": "2"}), managers, "two", force=False)
    live, managers = applied(KIND, live, spec(labels={"a": "1"}), managers, "one", force=False)
    assert live == spec(labels={"a": "1", "b": "2"})
    assert managers == {"one": owned("labels/a"), "two": owned("labels/b")}
    live, managers = applied(KIND, live, {}, managers, "two", force=False)
    assert live == spec(labels={"a": "1"})
    assert managers == {"one": owned("labels/a")}


def test_an_entry_of_a_list_goes_with_its_last_owner() -> None:
    live, managers = applied(
        KIND, {}, spec(entries=[entry("x", size=1), entry("y")]), {}, "one", force=False
    )
    live, managers = applied(KIND, live, spec(entries=[entry("y")]), managers, "one", force=False)
    assert live == spec(entries=[entry("y")])


def test_what_updaters_own_is_kept_when_an_applier_drops_it() -> None:
    live, managers = applied(KIND, {}, spec(labels={"a": "1"}), {}, "one", force=False)
    changed = spec(labels={"a": "1", "b": "2"})
    managers, own = updated(KIND, live, changed, managers)
    everybody = dict(managers) | {"updater": own}
    live, _ = applied(KIND, changed, {}, everybody, "one", force=False)
    assert live == spec(labels={"b": "2"})


def test_conflicts_are_told_and_force_takes_over() -> None:
    live, managers = applied(KIND, {}, spec(text="a", flag=True), {}, "one", force=False)
    config = spec(text="b", flag=True)
    with pytest.raises(Conflicts) as caught:
        applied(KIND, live, config, managers, "two", force=False)
    assert caught.value.pairs() == [("one", ("f:spec", "f:text"))]
    live, managers = applied(KIND, live, config, managers, "two", force=True)
    assert live == config
    assert managers == {"one": owned("flag"), "two": owned("text", "flag")}


def test_a_write_owns_nothing_of_what_it_does_not_reach() -> None:
    kind = Kind(NODE, owned("labels"))
    _, own = updated(kind, {"spec": {}}, spec(text="a", labels={"a": "1"}), {})
    assert own == owned("text")
    _, managers = applied(kind, {"spec": {}}, spec(labels={"a": "1"}), {}, "one", force=False)
    assert managers == {}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (spec(other=1), ".spec.other: field not declared in schema"),
        (spec(text=1), ".spec.text: expected string, got &value.valueUnstructured{Value:1}"),
        (spec(flag="yes"), ".spec.flag: expected boolean, got &{yes}"),
        (spec(labels=[1]), ".spec.labels: expected map, got &{[1]}"),
        (spec(set={"a": 1}), ".spec.set: expected list, got &{map[a:1]}"),
        (
            spec(entries=[entry("x", size="1")]),
            '.spec.entries[name="x"].size: expected numeric (int or float), got string',
        ),
        (spec(set=["a", "a"]), '.spec.set: duplicate entries for key [="a"]'),
        (
            spec(entries=[{"size": 1}]),
            (
                ".spec.entries: element 0: associative list with keys has an element that omits key "
                'field "name" (and doesn\'t have default value)'
            ),
        ),
        (
            spec(text=1, flag=1),
            (
                "errors:\n  .spec.text: expected string, got &value.valueUnstructured{Value:1}\n"
                "  .spec.flag: expected boolean, got &{1}"
            ),
        ),
        (spec(text=None, labels=None, any=[{}]), ""),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_kubernetes(
    config: dict[str, Any], why: str
) -> None:
    assert refusal(config, NODE) == why


@pytest.mark.parametrize("bad", [None, [], {}])
def test_entries_of_sets_are_scalars(bad: object) -> None:
    with pytest.raises(Untyped):
        fields_of(spec(set=[bad]), NODE)


TEXTS = st.sampled_from(["a", "b", "c"])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "whole": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "list": st.lists(TEXTS, max_size=3),
        "set": st.lists(TEXTS, max_size=3, unique=True),
        "entries": st.lists(
            st.fixed_dictionaries({"name": TEXTS, "size": st.integers(1, 2)}),
            max_size=3,
            unique_by=str,
        ),
        "any": st.dictionaries(TEXTS, st.integers(1, 2), max_size=2),
    },
)
OBJECTS = st.fixed_dictionaries({}, optional={"spec": SPECS})


@given(OBJECTS, OBJECTS)
def test_merging_again_changes_nothing(live: dict[str, Any], config: dict[str, Any]) -> None:
    once = merged(live, config, NODE)
    assert merged(once, config, NODE) == once
    assert merged(live, {}, NODE) == live


@given(OBJECTS, OBJECTS)
def test_objects_differ_exactly_where_their_comparison_says_so(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    there, back = compare(old, new, NODE), compare(new, old, NODE)
    assert (there.added, there.modified) == (back.removed, back.modified)
    assert compare(old, old, NODE).added == EMPTY
    if not (there.added or there.modified or there.removed):
        for one, other in ((old, new), (new, old)):
            assert fields_of(one, NODE) == fields_of(other, NODE)


def bare(value: Any) -> Any:
    """Without nulls, which is what a pruned field leaves until defaults are filled in."""
    if isinstance(value, dict):
        return {name: bare(entry) for name, entry in value.items() if entry is not None}
    return value


@given(OBJECTS, OBJECTS, OBJECTS)
def test_a_forced_apply_gives_what_it_asks_for_and_a_second_one_changes_nothing(
    live: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    now, managers = applied(KIND, live, first, {}, "one", force=True)
    now, managers = applied(KIND, bare(now), second, managers, "one", force=True)
    assert managers.get("one", EMPTY) == fields_of(second, NODE)
    now = merged(bare(now), second, NODE)
    assert applied(KIND, now, second, managers, "one", force=False) == (now, managers)
