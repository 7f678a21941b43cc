from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.patches import PatchError, strategic_merge

POD = next(kind for kind in BUILTIN if kind.kind == "Pod").schema
DEPLOYMENT = next(kind for kind in BUILTIN if kind.kind == "Deployment").schema
Document = dict[str, Any]


def containers(*entries: Document) -> Document:
    return {"spec": {"containers": list(entries)}}


def merged(document: Document, patch: Document) -> Document:
    before = deepcopy((document, patch))
    result = strategic_merge(document, patch, POD)
    assert (document, patch) == before
    return result


A, B, C = ({"name": name, "image": name} for name in "abc")


def test_entries_of_lists_are_found_by_their_key() -> None:
    patch = containers({"name": "b", "image": "new"})
    assert merged(containers(A, B), patch) == containers(A, {"name": "b", "image": "new"})


def test_new_entries_come_first_and_keep_their_order() -> None:
    assert merged(containers(A), containers(B, C)) == containers(B, C, A)


def test_an_entry_of_the_server_stays_before_its_neighbour() -> None:
    patch = containers({"name": "c", "image": "new"})
    assert merged(containers(A, B, C), patch) == containers(A, B, {"name": "c", "image": "new"})


def test_entries_are_deleted_by_directive() -> None:
    assert merged(containers(A, B), containers({"name": "a", "$patch": "delete"})) == containers(B)
    assert merged(containers(A), containers({"name": "x", "$patch": "delete"})) == containers(A)


def test_lists_are_replaced_by_directive_or_for_want_of_a_strategy() -> None:
    assert merged(containers(A, B), containers({"$patch": "replace"}, C)) == containers(C)
    command = containers({"name": "a", "command": ["x"]})
    old = containers({"name": "a", "command": ["y", "z"]})
    assert merged(old, command) == command


def test_maps_merge_and_null_removes() -> None:
    old = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}}
    assert merged(old, patch) == {"metadata": {"labels": {"b": "2", "c": "3"}}}


def test_maps_are_replaced_or_emptied_by_directive() -> None:
    old = {"metadata": {"labels": {"a": "1"}}}
    replaced = {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}
    assert merged(old, replaced) == {"metadata": {"labels": {"b": "2"}}}
    assert merged(old, {"metadata": {"labels": {"$patch": "delete"}}}) == {
        "metadata": {"labels": {}}
    }


def test_only_retained_keys_stay() -> None:
    old = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(old, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    fresh = strategic_merge({"spec": {}}, patch, DEPLOYMENT)
    assert fresh == {"spec": {"strategy": {"type": "Recreate"}}}


def test_scalars_are_added_and_deleted() -> None:
    old = {"metadata": {"finalizers": ["a", "b"]}}
    assert merged(old, {"metadata": {"finalizers": ["b", "c"]}}) == {
        "metadata": {"finalizers": ["a", "b", "c"]}
    }
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert merged(old, gone) == {"metadata": {"finalizers": ["b"]}}


def test_the_order_of_elements_is_set() -> None:
    patch = {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
                      "containers": [{"name": "c", "image": "new"}]}}  # fmt: skip
    result = merged(containers(A, B, C), patch)
    assert [entry["name"] for entry in result["spec"]["containers"]] == ["b", "c", "a"]
    only = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert merged(containers(A, B), only) == containers(B, A)


def test_nested_lists_have_keys_of_their_own() -> None:
    old = containers({"name": "a", "env": [{"name": "X", "value": "1"}], "ports": [
        {"containerPort": 80, "protocol": "TCP"}]})  # fmt: skip
    patch = containers({"name": "a", "env": [{"name": "X", "value": "2"}], "ports": [
        {"containerPort": 80, "name": "http"}]})  # fmt: skip
    assert merged(old, patch) == containers({
        "name": "a", "env": [{"name": "X", "value": "2"}],
        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]})  # fmt: skip


def test_a_new_value_comes_without_directives_and_nulls() -> None:
    patch = {"spec": {"containers": [{"name": "a", "image": None, "$patch": "delete"},
                                     {"name": "b", "image": None}]}}  # fmt: skip
    assert merged({}, patch) == containers({"name": "b"})


def test_without_a_schema_lists_are_replaced() -> None:
    assert strategic_merge({"a": [1], "m": {"x": 1}}, {"a": [2], "m": {"y": 2}}, None) == {
        "a": [2], "m": {"x": 1, "y": 2},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (containers({"image": "x"}), "does not contain declared merge key: name"),
        (containers({"name": "a", "$patch": "merge"}), "unknown patch type: merge in map"),
        ({"spec": {"$patch": "x"}}, "unknown patch type: x in map"),
        ({"spec": {"$retainKeys": ["a"], "b": 1}}, "invalid patch format of retainKeys"),
        ({"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]}},
         "doesn't match $setElementOrder list"),
        ({"spec": {"$deleteFromPrimitiveList/x": 1}}, "invalid patch format of primitive list"),
    ],
)  # fmt: skip
def test_directives_that_cannot_be_followed(patch: Document, message: str) -> None:
    with pytest.raises(PatchError) as caught:
        merged(containers(A, B), patch)
    assert message in str(caught.value)


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@given(NAMES, NAMES)
def test_a_patch_with_an_order_leads_to_that_order(old: list[str], new: list[str]) -> None:
    document = containers(*({"name": name, "image": name} for name in old))
    patch = {"spec": {
        "$setElementOrder/containers": [{"name": name} for name in new],
        "containers": [{"name": name, "image": name} for name in new if name not in old]
        + [{"name": name, "$patch": "delete"} for name in old if name not in new],
    }}  # fmt: skip
    result = strategic_merge(document, patch, POD)
    assert [entry["name"] for entry in result["spec"]["containers"]] == new


@given(NAMES)
def test_an_object_patched_with_itself_stays(names: list[str]) -> None:
    document = containers(*({"name": name, "image": name} for name in names))
    assert strategic_merge(document, document, POD) == document
