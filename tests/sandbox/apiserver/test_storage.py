import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from kthena_sandbox.apiserver.storage import (
    Change,
    CollectionKey,
    Document,
    Expired,
    Key,
    Store,
)

MAPS = CollectionKey("", "configmaps")
PODS = CollectionKey("", "pods")
A, B = Key("default", "a"), Key("default", "b")


def _document(name: str, value: int = 0) -> Document:
    return {"metadata": {"name": name, "namespace": "default"}, "value": value}


def test_every_write_of_any_kind_raises_the_one_revision() -> None:
    store = Store()
    assert store.put(MAPS, A, _document("a"))["metadata"]["resourceVersion"] == "2"
    assert store.put(PODS, A, _document("a"))["metadata"]["resourceVersion"] == "3"
    assert store.delete(MAPS, A)["metadata"]["resourceVersion"] == "4"
    assert store.revision == 4


def test_changes_tell_before_and_after() -> None:
    store = Store()
    first = store.put(MAPS, A, _document("a", 1))
    second = store.put(MAPS, A, _document("a", 2))
    last = store.delete(MAPS, A)
    maps = store.collection(MAPS)
    assert maps.since(maps.position(1), 10)[0] == [
        Change(2, A, None, first, first),
        Change(3, A, first, second, second),
        Change(4, A, second, None, last),
    ]


def test_position_skips_what_the_watcher_has_seen() -> None:
    store = Store()
    for value in range(3):
        store.put(MAPS, A, _document("a", value))
    maps = store.collection(MAPS)
    assert [change.revision for change in maps.since(maps.position(3), 10)[0]] == [4]
    assert maps.since(maps.position(99), 10) == ([], 3)


def test_history_is_bounded_for_each_kind_alone() -> None:
    store = Store(history=2)
    store.put(PODS, A, _document("a"))
    for value in range(3):
        store.put(MAPS, A, _document("a", value))
    with pytest.raises(Expired):
        store.collection(MAPS).position(2)
    assert len(store.collection(PODS).since(store.collection(PODS).position(1), 10)[0]) == 1


def test_a_watcher_that_falls_behind_the_history_is_told() -> None:
    store = Store(history=2)
    maps = store.collection(MAPS)
    place = maps.position(1)
    for value in range(3):
        store.put(MAPS, A, _document("a", value))
    with pytest.raises(Expired):
        maps.since(place, 10)


def test_who_follows_a_namespace_misses_nothing_when_others_are_busy() -> None:
    store = Store(history=3)
    maps = store.collection(MAPS)
    place = maps.position(1)
    other = Key("other", "a")
    for value in range(5):
        store.put(MAPS, other, {"metadata": {"name": "a", "namespace": "other"}, "value": value})
    store.put(MAPS, A, _document("a"))
    changes, reached = maps.since(place, 10, "default")
    assert ([change.revision for change in changes], reached) == ([7], 6)
    with pytest.raises(Expired):
        maps.since(place, 10, "other")
    for value in range(3):
        store.put(MAPS, other, {"metadata": {"name": "a", "namespace": "other"}, "value": value})
    assert maps.since(reached, 10, "default") == ([], 9)
    with pytest.raises(Expired):
        maps.since(place, 10, "default")


async def test_watchers_are_woken_by_their_namespace() -> None:
    store = Store()
    maps = store.collection(MAPS)
    woken: list[str] = []

    async def wait(namespace: str) -> None:
        await maps.wait_changed(namespace)
        woken.append(namespace)

    async with trio.open_nursery() as nursery:
        for namespace in ("", "default", "other"):
            nursery.start_soon(wait, namespace)
        await trio.testing.wait_all_tasks_blocked()
        store.put(MAPS, A, _document("a"))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(woken) == ["", "default"]
        store.compact()


def test_compaction_forgets_the_past_and_not_the_present() -> None:
    store = Store()
    store.put(MAPS, A, _document("a"))
    assert store.compact() == 2
    with pytest.raises(Expired):
        store.collection(MAPS).position(1)
    assert store.collection(MAPS).since(store.collection(MAPS).position(2), 10) == ([], 1)
    assert store.get(MAPS, A) is not None


def test_the_state_at_an_earlier_revision_can_be_seen() -> None:
    store = Store()
    first = store.put(MAPS, A, _document("a", 1))
    other = store.put(MAPS, B, _document("b"))
    store.put(MAPS, A, _document("a", 2))
    store.delete(MAPS, B)
    maps = store.collection(MAPS)
    assert maps.at(1) == {}
    assert maps.at(2) == {A: first}
    assert maps.at(3) == {A: first, B: other}


@given(
    writes=st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from([None, 1, 2])), max_size=30),
    start=st.integers(0, 30),
    history=st.integers(1, 40),
)
def test_a_list_and_the_changes_since_then_make_the_present(
    writes: list[tuple[Key, int | None]], start: int, history: int
) -> None:
    store = Store(history=history)
    states: dict[int, dict[Key, Document]] = {1: {}}
    maps = store.collection(MAPS)
    for key, value in writes:
        if value is not None:
            store.put(MAPS, key, _document(key.name, value))
        elif key in maps.documents:
            store.delete(MAPS, key)
        states[store.revision] = dict(maps.documents)
    revision = min(start + 1, store.revision)
    if revision < maps.compacted:
        with pytest.raises(Expired):
            maps.at(revision)
        return
    seen = maps.at(revision)
    assert seen == states[revision]
    for change in maps.since(maps.position(revision), 100)[0]:
        assert seen.get(change.key) == change.before
        if change.after is None:
            del seen[change.key]
        else:
            seen[change.key] = change.after
    assert seen == maps.documents
