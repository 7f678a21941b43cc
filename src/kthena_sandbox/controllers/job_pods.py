"""In which state a pod is for its Job. Pure. KEP-2307: pods are counted once, by a finalizer."""

from collections.abc import Iterable

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.controllers.indexes import index_of
from kthena_sandbox.controllers.replicaset_plan import has_ended
from kthena_sandbox.kinds import Document, is_leaving

TRACKING = "batch.kubernetes.io/job-tracking"


def is_tracked(pod: Document) -> bool:
    """Whether its end is still to be counted."""
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def has_succeeded(pod: Document) -> bool:
    """Whether all its containers ended well."""
    return (pod.get("status") or {}).get("phase") == "Succeeded"


def has_failed(job: Document, pod: Document) -> bool:
    """Whether it ended badly; one that was deleted has as soon as it is to be replaced (`podReplacementPolicy`)."""
    if (pod.get("status") or {}).get("phase") == "Failed":
        return True
    if not is_leaving(pod) or has_succeeded(pod):
        return False
    at_once = is_true(job, "FailureTarget") or not waits_for_failure(job)
    return at_once or not pod["metadata"].get("deletionGracePeriodSeconds")


def waits_for_failure(job: Document) -> bool:
    """Whether a pod is replaced only when it has failed."""
    return bool(job["spec"].get("podReplacementPolicy") == "Failed")


def is_terminating(pod: Document) -> bool:
    """Whether it is on its way out and has not come to its end."""
    return is_leaving(pod) and not has_ended(pod)


def is_superfluous(job: Document, pod: Document) -> bool:
    """Whether it was stopped since its Job had what it wanted: it counts for nothing."""
    return is_terminating(pod) and is_true(job, "SuccessCriteriaMet")


def removed(job: Document, active: Iterable[Document], count: int) -> list[Document]:
    """Which of the pods at work go where *count* are too many, and at least those whose index is not wanted."""
    spec = job["spec"]
    indexed = spec.get("completionMode") == "Indexed"
    most = int(spec.get("completions") or 0)
    beyond: list[Document] = []
    others: list[Document] = []
    for pod in active:
        (beyond if indexed and (index_of(pod) or 0) >= most else others).append(pod)
    others.sort(key=_progress)
    return beyond + others[: max(0, count - len(beyond))]


def _progress(pod: Document) -> tuple[bool, bool, bool]:
    """How far a pod has come: those that have not been placed, do not run or are not ready go first."""
    runs = (pod.get("status") or {}).get("phase") == "Running"
    return bool(pod["spec"].get("nodeName")), runs, is_true(pod, "Ready")


def is_at_work(pod: Document) -> bool:
    """Whether it runs or is going to."""
    return not (has_ended(pod) or is_leaving(pod))
