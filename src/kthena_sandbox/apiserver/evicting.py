"""`pods/eviction`: a deletion, if the pod's disruption budget allows one more (policy/v1).

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from dataclasses import replace
from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.deletion import check_preconditions, delete
from kthena_sandbox.apiserver.errors import Cause, internal, too_many_requests
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.mutations import Outcome
from kthena_sandbox.apiserver.options import DeleteOptions
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.labels import selects

Document = dict[str, Any]
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_AGAIN_SECONDS = 10
_DISRUPTED = {
    "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting", "lastProbeTime": None,
}  # fmt: skip


def evict(cluster: Cluster, resource: ResourceType, key: Key, options: DeleteOptions) -> Outcome:
    """Evict a pod. Raises ApiError 404, 409, and 429 where its budget forbids it."""
    pod = cluster.read(resource, key)
    check_preconditions(resource, key, options, pod["metadata"])
    budget = _budget_of(cluster, pod)
    if budget is not None and _counts(pod, budget):
        _spend(cluster, budget, key.name, dry_run=options.dry_run)
    if not options.dry_run:
        _mark(cluster, resource, pod)
    outcome = delete(cluster, resource, key, replace(options, uid="", resource_version=""))
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    }
    return Outcome(status, 201, outcome.warnings)


def _mark(cluster: Cluster, resource: ResourceType, pod: Document) -> None:
    """Tell in the pod's status why it goes ("Pod disruption conditions" in the documentation of disruptions)."""
    status = pod.get("status") or {}
    kept = [one for one in status.get("conditions") or [] if one["type"] != _DISRUPTED["type"]]
    condition = _DISRUPTED | {"lastTransitionTime": timestamp(cluster.clock())}
    cluster.write(resource, pod | {"status": status | {"conditions": [*kept, condition]}})


def _budget_of(cluster: Cluster, pod: Document) -> Document | None:
    namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels") or {}
    kind = cluster.kind("policy", "v1", "poddisruptionbudgets")
    found = []
    for key, document in cluster.collection(kind).documents.items():
        selector = (document.get("spec") or {}).get("selector")
        if key.namespace == namespace and selector is not None and selects(selector, labels):
            found.append(document)
    if len(found) > 1:
        raise internal(_SEVERAL)
    return found[0] if found else None


def _counts(pod: Document, budget: Document) -> bool:
    """Pods that are at their end or have not begun cost nothing, nor do unready ones of a healthy application."""
    status, spec = pod.get("status") or {}, budget.get("spec") or {}
    if "deletionTimestamp" in pod["metadata"] or status.get("phase") in {
        "Pending",
        "Succeeded",
        "Failed",
    }:
        return False
    conditions = status.get("conditions") or []
    if any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions):
        return True
    numbers = budget["status"]
    healthy = 0 < numbers.get("desiredHealthy", 0) <= numbers.get("currentHealthy", 0)
    return not (spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" or healthy)


def _spend(cluster: Cluster, budget: Document, pod: str, *, dry_run: bool) -> None:
    """Take one from what is allowed; the controller counts anew when the pod is gone."""
    name, status = budget["metadata"]["name"], budget["status"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise too_many_requests(_VIOLATES, Cause("DisruptionBudget", text), _AGAIN_SECONDS)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        text = (
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods "
            f"and has {status.get('currentHealthy', 0)} currently"
        )
        raise too_many_requests(_VIOLATES, Cause("DisruptionBudget", text))
    if dry_run:
        return
    going = (status.get("disruptedPods") or {}) | {pod: timestamp(cluster.clock())}
    changed = status | {"disruptionsAllowed": allowed - 1, "disruptedPods": going}
    kind = cluster.kind("policy", "v1", "poddisruptionbudgets")
    cluster.write(kind, budget | {"status": changed})
