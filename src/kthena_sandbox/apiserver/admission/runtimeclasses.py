"""What a pod gets from its RuntimeClass: what it costs and where it may be (the admission plugin RuntimeClass)."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey, Key

Document = dict[str, Any]
_CLASSES = CollectionKey("node.k8s.io", "runtimeclasses")


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A new pod with the overhead, node selector and tolerations of its class. Raises ApiError 403."""
    if attempt.operation != "CREATE" or not attempt.is_about("", "pods"):
        return attempt.subject
    pod, spec = attempt.subject, attempt.subject.get("spec") or {}
    name = spec.get("runtimeClassName")
    found = cluster.store.get(_CLASSES, Key("", name)) if name else {}
    if found is None:
        raise _rejected(attempt, f'pod rejected: RuntimeClass "{name}" not found')
    overhead = (found.get("overhead") or {}).get("podFixed")
    if not overhead and spec.get("overhead"):
        why = "Pod Overhead set without corresponding RuntimeClass defined Overhead"
        raise _rejected(attempt, f"pod rejected: {why}")
    if overhead and spec.get("overhead", overhead) != overhead:
        why = "Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        raise _rejected(attempt, f"pod rejected: {why}")
    cost = {"overhead": overhead} if overhead else {}
    return pod | {"spec": spec | cost | _place(attempt, spec, found.get("scheduling") or {})}


def _place(attempt: Attempt, spec: Document, scheduling: Document) -> Document:
    selector, given = scheduling.get("nodeSelector") or {}, spec.get("nodeSelector") or {}
    for key, value in sorted(selector.items()):
        if given.get(key, value) != value:
            why = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {given[key]}"
            )
            raise _rejected(attempt, why)
    tolerations = spec.get("tolerations") or []
    added = [entry for entry in scheduling.get("tolerations") or [] if entry not in tolerations]
    placed = {"nodeSelector": given | selector} if selector else {}
    return placed | ({"tolerations": [*tolerations, *added]} if added else {})


def _rejected(attempt: Attempt, why: str) -> ApiError:
    return forbidden(attempt.resource, attempt.asked_name, why)
