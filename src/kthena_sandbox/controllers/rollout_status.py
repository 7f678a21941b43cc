"""What a Deployment's status says of its roll-out, as `kubectl rollout status` reads it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from kthena_sandbox.controllers.conditions import condition_of, parse_time
from kthena_sandbox.controllers.replicaset_plan import FAILURE
from kthena_sandbox.controllers.rollout import counted, limits, replicas_of
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
_PROGRESSING = "Progressing"
_COMPLETE = "NewReplicaSetAvailable"
_LATE = "ProgressDeadlineExceeded"
_FOR_EVER = 2**31 - 1


def counts_of(
    deployment: Document, current: Document | None, owned: Sequence[Document], now: datetime
) -> Document:
    """The status of a Deployment that is scaled, paused or leaving: its progress stays as it was told."""
    counts = _counts(current, owned)
    present = deployment.get("status") or {}
    available = _available(deployment, counts["availableReplicas"], now)
    status = {name: count for name, count in counts.items() if count}
    if collisions := present.get("collisionCount"):
        status["collisionCount"] = collisions
    return status | {
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": _with(present.get("conditions") or [], available),
    }


def status_of(
    deployment: Document, current: Document | None, owned: Sequence[Document], now: datetime
) -> Document:
    """The status to write of a Deployment that rolls out, or has."""
    status = counts_of(deployment, current, owned, now)
    conditions = _without_condition(status["conditions"], FAILURE)
    if deadline_of(deployment) is None:
        conditions = _without_condition(conditions, _PROGRESSING)
    elif told := _progress(deployment, current, status, now):
        conditions = _with(conditions, told)
    return status | {"conditions": conditions + _failures(deployment, current, owned, now)}


def _counts(current: Document | None, owned: Sequence[Document]) -> dict[str, int]:
    counts = {name: sum(counted(entry, name) for entry in owned) for name in _COUNTS}
    counts["updatedReplicas"] = counted(current, "replicas") if current is not None else 0
    missing = sum(map(replicas_of, owned)) - counts["availableReplicas"]
    return counts | {"unavailableReplicas": max(0, missing)}


def _with(conditions: Iterable[Document], new: Document) -> list[Document]:
    """With *new* at the end, unless the same is told already, in whatever words."""
    kept = list(conditions)
    old = next((entry for entry in kept if entry["type"] == new["type"]), None)
    if old is not None and old["status"] == new["status"]:
        if old["reason"] == new["reason"] and new["reason"] != "ReplicaSetUpdated":
            return kept
        new = new | {"lastTransitionTime": old["lastTransitionTime"]}
    return [*_without_condition(kept, new["type"]), new]


def _without_condition(conditions: Iterable[Document], kind: str) -> list[Document]:
    return [entry for entry in conditions if entry["type"] != kind]


def _failures(
    deployment: Document, current: Document | None, owned: Sequence[Document], now: datetime
) -> list[Document]:
    """Why pods cannot be made, as the ReplicaSet says it."""
    sets = [entry for entry in (current, *owned) if entry is not None]
    failures = filter(None, (condition_of(entry, FAILURE) for entry in sets))
    found = next(failures, None)
    if found is None:
        return []
    new = _condition(FAILURE, found["status"], found["reason"], found["message"], now)
    new |= {"lastUpdateTime": found["lastTransitionTime"]}
    old = condition_of(deployment, FAILURE)
    return _with([old] if old is not None else [], new)


def _condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Document:
    time = timestamp(now)
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": time, "lastTransitionTime": time}  # fmt: skip


def _available(deployment: Document, available: int, now: datetime) -> Document:
    _, unavailable = limits(deployment)
    enough = available >= deployment["spec"].get("replicas", 1) - unavailable
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    message = f"Deployment {'has' if enough else 'does not have'} minimum availability."
    return _condition("Available", "True" if enough else "False", reason, message, now)


def is_complete(deployment: Document, counts: Document) -> bool:
    """Whether all pods are new and available."""
    wanted = deployment["spec"].get("replicas", 1)
    names = ("updatedReplicas", "replicas", "availableReplicas")
    return all(counts.get(name, 0) == wanted for name in names)


def is_finished(deployment: Document, current: Document | None, owned: Sequence[Document]) -> bool:
    """Whether its ReplicaSets say that all pods are new and available."""
    return is_complete(deployment, _counts(current, owned))


def deadline_of(deployment: Document) -> float | None:
    """`progressDeadlineSeconds`, None where it is never."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds == _FOR_EVER else float(seconds)


def with_pause(deployment: Document, now: datetime) -> list[Document] | None:
    """The conditions once it is told that it was paused, or resumed; None where nothing is to be told."""
    old = condition_of(deployment, _PROGRESSING) or {"reason": ""}
    paused = bool(deployment["spec"].get("paused"))
    told = old["reason"] == "DeploymentPaused"
    if paused == told or old["reason"] == _LATE or deadline_of(deployment) is None:
        return None
    word = "paused" if paused else "resumed"
    reason = f"Deployment{word.capitalize()}"
    new = _condition(_PROGRESSING, "Unknown", reason, f"Deployment is {word}", now)
    return _with((deployment.get("status") or {}).get("conditions") or [], new)


def with_found(
    deployment: Document, name: str, now: datetime, *, created: bool
) -> list[Document] | None:
    """The conditions once its ReplicaSet is there; None where nothing is to be told."""
    known = condition_of(deployment, _PROGRESSING) is not None
    if deadline_of(deployment) is None or (known and not created):
        return None
    reason, word = (
        ("NewReplicaSetCreated", "Created") if created else ("FoundNewReplicaSet", "Found")
    )
    message = f'{word} new replica set "{name}"'
    new = _condition(_PROGRESSING, "True", reason, message, now)
    return _with((deployment.get("status") or {}).get("conditions") or [], new)


def _progress(
    deployment: Document, current: Document | None, status: Document, now: datetime
) -> Document | None:
    old = condition_of(deployment, _PROGRESSING)
    unmixed = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if unmixed and old is not None and old["reason"] == _COMPLETE:
        return None  # a rollout that was complete stays so, whatever becomes of its pods
    name = (current or deployment)["metadata"]["name"]
    subject = f'Deployment "{name}"' if current is None else f'ReplicaSet "{name}"'
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return _condition(_PROGRESSING, "True", _COMPLETE, message, now)
    if _has_moved(deployment, status):
        message = f"{subject} is progressing."
        return _condition(_PROGRESSING, "True", "ReplicaSetUpdated", message, now)
    if old is not None and _is_late(deployment, old, now):
        message = f"{subject} has timed out progressing."
        return _condition(_PROGRESSING, "False", _LATE, message, now)
    return None


def _has_moved(deployment: Document, counts: Document) -> bool:
    before = deployment.get("status") or {}
    grown = any(counts.get(name, 0) > before.get(name, 0) for name in _COUNTS[1:])
    older, now = (
        entry.get("replicas", 0) - entry.get("updatedReplicas", 0) for entry in (before, counts)
    )
    return bool(grown or now < older)


def _is_late(deployment: Document, progress: Document, now: datetime) -> bool:
    if progress["reason"] in {_COMPLETE, _LATE}:
        return bool(progress["reason"] == _LATE)
    waited = (now - parse_time(progress["lastUpdateTime"])).total_seconds()
    return waited > (deadline_of(deployment) or _FOR_EVER)


def looks_again_in(deployment: Document, status: Document, now: datetime) -> float | None:
    """Seconds until the progress deadline may have passed; None where nothing is awaited."""
    progress, deadline = condition_of({"status": status}, _PROGRESSING), deadline_of(deployment)
    if progress is None or deadline is None or deployment["spec"].get("paused"):
        return None
    if is_complete(deployment, status) or progress["reason"] in {_COMPLETE, _LATE}:
        return None
    waited = (now - parse_time(progress["lastUpdateTime"])).total_seconds()
    return max(0.0, deadline - waited) + 1.0
