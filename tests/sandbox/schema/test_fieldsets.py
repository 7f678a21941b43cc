"""Sets of fields: their notation, and the laws of sets."""

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema.fieldsets import (
    EMPTY,
    FieldSet,
    Malformed,
    field_set,
    read_fields,
    shown_path,
)

ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple)
SETS = st.frozensets(PATHS, max_size=8)


def paths(fields: FieldSet) -> frozenset[tuple[str, ...]]:
    return frozenset(fields.paths())


def test_fields_v1_is_read_and_written() -> None:
    document = {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}}}},
    }
    fields = read_fields(document)
    assert list(fields.paths()) == [
        ("f:metadata", "f:labels"),
        ("f:metadata", "f:labels", "f:app"),
        ("f:spec", "f:containers", 'k:{"name":"main"}'),
        ("f:spec", "f:containers", 'k:{"name":"main"}', "f:image"),
    ]
    assert fields.document() == document


@pytest.mark.parametrize("document", [[], {"spec": {}}, {"x:a": {}}, {"f:a": 1}])
def test_what_is_no_fields_v1_is_refused(document: object) -> None:
    with pytest.raises(Malformed):
        read_fields(document)


def test_a_path_is_shown_as_in_messages() -> None:
    path = ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:set", 'v:"x"', "i:0")
    assert shown_path(path) == '.spec.ports[port=80,protocol="TCP"].set[="x"][0]'


@given(SETS)
def test_a_set_holds_its_paths_and_survives_writing(some: frozenset[tuple[str, ...]]) -> None:
    fields = field_set(some)
    assert paths(fields) == some
    assert read_fields(fields.document()) == fields
    assert bool(fields) is bool(some)


@given(SETS, SETS)
def test_the_algebra_is_that_of_sets(
    left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]
) -> None:
    one, other = field_set(left), field_set(right)
    assert paths(one | other) == left | right
    assert paths(one & other) == left & right
    assert paths(one - other) == left - right
    assert one | one == one
    assert one - one == EMPTY
    assert (one - other) | (one & other) == one


@given(SETS, SETS)
def test_without_leaves_out_what_lies_below_too(
    left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]
) -> None:
    kept = paths(field_set(left).without(field_set(right)))
    assert kept == {
        path for path in left if not any(path[: len(prefix)] == prefix for prefix in right)
    }
