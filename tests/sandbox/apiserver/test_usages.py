"""What quotas' objects use, kept up to date, is what counting them all would find."""

from typing import Any

from hypothesis import given, strategies as some

from kthena_sandbox.apiserver.storage import CollectionKey, Key, Store
from kthena_sandbox.apiserver.usages import Usages
from kthena_sandbox.schema.quotausage import concerns, total

PODS = CollectionKey("", "pods")
PLACE = ("", "pods")
QUOTA: dict[str, Any] = {"metadata": {"uid": "u", "name": "q", "namespace": "a"}, "spec": {}}
LONG = QUOTA | {"spec": {"scopes": ["NotTerminating"]}}


def pod(cpu: int, phase: str = "Running", deadline: int | None = None) -> dict[str, Any]:
    requests = {"cpu": str(cpu)} if cpu else {}
    ends = {} if deadline is None else {"activeDeadlineSeconds": deadline}
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "resources": {"requests": requests}}]} | ends,
        "status": {"phase": phase},
    }


def shown(amounts: Any) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items() if amount.value}


writes = some.tuples(
    some.sampled_from([Key("a", "x"), Key("a", "y"), Key("b", "x")]),
    some.one_of(
        some.none(),
        some.builds(
            pod,
            some.integers(0, 3),
            some.sampled_from(["Running", "Failed"]),
            some.sampled_from([None, 5]),
        ),
    ),
    some.booleans(),
)


@given(some.lists(writes, max_size=20), some.sampled_from([QUOTA, LONG]))
def test_it_is_the_sum_of_all(made: list[Any], quota: dict[str, Any]) -> None:
    store, usages = Store(history=5), Usages()
    collection = store.collection(PODS)
    for key, document, asked in made:
        if document is not None:
            store.put(PODS, key, document | {"metadata": {"name": key.name}})
        elif key in collection.documents:
            store.delete(PODS, key)
        if asked:
            every = [
                one
                for at, one in collection.documents.items()
                if at.namespace == "a" and concerns(quota, PLACE, one)
            ]
            assert shown(usages.used(collection, quota, PLACE)) == shown(total(PLACE, every))


def test_other_scopes_are_counted_anew() -> None:
    store, usages = Store(), Usages()
    collection = store.collection(PODS)
    store.put(PODS, Key("a", "x"), pod(1))
    store.put(PODS, Key("a", "y"), pod(2, deadline=5))
    assert str(usages.used(collection, QUOTA, PLACE)["requests.cpu"]) == "3"
    assert str(usages.used(collection, LONG, PLACE)["requests.cpu"]) == "1"


def test_what_is_used_again_is_written_as_it_comes() -> None:
    store, usages = Store(), Usages()
    collection = store.collection(PODS)
    for size in ("1Gi", "1G"):
        container = {"name": "c", "resources": {"requests": {"memory": size}}}
        store.put(PODS, Key("a", "x"), {"metadata": {}, "spec": {"containers": [container]}})
        assert str(usages.used(collection, QUOTA, PLACE)["requests.memory"]) == size
        store.delete(PODS, Key("a", "x"))
        assert "requests.memory" not in usages.used(collection, QUOTA, PLACE)
