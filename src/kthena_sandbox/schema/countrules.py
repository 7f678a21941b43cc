"""The numbers in specifications and statuses of workloads: none below zero, and no part above the whole."""

from collections.abc import Iterable
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
NEGATIVE = "must be greater than or equal to 0"
_REPLICAS = ("readyReplicas", "availableReplicas", "observedGeneration")
_OF_STATEFUL_SETS = ("readyReplicas", "currentReplicas", "updatedReplicas")
_SCHEDULED = (
    "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
    "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
)  # fmt: skip


def not_negative(spec: Document, fields: Iterable[str], path: str = "spec") -> list[FieldError]:
    """Numbers that may not be below zero."""
    return [
        errors.invalid(f"{path}.{field}", spec[field], NEGATIVE)
        for field in fields
        if (spec.get(field) or 0) < 0
    ]


def replica_count_rules(controller: Document) -> list[FieldError]:
    """The status of a ReplicationController, number by number."""
    status = controller.get("status") or {}
    found = not_negative(status, ("replicas",), "status")
    for field in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        found += not_negative(status, (field,), "status") + _parts(status, (field,))
    return found


def deployment_count_rules(deployment: Document) -> list[FieldError]:
    """The status of a Deployment."""
    return _counts(deployment, "updatedReplicas")


def replica_set_count_rules(replica_set: Document) -> list[FieldError]:
    """The status of a ReplicaSet."""
    return _counts(replica_set, "fullyLabeledReplicas")


def _counts(controller: Document, own: str) -> list[FieldError]:
    status = controller.get("status") or {}
    found = not_negative(status, ("replicas", own, *_REPLICAS), "status")
    found += _parts(status, (own, "readyReplicas", "availableReplicas"))
    return found + _available(status, "readyReplicas")


def stateful_set_count_rules(stateful_set: Document) -> list[FieldError]:
    """The status of a StatefulSet."""
    status = stateful_set.get("status") or {}
    counted = ("replicas", *_OF_STATEFUL_SETS, "availableReplicas", "observedGeneration", "collisionCount")  # fmt: skip
    found = not_negative(status, counted, "status")
    found += _parts(status, (*_OF_STATEFUL_SETS, "availableReplicas"))
    return found + _available(status, "status.readyReplicas")


def daemon_set_count_rules(daemon_set: Document) -> list[FieldError]:
    """The status of a DaemonSet."""
    return not_negative(daemon_set.get("status") or {}, _SCHEDULED, "status")


def _parts(status: Document, fields: Iterable[str]) -> list[FieldError]:
    detail = "cannot be greater than status.replicas"
    return [
        errors.invalid(f"status.{field}", status[field], detail)
        for field in fields
        if status.get(field, 0) > status.get("replicas", 0)
    ]


def _available(status: Document, what: str) -> list[FieldError]:
    """Nothing is available that is not ready."""
    count = status.get("availableReplicas", 0)
    if count <= status.get("readyReplicas", 0):
        return []
    return [errors.invalid("status.availableReplicas", count, f"cannot be greater than {what}")]
