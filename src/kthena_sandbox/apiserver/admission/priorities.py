"""The priority of pods by their PriorityClass, and that one class at most is the default (the admission plugin Priority)."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey, Key

Document = dict[str, Any]
_CLASSES = CollectionKey("scheduling.k8s.io", "priorityclasses")
_NONE: Document = {"value": 0, "preemptionPolicy": "PreemptLowerPriority"}
_FIELDS = ("priority", "preemptionPolicy")


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A pod with the priority of its class, which stays as it was. Raises ApiError 403."""
    if not attempt.is_about("", "pods"):
        return attempt.subject
    pod, spec = attempt.subject, attempt.subject.get("spec") or {}
    if attempt.old is not None:
        kept = {name: attempt.old["spec"][name] for name in _FIELDS if name in attempt.old["spec"]}
        return pod | {"spec": kept | spec}
    name = spec.get("priorityClassName") or _default_name(cluster)
    found = cluster.store.get(_CLASSES, Key("", name)) if name else _NONE
    if found is None:
        raise forbidden(
            attempt.resource, attempt.asked_name, f"no PriorityClass with name {name} was found"
        )
    named = {"priorityClassName": name} if name else {}
    priority = found.get("value", 0)
    _refuse_other(attempt, spec, "priority", "integer value of priority", priority)
    policy = found["preemptionPolicy"]
    _refuse_other(attempt, spec, "preemptionPolicy", "string value of PreemptionPolicy", policy)
    return pod | {"spec": spec | named | {"priority": priority, "preemptionPolicy": policy}}


def _default_name(cluster: Cluster) -> str:
    """The default class; of several, which no one could make at once, that of the lowest priority."""
    classes = cluster.store.collection(_CLASSES).documents.values()
    found = [entry for entry in classes if entry.get("globalDefault")]
    chosen = min(found, key=lambda entry: int(entry.get("value", 0)), default=None)
    return "" if chosen is None else str(chosen["metadata"]["name"])


def _refuse_other(
    attempt: Attempt, spec: Document, field: str, what: str, computed: object
) -> None:
    given = spec.get(field)
    if given is None or given == computed:
        return
    why = (
        f"the {what} ({given}) must not be provided in pod spec; "
        f"priority admission controller computed {computed} from the given PriorityClass name"
    )
    raise forbidden(attempt.resource, attempt.asked_name, why)


def check_default(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for a second PriorityClass that is the default."""
    if not attempt.is_about(*_CLASSES) or not attempt.subject.get("globalDefault"):
        return
    name, present = attempt.subject["metadata"]["name"], _default_name(cluster)
    if present and present != name and attempt.new is not None:
        why = f"PriorityClass {present} is already marked as default. Only one default can exist"
        raise forbidden(attempt.resource, name, why)
