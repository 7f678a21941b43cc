"""What a Deployment's status says of its roll-out, as `kubectl rollout status` reads it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from kthena_sandbox.controllers.conditions import condition_of, parse_time, with_condition
from kthena_sandbox.controllers.replicaset_plan import FAILURE
from kthena_sandbox.controllers.rollout import counted, limits
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def status_of(
    deployment: Document, current: Document | None, owned: Sequence[Document], now: datetime
) -> Document:
    """The status to write."""
    wanted = deployment["spec"].get("replicas", 1)
    counts = {name: sum(counted(entry, name) for entry in owned) for name in _COUNTS}
    counts["updatedReplicas"] = counted(current, "replicas") if current is not None else 0
    counts["unavailableReplicas"] = max(
        0, max(wanted, counts["replicas"]) - counts["availableReplicas"]
    )
    present = deployment.get("status") or {}
    conditions = with_condition(
        present.get("conditions") or [], _available(deployment, counts["availableReplicas"], now)
    )
    if progress := _progress(deployment, current, counts, now):
        conditions = with_condition(conditions, progress)
    conditions = _with_failure(conditions, current, owned, now)
    status = {name: count for name, count in counts.items() if count}
    if collisions := present.get("collisionCount"):
        status["collisionCount"] = collisions
    return status | {
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": conditions,
    }


def _with_failure(
    conditions: Iterable[Document],
    current: Document | None,
    owned: Sequence[Document],
    now: datetime,
) -> list[Document]:
    """Why pods cannot be made, as the ReplicaSet says it."""
    sets = [entry for entry in (current, *owned) if entry is not None]
    failures = filter(None, (condition_of(entry, FAILURE) for entry in sets))
    found = next(failures, None)
    if found is None:
        return [entry for entry in conditions if entry["type"] != FAILURE]
    new = _condition(FAILURE, found["status"], found["reason"], found["message"], now)
    return with_condition(conditions, new | {"lastUpdateTime": found["lastTransitionTime"]})


def _condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Document:
    time = timestamp(now)
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": time, "lastTransitionTime": time}  # fmt: skip


def _available(deployment: Document, available: int, now: datetime) -> Document:
    _, unavailable = limits(deployment)
    enough = available >= deployment["spec"].get("replicas", 1) - unavailable
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    message = f"Deployment {'has' if enough else 'does not have'} minimum availability."
    new = _condition("Available", "True" if enough else "False", reason, message, now)
    old = condition_of(deployment, "Available")
    return old if old is not None and _alike(old, new) else new


def _alike(old: Document, new: Document) -> bool:
    return all(old[name] == new[name] for name in ("status", "reason", "message"))


def is_complete(deployment: Document, counts: Document) -> bool:
    """Whether all pods are new and available."""
    wanted = deployment["spec"].get("replicas", 1)
    names = ("updatedReplicas", "replicas", "availableReplicas")
    return all(counts.get(name, 0) == wanted for name in names)


def _progress(
    deployment: Document, current: Document | None, counts: Document, now: datetime
) -> Document | None:
    old = condition_of(deployment, "Progressing")
    if deployment["spec"].get("paused"):
        new = _condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now)
        return old if old is not None and _alike(old, new) else new
    subject = "Deployment" if current is None else f'ReplicaSet "{current["metadata"]["name"]}"'
    if is_complete(deployment, counts):
        message = f"{subject} has successfully progressed."
        new = _condition("Progressing", "True", "NewReplicaSetAvailable", message, now)
        return old if old is not None and _alike(old, new) else new
    if _has_moved(deployment, counts, old):
        message = f"{subject} is progressing."
        return _condition("Progressing", "True", "ReplicaSetUpdated", message, now)
    if old is not None and _is_late(deployment, old, now):
        message = f"{subject} has timed out progressing."
        return _condition("Progressing", "False", "ProgressDeadlineExceeded", message, now)
    return old


def _has_moved(deployment: Document, counts: Document, old: Document | None) -> bool:
    before = deployment.get("status") or {}
    if old is None or old["reason"] == "NewReplicaSetAvailable":
        return True
    if before.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return True
    older = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    grown = any(counts[name] > before.get(name, 0) for name in _COUNTS[1:])
    return grown or counts["replicas"] - counts["updatedReplicas"] < older


def _is_late(deployment: Document, progress: Document, now: datetime) -> bool:
    if progress["status"] != "True":
        return False
    waited = (now - parse_time(progress["lastUpdateTime"])).total_seconds()
    return waited > float(deployment["spec"].get("progressDeadlineSeconds", 600))


def looks_again_in(deployment: Document, status: Document) -> float | None:
    """Seconds until the progress deadline may have passed; None where nothing is awaited."""
    if is_complete(deployment, status) or deployment["spec"].get("paused"):
        return None
    return float(deployment["spec"].get("progressDeadlineSeconds", 600)) + 1.0
