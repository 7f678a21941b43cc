"""Decides what a Job does next: which pods it makes and deletes, how it ends, and what its status says. Pure.

After "Jobs" in the Kubernetes documentation and KEP-2307 (pods are counted once, by a finalizer).
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from kthena_sandbox.controllers.conditions import (
    condition_of,
    is_true,
    parse_time,
    with_condition,
)
from kthena_sandbox.controllers.indexes import INDEX, index_of, read_indexes, write_indexes
from kthena_sandbox.controllers.job_pods import (
    TRACKING,
    has_failed,
    has_succeeded,
    is_at_work,
    is_superfluous,
    is_terminating,
    is_tracked,
    removed,
    waits_for_failure,
)
from kthena_sandbox.controllers.job_policies import success_rule
from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document, uid_of

JOB_NAME = "batch.kubernetes.io/job-name"
_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 600.0
_NO_PAUSES: Mapping[int, float] = MappingProxyType({})
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_FAILURE_POLICY = "PodFailurePolicy"
_REFUSED = {
    "FailedIndexes": "Job has failed indexes",
    "MaxFailedIndexesExceeded": "Job has exceeded the specified maximal number of failed indexes",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
    "DeadlineExceeded": "Job was active longer than specified deadline",
}


@dataclass(frozen=True)
class Tally:
    """The pods of a Job: how many have ended which way, and those that are at work."""

    succeeded: int
    failed: int
    active: tuple[Document, ...]
    terminating: int
    done: frozenset[int] = frozenset()
    given_up: frozenset[int] = frozenset()


class Aim(NamedTuple):
    """How the Job is going to end, and why."""

    fails: bool
    reason: str
    message: str


@dataclass
class Steps:
    """What to do now: pods to make (with their indexes, if they have some) and to delete, and when to look again."""

    create: list[int | None] = field(default_factory=list)
    delete: list[Document] = field(default_factory=list)
    again: float | None = None


def ended_condition(job: Document) -> Document | None:
    """The condition with which the Job has ended."""
    found = (condition_of(job, kind) for kind in ("Complete", "Failed"))
    return next((entry for entry in found if entry and entry["status"] == "True"), None)


def is_indexed(job: Document) -> bool:
    """Whether every completion has a number."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def tally(job: Document, pods: Sequence[Document]) -> Tally:
    """What has been counted so far, and who is at work."""
    status = job.get("status") or {}
    active = tuple(pod for pod in pods if is_at_work(pod))
    terminating = sum(map(is_terminating, pods))
    done = read_indexes(status.get("completedIndexes", ""))
    given_up = read_indexes(status.get("failedIndexes", "")) - done
    return Tally(
        int(status.get("succeeded", 0)),
        int(status.get("failed", 0)),
        active,
        terminating,
        done,
        given_up,
    )


def to_count(job: Document, pods: Iterable[Document]) -> tuple[list[Document], list[Document]]:
    """Pods that have ended well and badly and are not counted yet."""
    waiting = [pod for pod in pods if is_tracked(pod) and not is_superfluous(job, pod)]
    good = [pod for pod in waiting if has_succeeded(pod)]
    return good, [pod for pod in waiting if has_failed(job, pod)]


def counting(status: Document, good: Sequence[Document], bad: Sequence[Document]) -> Document:
    """The status while the finalizers of these pods are taken away: remembered, so that each counts once."""
    before = status.get("uncountedTerminatedPods") or {}
    lists = {
        "succeeded": list(dict.fromkeys([*before.get("succeeded", []), *map(uid_of, good)])),
        "failed": list(dict.fromkeys([*before.get("failed", []), *map(uid_of, bad)])),
    }
    kept = {name: uids for name, uids in lists.items() if uids}
    done = read_indexes(status.get("completedIndexes", ""))
    indexes = done | {index for pod in good if (index := index_of(pod)) is not None}
    shown = {"completedIndexes": write_indexes(indexes)} if indexes else {}
    return status | {"uncountedTerminatedPods": kept} | shown


def counted(job: Document) -> Document:
    """The status after that: the remembered ones are in the numbers. In an indexed Job each index counts once."""
    status = job.get("status") or {}
    pending = status.get("uncountedTerminatedPods") or {}
    good = int(status.get("succeeded", 0)) + len(pending.get("succeeded", []))
    if is_indexed(job):
        good = len(read_indexes(status.get("completedIndexes", "")))
    numbers = {
        "succeeded": good,
        "failed": int(status.get("failed", 0)) + len(pending.get("failed", [])),
    }
    kept = {name: value for name, value in status.items() if name not in numbers}
    return kept | {"uncountedTerminatedPods": {}} | _positive(numbers)


def _positive(numbers: dict[str, int]) -> Document:
    return {name: number for name, number in numbers.items() if number}


def refusal(job: Document, found: Tally, now: datetime) -> str:
    """Why the Job must fail, "" while it need not."""
    spec = job["spec"]
    limit = int(spec.get("backoffLimit", 6))
    restarts = sum(
        int(entry.get("restartCount", 0))
        for pod in found.active for entry in (pod.get("status") or {}).get("containerStatuses") or []
    ) if spec["template"]["spec"].get("restartPolicy") == "OnFailure" else 0  # fmt: skip
    if found.failed > limit or (restarts and restarts >= limit):
        return "BackoffLimitExceeded"
    started, seconds = (job.get("status") or {}).get("startTime"), spec.get("activeDeadlineSeconds")
    if started and seconds is not None and (now - parse_time(started)).total_seconds() >= seconds:
        return "DeadlineExceeded"
    return ""


def aim_now(job: Document, found: Tally, now: datetime) -> Aim | None:
    """How the Job ends, None while it goes on."""
    if why := refusal(job, found, now) or _too_many_indexes(job, found):
        return Aim(True, why, _REFUSED[why])
    if (rule := success_rule(job, found.done)) is not None:
        return Aim(False, "SuccessPolicy", f"Matched rules at index {rule}")
    if not _is_enough(job, found):
        return None
    why = "FailedIndexes"
    return Aim(True, why, _REFUSED[why]) if found.given_up else Aim(False, *_REACHED)


def _too_many_indexes(job: Document, found: Tally) -> str:
    most = job["spec"].get("maxFailedIndexes")
    exceeded = most is not None and len(found.given_up) > int(most)
    return "MaxFailedIndexesExceeded" if exceeded else ""


def _is_enough(job: Document, found: Tally) -> bool:
    """Whether nothing is left to be done."""
    wanted = job["spec"].get("completions")
    if wanted is None:
        return found.succeeded > 0 and not found.active
    return found.succeeded + len(found.given_up) >= int(wanted)


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return (
        float(min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)) if failures else 0.0
    )


def steps_of(
    job: Document, found: Tally, waits: float, paused: Mapping[int, float] = _NO_PAUSES
) -> Steps:
    """How to get to the wanted number of pods at work, *waits* seconds from now at the earliest.

    *paused* are indexes that wait for themselves, with the seconds that are left.
    """
    spec = job["spec"]
    parallel = int(spec.get("parallelism", 1))
    wanted = spec.get("completions")
    left = 0 if wanted is None else int(wanted) - found.succeeded - len(found.given_up)
    room = parallel if wanted is None else min(parallel, left)
    if wanted is None and found.succeeded:
        room = min(parallel, len(found.active))
    missing = room - len(found.active) - (found.terminating if waits_for_failure(job) else 0)
    if delete := removed(job, found.active, -missing):
        return Steps(delete=delete)
    if missing and waits > 0:
        return Steps(again=waits)
    if not is_indexed(job):
        return Steps(create=[None] * missing)
    busy = found.done | found.given_up | {index_of(pod) for pod in found.active} | paused.keys()
    free = [index for index in range(int(wanted or 0)) if index not in busy]
    return Steps(create=list(free[:missing]), again=min(paused.values(), default=None))


def new_pod(job: Document, index: int | None, notes: Mapping[str, str] | None = None) -> Document:
    """A pod from the template, held by the finalizer until it is counted. *notes*: annotations of its own."""
    template = deepcopy(job["spec"]["template"])
    given = template.get("metadata") or {}
    name, spec = job["metadata"]["name"], template["spec"]
    labels, annotations = dict(given.get("labels") or {}), dict(given.get("annotations") or {})
    prefix = f"{name}-"
    if index is not None:
        prefix = f"{name}-{index}-"
        labels[INDEX] = annotations[INDEX] = str(index)
        annotations |= notes or {}
        spec = spec | {"hostname": f"{name}-{index}"}
        field = {"fieldPath": f"metadata.labels['{INDEX}']"}
        variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}}
        spec["containers"] = [
            entry | {"env": [*(entry.get("env") or []), variable]} for entry in spec["containers"]
        ]
    metadata: dict[str, Any] = {
        "generateName": prefix, "namespace": job["metadata"]["namespace"], "labels": labels,
        "finalizers": [*(given.get("finalizers") or []), TRACKING],
        "ownerReferences": [reference_to(job)],
    }  # fmt: skip
    return {
        "metadata": metadata | ({"annotations": annotations} if annotations else {}),
        "spec": spec,
    }


def _with(
    status: Document, kind: str, told: tuple[str, str], now: datetime, *, holds: bool = True
) -> Document:
    present = condition_of({"status": status}, kind)
    if present is not None and (present["status"] == "True") == holds:
        return status
    time = timestamp(now)
    condition = {
        "type": kind, "status": "True" if holds else "False", "reason": told[0], "message": told[1],
        "lastProbeTime": time, "lastTransitionTime": time,
    }  # fmt: skip
    return status | {"conditions": with_condition(status.get("conditions") or [], condition)}


def with_failure(status: Document, why: str, now: datetime) -> Document:
    """The status of a Job that its policy ends."""
    return _with(status, "FailureTarget", (_FAILURE_POLICY, why), now) if why else status


def with_end(status: Document, found: Tally, aim: Aim, now: datetime) -> Document:
    """The status of a Job that ends: first its aim, and when no pod is left, that it has ended."""
    told = (aim.reason, aim.message)
    first, last = ("FailureTarget", "Failed") if aim.fails else ("SuccessCriteriaMet", "Complete")
    status = _with(status, first, told, now)
    if found.active or found.terminating:
        return status
    status = _with(status, last, told, now)
    return status if aim.fails else {"completionTime": timestamp(now)} | status


def aim_of(job: Document) -> Aim | None:
    """How the Job is going to end by what its status says, None while it goes on."""
    for kind, fails in (("FailureTarget", True), ("SuccessCriteriaMet", False)):
        found = condition_of(job, kind)
        if found is not None and found["status"] == "True":
            return Aim(fails, str(found["reason"]), str(found["message"]))
    return None


def with_start(job: Document, status: Document, now: datetime) -> Document:
    """The status with the time when the Job began, unless it is suspended."""
    return status if job["spec"].get("suspend") else {"startTime": timestamp(now)} | status


def with_work(job: Document, status: Document, now: datetime) -> Document:
    """The status of a Job that goes on or waits: since when, and whether it is suspended."""
    if job["spec"].get("suspend"):
        return _with(status, "Suspended", ("JobSuspended", "Job suspended"), now)
    if is_true({"status": status}, "Suspended"):
        status = _with(status, "Suspended", ("JobResumed", "Job resumed"), now, holds=False)
        return status | {"startTime": timestamp(now)}
    per_index = job["spec"].get("backoffLimitPerIndex") is not None
    return with_start(job, ({"failedIndexes": ""} if per_index else {}) | status, now)


def with_numbers(status: Document, pods: Sequence[Document]) -> Document:
    """The status with the pods that are at work now."""
    active = [pod for pod in pods if is_at_work(pod)]
    numbers = {
        "ready": sum(is_true(pod, "Ready") for pod in active),
        "terminating": sum(map(is_terminating, pods)),
        "uncountedTerminatedPods": {},
    }
    kept = {name: value for name, value in status.items() if name != "active"}
    return kept | numbers | _positive({"active": len(active)})


def seconds_to_live(job: Document, now: datetime) -> float | None:
    """How long a Job that has ended is kept; None for ever."""
    ended, seconds = ended_condition(job), job["spec"].get("ttlSecondsAfterFinished")
    if ended is None or seconds is None:
        return None
    ends = parse_time(ended["lastTransitionTime"]) + timedelta(seconds=int(seconds))
    return max(0.0, (ends - now).total_seconds())


def seconds_to_deadline(job: Document, status: Document, now: datetime) -> float | None:
    """When to look whether `activeDeadlineSeconds` have passed."""
    seconds, started = job["spec"].get("activeDeadlineSeconds"), status.get("startTime")
    if seconds is None or not started:
        return None
    left = parse_time(started) + timedelta(seconds=float(seconds)) - now
    return max(0.05, left.total_seconds())
