from datetime import UTC, datetime, timedelta
from typing import Any

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.controllers.replicaset_plan import status_of as set_status_of
from kthena_sandbox.controllers.rollout_status import (
    counts_of,
    looks_again_in,
    status_of,
    with_found,
    with_pause,
)
from kthena_sandbox.kinds import Document

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _deployment(status: Document | None = None, **spec: Any) -> Document:
    return {
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 60} | spec,
        "status": status or {},
    }


def _set(replicas: int, available: int) -> Document:
    status = {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}
    return {"metadata": {"name": "web-1"}, "spec": {"replicas": replicas}, "status": status}


def _progress(deployment: Document, status: Document) -> tuple[str, str]:
    found = condition_of(deployment | {"status": status}, "Progressing") or {}
    return found["status"], found["reason"]


def test_a_roll_out_in_progress() -> None:
    deployment, current = _deployment(), _set(2, 1)
    status = status_of(deployment, current, [current], NOW)
    assert status["updatedReplicas"] == 2
    assert status["availableReplicas"] == 1
    assert status["unavailableReplicas"] == 1
    assert status["observedGeneration"] == 2
    assert _progress(deployment, status) == ("True", "ReplicaSetUpdated")
    available = condition_of(deployment | {"status": status}, "Available") or {}
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")
    assert looks_again_in(deployment, status, NOW) == 61


def test_a_complete_one_says_so_and_is_written_once() -> None:
    deployment, current = _deployment(), _set(2, 2)
    status = status_of(deployment, current, [current], NOW)
    assert _progress(deployment, status) == ("True", "NewReplicaSetAvailable")
    later = NOW + timedelta(hours=1)
    assert status_of(_deployment(status), current, [current], later) == status
    assert looks_again_in(deployment, status, NOW) is None


def test_one_that_does_not_get_on_times_out() -> None:
    deployment, current = _deployment(), _set(2, 1)
    status = status_of(deployment, current, [current], NOW)
    for seconds, reason in ((59, "ReplicaSetUpdated"), (61, "ProgressDeadlineExceeded")):
        later = NOW + timedelta(seconds=seconds)
        assert _progress(deployment, status_of(_deployment(status), current, [current], later)) == (
            "True" if seconds == 59 else "False", reason,
        )  # fmt: skip


def test_progress_puts_the_deadline_off() -> None:
    current = _set(2, 0)
    status = status_of(_deployment(), current, [current], NOW)
    better, later = _set(2, 1), NOW + timedelta(seconds=100)
    progressed = status_of(_deployment(status), better, [better], later)
    assert _progress(_deployment(), progressed) == ("True", "ReplicaSetUpdated")


def test_a_rollout_that_is_complete_stays_so() -> None:
    current = _set(2, 2)
    status = status_of(_deployment(), current, [current], NOW)
    worse, later = _set(2, 1), NOW + timedelta(hours=1)
    after = status_of(_deployment(status), worse, [worse], later)
    assert _progress(_deployment(), after) == ("True", "NewReplicaSetAvailable")
    assert after["conditions"][-1]["reason"] == "MinimumReplicasUnavailable"


def test_pauses_are_told_once() -> None:
    current = _set(2, 1)
    before = status_of(_deployment(), current, [current], NOW)
    paused = with_pause(_deployment(before, paused=True), NOW) or []
    told = _deployment({"conditions": paused}, paused=True)
    assert _progress(told, told["status"]) == ("Unknown", "DeploymentPaused")
    assert with_pause(told, NOW) is None
    resumed = with_pause(_deployment({"conditions": paused}), NOW) or []
    told = _deployment({"conditions": resumed})
    assert _progress(told, told["status"]) == ("Unknown", "DeploymentResumed")
    assert with_pause(told, NOW) is None
    assert with_pause(_deployment(paused=True, progressDeadlineSeconds=2147483647), NOW) is None


def test_its_replica_set_is_told_when_it_is_made_or_first_found() -> None:
    made = with_found(_deployment(), "web-1", NOW, created=True) or []
    assert [(one["reason"], one["message"]) for one in made] == [
        ("NewReplicaSetCreated", 'Created new replica set "web-1"')
    ]
    found = with_found(_deployment(), "web-1", NOW, created=False) or []
    assert [(one["reason"], one["message"]) for one in found] == [
        ("FoundNewReplicaSet", 'Found new replica set "web-1"')
    ]
    assert with_found(_deployment({"conditions": made}), "web-1", NOW, created=False) is None


def test_without_a_deadline_progress_is_not_told() -> None:
    current = _set(2, 1)
    status = status_of(_deployment(progressDeadlineSeconds=None), current, [current], NOW)
    assert [one["type"] for one in status["conditions"]] == ["Available"]


def test_a_condition_that_changes_goes_to_the_end() -> None:
    current = _set(2, 1)
    status = status_of(_deployment(), current, [current], NOW)
    assert [one["type"] for one in status["conditions"]] == ["Available", "Progressing"]
    better, later = _set(2, 2), NOW + timedelta(seconds=5)
    after = status_of(_deployment(status), better, [better], later)
    assert [(one["type"], one["lastTransitionTime"]) for one in after["conditions"]] == [
        ("Available", "2026-01-02T03:04:10Z"), ("Progressing", "2026-01-02T03:04:05Z"),
    ]  # fmt: skip


def test_what_is_missing_is_counted_from_what_the_sets_want() -> None:
    status = counts_of(_deployment(), None, [_set(0, 0)], NOW)
    assert "unavailableReplicas" not in status
    assert counts_of(_deployment(), None, [_set(3, 1)], NOW)["unavailableReplicas"] == 2


def test_pods_that_cannot_be_made_are_told_upwards() -> None:
    owner = _set(1, 0)
    owner["metadata"]["generation"] = 1
    owner["spec"]["template"] = {}
    owner["status"] = set_status_of(owner, [], NOW, "pods are forbidden")
    status = status_of(_deployment(), owner, [owner], NOW)
    failure = condition_of({"status": status}, "ReplicaFailure") or {}
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
    assert failure["message"] == "pods are forbidden"
    later = NOW + timedelta(seconds=1)
    assert status_of(_deployment(status), owner, [owner], later) == status
    owner["status"] = set_status_of(owner, [], later)
    assert "conditions" not in owner["status"]
    recovered = status_of(_deployment(status), owner, [owner], later)
    assert condition_of({"status": recovered}, "ReplicaFailure") is None
