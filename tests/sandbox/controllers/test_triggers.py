from kthena_sandbox.controllers.triggers import Triggers, triggered
from kthena_sandbox.kinds import Document, key_of

ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
SERVICE: Document = {
    "metadata": {"name": "web", "namespace": "x", "creationTimestamp": "2026-01-01T00:00:05Z"}
}


def _pod(name: str, ready: str) -> Document:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": ready}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]}}


def test_the_earliest_moment_that_is_new_counts() -> None:
    triggers = Triggers()
    assert triggers.since_last(SERVICE, []) == "2026-01-01T00:00:05Z"
    assert not triggers.since_last(SERVICE, [])
    first, second = _pod("a", "2026-01-01T00:00:08Z"), _pod("b", "2026-01-01T00:00:07Z")
    assert triggers.since_last(SERVICE, [first, second]) == "2026-01-01T00:00:07Z"
    assert not triggers.since_last(SERVICE, [first, second])
    again = _pod("a", "2026-01-01T00:00:09Z")
    assert triggers.since_last(SERVICE, [again, second]) == "2026-01-01T00:00:09Z"
    triggers.forget(key_of(SERVICE))
    assert triggers.since_last(SERVICE, [again]) == "2026-01-01T00:00:05Z"


def test_a_pod_without_the_condition_tells_nothing() -> None:
    triggers = Triggers()
    triggers.since_last(SERVICE, [])
    assert not triggers.since_last(SERVICE, [{"metadata": {"name": "a"}}])


def test_the_annotation_comes_and_goes() -> None:
    told = triggered({"name": "web", "annotations": {"x": "y"}}, "2026-01-01T00:00:05Z")
    assert told["annotations"] == {"x": "y", ANNOTATION: "2026-01-01T00:00:05Z"}
    assert triggered(told, "")["annotations"] == {"x": "y"}
    assert triggered({"name": "web"}, "") == {"name": "web"}
