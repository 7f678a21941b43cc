from datetime import UTC, datetime
from typing import Any

from kthena_sandbox.controllers.replicaset_plan import surplus
from kthena_sandbox.kinds import Document

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _pod(uid: str, *, since: str = "2026-01-02T03:00:00Z", cost: str = "", **more: Any) -> Document:
    annotations = {"controller.kubernetes.io/pod-deletion-cost": cost} if cost else {}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": since}
    status = {"phase": "Running", "conditions": [ready]} | more.pop("status", {})
    metadata = {"uid": uid, "creationTimestamp": "2026-01-02T03:00:00Z", "annotations": annotations}
    return {"metadata": metadata | more, "spec": {"nodeName": uid}, "status": status}


def _gone(*pods: Document, related: tuple[Document, ...] = ()) -> list[str]:
    return [pod["metadata"]["uid"] for pod in surplus(pods, len(pods) - 1, [*pods, *related], NOW)]


def test_pods_that_do_not_serve_go_first() -> None:
    unplaced = _pod("unplaced") | {"spec": {}}
    pending, unready = _pod("pending", status={"phase": "Pending"}), _pod("unready")
    unready["status"]["conditions"][0]["status"] = "False"
    assert _gone(_pod("a"), unready, pending, unplaced) == ["unplaced", "pending", "unready"]


def test_then_the_cheap_and_those_that_are_many_on_a_node() -> None:
    assert _gone(_pod("a"), _pod("b", cost="-1"), _pod("c", cost="5")) == ["b", "a"]
    crowd = _pod("of another set") | {"spec": {"nodeName": "b"}}
    assert _gone(_pod("a"), _pod("b"), related=(crowd,)) == ["b"]


def test_then_those_of_a_smaller_magnitude_of_age() -> None:
    young, old = _pod("a", since="2026-01-02T03:04:04Z"), _pod("b")
    assert _gone(old, young) == ["a"]
    about = _pod("a", since="2026-01-02T03:00:01Z")
    restarted = _pod("c", status={"containerStatuses": [{"restartCount": 3}]})
    restarted["status"]["conditions"] = old["status"]["conditions"]
    assert _gone(about, restarted) == ["c"]
    assert _gone(_pod("b"), _pod("a")) == ["a"]
    late = _pod("z", creationTimestamp="2026-01-02T03:04:00Z")
    assert _gone(_pod("a"), late) == ["z"]
