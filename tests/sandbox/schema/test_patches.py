import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema.patches import PatchError, followed, json_patch, merge_patch

KEYS = st.sampled_from(["a", "b", "c/d", "e~f"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(min_value=2)
    | st.text(max_size=3),  # no 0, 1, False, True: equal in Python, not in JSON
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


def difference(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    changed = {
        key: difference(old.get(key), value) for key, value in new.items() if old.get(key) != value
    }
    return changed | {key: None for key in old if key not in new}


@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_patch_of_the_difference_leads_there(old: Any, new: Any) -> None:
    before = deepcopy(old)
    assert merge_patch(old, difference(old, new)) == new
    assert merge_patch(old, {}) == old
    assert old == before


def test_the_examples_of_rfc_7386() -> None:
    assert merge_patch({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merge_patch({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merge_patch({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
    assert merge_patch(["a"], {"b": 1}) == {"b": 1}


@given(DOCUMENTS, DOCUMENTS)
def test_a_json_patch_can_rebuild_any_document(old: Any, new: Any) -> None:
    def pointer(key: str) -> str:
        return "/" + key.replace("~", "~0").replace("/", "~1")

    operations: list[Any] = [{"op": "remove", "path": pointer(key)} for key in old]
    operations += [{"op": "add", "path": pointer(key), "value": new[key]} for key in new]
    operations += [{"op": "test", "path": pointer(key), "value": new[key]} for key in new]
    before = deepcopy(old)
    assert json_patch(old, operations) == new
    assert old == before


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": {"b": 1}}, [{"op": "replace", "path": "/a/b", "value": None}], {"a": {"b": None}}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}], {"b": 1}),
        ({"a": {}}, [{"op": "replace", "path": "/a/b", "value": 1}], {"a": {"b": 1}}),
        ({"a": 1}, [{"op": "test", "path": "/b", "value": None}], {"a": 1}),
        ({"m": {"a/b": 1, "c~d": 2}}, [{"op": "remove", "path": "/m/a~1b"},
                                       {"op": "remove", "path": "/m/c~0d"}], {"m": {}}),
    ],
)  # fmt: skip
def test_json_patch_operations(document: Any, operations: list[Any], expected: Any) -> None:
    assert json_patch(document, operations) == expected


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "test", "path": "/a", "value": True}, "testing value /a failed: test failed"),
        ({"op": "remove", "path": "/b"},
         "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value"),
        ({"op": "replace", "path": "/b/c", "value": 1},
         'replace operation does not apply: doc is missing path: "/b/c": missing value'),
        ({"op": "replace", "path": "/l/7", "value": 1}, "Unable to access invalid index: 7"),
        ({"op": "add", "path": "/b/c", "value": 1},
         'add operation does not apply: doc is missing path: "/b/c": missing value'),
        ({"op": "add", "path": "/l/7", "value": 1}, "Unable to access invalid index: 7"),
        ({"op": "add", "path": "/l/01", "value": 1}, "Unable to access invalid index: 01"),
        ({"op": "add", "path": "/b"}, "add operation needs a value"),
        ({"op": "move", "from": "/l", "path": "/l/x"}, "a value cannot be moved into itself"),
        ({"op": "merge", "path": "/a"}, "Unexpected kind: merge"),
        ({"op": "add", "path": "a", "value": 1}, "path of an operation must be a JSON pointer"),
        ("x", "a JSON patch is a list of operations, each an object"),
    ],
)  # fmt: skip
def test_json_patches_that_do_not_apply(operation: Any, message: str) -> None:
    with pytest.raises(PatchError, match=f"^{re.escape(message)}$"):
        json_patch({"a": 1, "l": []}, [operation])


def test_what_stands_in_two_places_is_patched_in_one() -> None:
    shared = {"x": "1"}
    operation = {"op": "add", "path": "/a/x", "value": "2"}
    patched = {"a": {"x": "2"}, "b": {"x": "1"}}
    assert json_patch({"a": shared, "b": shared}, [operation]) == patched


def test_directives_that_were_followed_are_not_quoted() -> None:
    patch = {"a": {"$patch": "replace", "b": 1}, "c": {"$patch": "replace"}, "d": {"$patch": "odd"}}
    assert followed(patch, {"a": {"b": 1}, "d": {}}) == {
        "a": {"b": 1}, "c": {"$patch": "replace"}, "d": {"$patch": "odd"},
    }  # fmt: skip
