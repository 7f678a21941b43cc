import itertools
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from kthena_router.api.kinds import NAMESPACE, POD
from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.published import Published
from kthena_router.kube.tables import ObjectTable, Tables, read_entry, read_key


def raw(body: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(body))


def pod(name: str, version: int = 1, **fields: Any) -> msgspec.Raw:
    meta = {"name": name, "namespace": "default", "resourceVersion": str(version)}
    return raw({"metadata": meta, **fields})


def broken(name: str) -> msgspec.Raw:
    return pod(name, status={"podIP": 7})


def make_table() -> ObjectTable:
    return ObjectTable(POD, Published(object()))


def put(table: ObjectTable, *items: msgspec.Raw) -> None:
    for item in items:
        table.upsert(read_entry(POD, item))


def replace(table: ObjectTable, items: Iterable[msgspec.Raw]) -> None:
    table.replace([read_entry(POD, item) for item in items])


def names(table: ObjectTable) -> list[str]:
    return sorted(key.name for key in table.objects)


def test_null_is_as_good_as_nothing() -> None:
    table = make_table()
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": None, "message": None}
    status = {"podIP": "127.0.0.1", "conditions": [ready], "phase": "Running", "reason": None}
    put(table, pod("p", status=status, spec=None))
    (found,) = table.objects.values()
    assert ("127.0.0.1", True, {}) == (found.status.pod_ip, found.is_ready, table.undecodable)


def test_list_replaces_all_that_was_known() -> None:
    table = make_table()
    put(table, pod("a"), broken("b"))
    replace(table, [pod("c")])

    assert ["c"] == names(table)
    assert {} == table.undecodable


def test_unreadable_object_is_reported_once_and_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = make_table()
    replace(table, [pod("a"), broken("b")])
    put(table, broken("b"))
    replace(table, [pod("a"), broken("b")])

    assert ["a"] == names(table)
    assert [ObjectKey("default", "b")] == list(table.undecodable)
    assert [
        "Pod default/b cannot be read and is left out: Expected `str`, got `int` - at `$.status.podIP`"
    ] == caplog.messages


def test_version_before_an_unreadable_one_is_not_kept() -> None:
    table = make_table()
    put(table, pod("a"), broken("a"))

    assert [] == names(table)


def test_object_that_can_be_read_again_is_back() -> None:
    table = make_table()
    put(table, broken("a"), pod("a"))

    assert (["a"], {}) == (names(table), table.undecodable)


def test_unreadable_object_can_be_deleted() -> None:
    table = make_table()
    put(table, broken("a"))
    table.delete(read_key(broken("a")))

    assert {} == table.undecodable


def test_object_without_a_readable_name_harms_nobody() -> None:
    table = make_table()
    put(table, pod("a"), raw({"metadata": "?"}), raw([]), raw({"metadata": {"name": 1}}))

    assert ["a"] == names(table)


def test_kind_that_is_not_served_counts_as_listed_and_empty() -> None:
    table = make_table()
    put(table, pod("a"))
    table.missing()

    assert (True, False, []) == (table.listed, table.served, names(table))


def test_kind_that_stays_away_is_no_news() -> None:
    changes: Published[object] = Published(object())
    table = ObjectTable(POD, changes)
    table.missing()
    seen = changes.value
    table.missing()

    assert seen is changes.value


def test_tables_are_listed_when_every_kind_is() -> None:
    tables = Tables((POD, NAMESPACE))
    tables.by_kind[POD].replace([])
    assert not tables.listed

    tables.by_kind[NAMESPACE].missing()
    assert tables.listed


def test_objects_do_not_change_afterwards() -> None:
    tables = Tables((POD,))
    put(tables.by_kind[POD], pod("a"), broken("b"))
    objects = tables.objects()
    put(tables.by_kind[POD], pod("c"))

    assert [ObjectKey("default", "a")] == list(objects.pods)
    assert [("pods", ObjectKey("default", "b"))] == list(objects.undecodable)
    assert {} == objects.gateways


Change = tuple[str, str]  # what happens, and to whom
histories = st.lists(
    st.tuples(st.sampled_from(["put", "break", "delete"]), st.sampled_from("abc")), max_size=12
)


def play(table: ObjectTable, history: Iterable[tuple[int, Change]]) -> None:
    for version, (what, name) in history:
        match what:
            case "put":
                put(table, pod(name, version))
            case "break":
                put(table, broken(name))
            case "delete":
                table.delete(ObjectKey("default", name))


@given(histories, st.randoms(use_true_random=False))
def test_order_between_objects_does_not_matter(history: list[Change], random: Any) -> None:
    numbered = list(enumerate(history))
    queues = [[one for one in numbered if one[1][1] == name] for name in "abc"]
    shuffled = []
    while any(queues):
        shuffled.append(random.choice([queue for queue in queues if queue]).pop(0))
    in_order, otherwise = make_table(), make_table()

    play(in_order, numbered)
    play(otherwise, shuffled)

    assert in_order.objects == otherwise.objects
    assert in_order.undecodable == otherwise.undecodable


@given(histories, st.integers(0, 12))
def test_listing_at_any_point_leads_to_the_same(history: list[Change], point: int) -> None:
    numbered = list(enumerate(history))
    live: dict[str, msgspec.Raw] = {}
    for version, (what, name) in numbered[:point]:
        live.pop(name, None)
        if what != "delete":
            live[name] = pod(name, version) if what == "put" else broken(name)
    watched, listed = make_table(), make_table()
    put(listed, pod("stale"))

    play(watched, numbered)
    replace(listed, live.values())
    play(listed, itertools.islice(numbered, point, None))

    assert watched.objects == listed.objects
    assert watched.undecodable == listed.undecodable
