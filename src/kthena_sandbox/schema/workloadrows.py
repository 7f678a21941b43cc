"""Table rows of Pods and of the kinds that make them."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.ages import age, human_duration, parse_time
from kthena_sandbox.schema.labels import selector_text
from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import at, maps, table_of, text, whole

Document = dict[str, Any]
_ENDED: dict[str, list[Document]] = {
    "Succeeded": [{"type": "Completed", "status": "True", "reason": "Succeeded",
                   "message": "The pod has completed successfully."}],
    "Failed": [{"type": "Completed", "status": "True", "reason": "Failed",
                "message": "The pod failed."}],
}  # fmt: skip


def pod(entry: Document, now: datetime) -> tuple[list[Any], list[Document]]:
    """Pod."""
    containers = maps(entry, "spec.containers")
    statuses = maps(entry, "status.containerStatuses")
    ready = sum(
        1 for status in statuses if status.get("ready") and at(status, "state.running") is not None
    )
    phase = text(entry, "status.phase")
    cells = [
        name_of(entry),
        f"{ready}/{len(containers)}",
        pod_status(entry),
        _restarts(statuses, now),
        age_of(entry, now),
        next((text(found, "ip") for found in maps(entry, "status.podIPs")), "") or "<none>",
        text(entry, "spec.nodeName", "<none>"),
        text(entry, "status.nominatedNodeName", "<none>"),
        _readiness_gates(entry),
    ]
    return cells, _ENDED.get(phase, [])


def pod_status(entry: Document) -> str:
    """The word that `kubectl get pods` shows under STATUS."""
    phase = text(entry, "status.phase")
    word = text(entry, "status.reason", phase)
    if any(
        text(found, "reason") == "SchedulingGated" for found in maps(entry, "status.conditions")
    ):
        word = "SchedulingGated"
    deleting = at(entry, "metadata.deletionTimestamp") is not None
    if deleting and word == "NodeLost":
        return "Unknown"
    if deleting and phase not in {"Succeeded", "Failed"}:
        return "Terminating"
    starting = _starting(entry)
    return starting or _of_containers(entry, word)


def _starting(entry: Document) -> str:
    if _is_condition_true(entry, "Initialized"):
        return ""
    statuses = maps(entry, "status.initContainerStatuses")
    for index, status in enumerate(statuses):
        ended, waiting = at(status, "state.terminated"), text(status, "state.waiting.reason")
        if isinstance(ended, dict) and not ended.get("exitCode"):
            continue
        if isinstance(ended, dict):
            return f"Init:{_ending(ended)}"
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(maps(entry, 'spec.initContainers'))}"
    return ""


def _ending(ended: Document) -> str:
    if reason := text(ended, "reason"):
        return reason
    if signal := whole(ended, "signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{whole(ended, 'exitCode')}"


def _of_containers(entry: Document, word: str) -> str:
    running = False
    for status in reversed(maps(entry, "status.containerStatuses")):
        ended = at(status, "state.terminated")
        if waiting := text(status, "state.waiting.reason"):
            word = waiting
        elif isinstance(ended, dict):
            word = _ending(ended)
        elif status.get("ready") and at(status, "state.running") is not None:
            running = True
    if word == "Completed" and running:
        return "Running" if _is_condition_true(entry, "Ready") else "NotReady"
    return word


def _is_condition_true(entry: Document, kind: str) -> bool:
    conditions = maps(entry, "status.conditions")
    return any(found.get("type") == kind and found.get("status") == "True" for found in conditions)


def _restarts(statuses: list[Document], now: datetime) -> str:
    count = sum(whole(status, "restartCount") for status in statuses)
    ends = [at(status, "lastState.terminated.finishedAt") for status in statuses]
    known = [end for end in ends if parse_time(end) is not None]
    if not count or not known:
        return str(count)
    return f"{count} ({age(max(known), now)} ago)"


def scale(entry: Document, now: datetime) -> list[Any]:
    """Scale."""
    wanted, present = whole(entry, "spec.replicas"), whole(entry, "status.replicas")
    return [name_of(entry), wanted, present, age_of(entry, now)]


def _readiness_gates(entry: Document) -> str:
    gates = maps(entry, "spec.readinessGates")
    if not gates:
        return "<none>"
    held = [_is_condition_true(entry, text(gate, "conditionType")) for gate in gates]
    return f"{sum(held)}/{len(gates)}"


def pod_template(entry: Document, _: datetime) -> list[Any]:
    """PodTemplate."""
    template = table_of(entry, "template")
    labels = table_of(template, "metadata.labels")
    shown = ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"
    return [name_of(entry), *_containers(template), shown]


def deployment(entry: Document, now: datetime) -> list[Any]:
    """Deployment."""
    ready = f"{whole(entry, 'status.readyReplicas')}/{whole(entry, 'spec.replicas')}"
    updated, available = (
        whole(entry, f"status.{field}") for field in ("updatedReplicas", "availableReplicas")
    )
    return [name_of(entry), ready, updated, available, *_workload(entry, now)]


def replica_set(entry: Document, now: datetime) -> list[Any]:
    """ReplicaSet."""
    counts = [
        whole(entry, path) for path in ("spec.replicas", "status.replicas", "status.readyReplicas")
    ]
    return [name_of(entry), *counts, *_workload(entry, now)]


def replication_controller(entry: Document, now: datetime) -> list[Any]:
    """ReplicationController."""
    selector = table_of(entry, "spec.selector")
    shown = ",".join(f"{key}={selector[key]}" for key in sorted(selector)) or "<none>"
    return [*replica_set(entry, now)[:-1], shown]


def cron_job(entry: Document, now: datetime) -> list[Any]:
    """CronJob."""
    last = at(entry, "status.lastScheduleTime")
    suspended = at(entry, "spec.suspend")
    return [
        name_of(entry),
        text(entry, "spec.schedule"),
        text(entry, "spec.timeZone", "<none>"),
        "<unset>" if suspended is None else str(suspended),
        len(maps(entry, "status.active")),
        "<none>" if last is None else age(last, now),
        age_of(entry, now),
        *_containers(table_of(entry, "spec.jobTemplate.spec.template")),
        selector_text(table_of(entry, "spec.jobTemplate.spec.selector")) or "<none>",
    ]


def stateful_set(entry: Document, now: datetime) -> list[Any]:
    """StatefulSet."""
    ready = f"{whole(entry, 'status.readyReplicas')}/{whole(entry, 'spec.replicas')}"
    return [name_of(entry), ready, *_workload(entry, now)[:3]]


def daemon_set(entry: Document, now: datetime) -> list[Any]:
    """DaemonSet."""
    counts = [
        whole(entry, f"status.{field}")
        for field in ("desiredNumberScheduled", "currentNumberScheduled", "numberReady",
                      "updatedNumberScheduled", "numberAvailable")
    ]  # fmt: skip
    chosen = table_of(entry, "spec.template.spec.nodeSelector")
    selector = ",".join(f"{key}={chosen[key]}" for key in sorted(chosen)) or "<none>"
    return [name_of(entry), *counts, selector, *_workload(entry, now)]


def controller_revision(entry: Document, now: datetime) -> list[Any]:
    """ControllerRevision, with the kind and the name of its controller."""
    owners = [owner for owner in maps(entry, "metadata.ownerReferences") if owner.get("controller")]
    shown = "<none>"
    if owners:
        group = text(owners[0], "apiVersion").rpartition("/")[0]
        shown = f"{text(owners[0], 'kind').lower()}.{group}/{text(owners[0], 'name')}"
    return [name_of(entry), shown, str(whole(entry, "revision")), age_of(entry, now)]


def job(entry: Document, now: datetime) -> list[Any]:
    """Job."""
    started, ended = text(entry, "status.startTime"), text(entry, "status.completionTime")
    duration = ""
    if (begin := parse_time(started)) is not None:
        end = parse_time(ended) or now
        duration = human_duration((end - begin).total_seconds())
    return [
        name_of(entry),
        _job_status(entry),
        _completions(entry),
        duration,
        *_workload(entry, now),
    ]


def _job_status(entry: Document) -> str:
    if _is_condition_true(entry, "Complete"):
        return "Complete"
    if _is_condition_true(entry, "Failed"):
        return "Failed"
    if at(entry, "metadata.deletionTimestamp") is not None:
        return "Terminating"
    others = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((kind for kind in others if _is_condition_true(entry, kind)), "Running")


def _completions(entry: Document) -> str:
    done = whole(entry, "status.succeeded")
    if at(entry, "spec.completions") is not None:
        return f"{done}/{whole(entry, 'spec.completions')}"
    parallel = whole(entry, "spec.parallelism")
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def budget(entry: Document, now: datetime) -> list[Any]:
    """PodDisruptionBudget."""
    limits = [at(entry, f"spec.{field}") for field in ("minAvailable", "maxUnavailable")]
    shown = ["N/A" if limit is None else str(limit) for limit in limits]
    return [name_of(entry), *shown, whole(entry, "status.disruptionsAllowed"), age_of(entry, now)]


def _workload(entry: Document, now: datetime) -> list[Any]:
    selector = selector_text(table_of(entry, "spec.selector"))
    return [age_of(entry, now), *_containers(table_of(entry, "spec.template")), selector]


def _containers(template: Document) -> list[str]:
    """Their names and their images."""
    containers = maps(template, "spec.containers")
    return [",".join(text(found, field) for found in containers) for field in ("name", "image")]
