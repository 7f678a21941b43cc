from datetime import UTC, datetime, timedelta
from typing import Any

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.controllers.replicaset_plan import status_of as set_status_of
from kthena_sandbox.controllers.rollout_status import looks_again_in, status_of
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
    assert looks_again_in(deployment, status) == 61


def test_a_complete_one_says_so_and_is_written_once() -> None:
    deployment, current = _deployment(), _set(2, 2)
    status = status_of(deployment, current, [current], NOW)
    assert _progress(deployment, status) == ("True", "NewReplicaSetAvailable")
    later = NOW + timedelta(hours=1)
    assert status_of(_deployment(status), current, [current], later) == status
    assert looks_again_in(deployment, status) is None


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


def test_a_paused_one_says_so() -> None:
    deployment = _deployment(paused=True)
    status = status_of(deployment, None, [], NOW)
    assert _progress(deployment, status) == ("Unknown", "DeploymentPaused")


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
