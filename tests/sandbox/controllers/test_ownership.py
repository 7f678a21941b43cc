from typing import Any

import pytest

from kthena_sandbox.controllers.ownership import adopted, claim, released, selects


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchLabels": {"app": "a", "tier": "x"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any] | None, matches: bool) -> None:
    assert selects(selector, {"app": "a"}) is matches


def _object(name: str, app: str, owner: str = "", **metadata: Any) -> dict[str, Any]:
    references = [{"uid": owner, "controller": True}] if owner else []
    given = {"name": name, "namespace": "default", "uid": name, "labels": {"app": app},
             "ownerReferences": references}  # fmt: skip
    return {"metadata": given | metadata}


def test_an_owner_claims_what_it_selects() -> None:
    owner = {
        "kind": "ReplicaSet",
        "metadata": {"name": "o", "namespace": "default", "uid": "o"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}},
    }
    claims = claim(
        owner,
        [
            _object("mine", "a", "o"),
            _object("strayed", "b", "o"),
            _object("orphan", "a"),
            _object("taken", "a", "other"),
            _object("leaving", "a", deletionTimestamp="now"),
            _object("elsewhere", "a", namespace="team"),
        ],
    )
    names = [[entry["metadata"]["name"] for entry in group]
             for group in (claims.owned, claims.adopt, claims.release)]  # fmt: skip
    assert names == [["mine"], ["orphan"], ["strayed"]]


def test_an_owner_that_is_leaving_neither_takes_nor_lets_go() -> None:
    owner = {
        "kind": "ReplicaSet",
        "metadata": {"namespace": "default", "uid": "o", "deletionTimestamp": "now"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}},
    }
    claims = claim(owner, [_object("strayed", "b", "o"), _object("orphan", "a")])
    assert (claims.owned, claims.adopt, claims.release) == ((), (), ())


def test_what_is_adopted_may_be_held_and_is_let_go_with_it() -> None:
    owner = _object("owner", "a") | {"apiVersion": "batch/v1", "kind": "Job"}
    pod = _object("pod", "a", finalizers=["other"], resourceVersion="7")
    held = adopted(pod, owner, "tracking")["metadata"]
    assert held["finalizers"] == ["other", "tracking"]
    assert [one["uid"] for one in held["ownerReferences"]] == ["owner"]
    assert "finalizers" not in adopted(pod, owner)["metadata"]
    mine = _object("pod", "b", "owner", finalizers=["tracking"], resourceVersion="7")
    free = released(mine, "owner", "tracking")["metadata"]
    assert (free["finalizers"], free["ownerReferences"]) == ([], [])
