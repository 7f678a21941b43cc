"""Decides how many pods a ReplicaSet makes, which ones go, and what its status says. Pure."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from kthena_sandbox.controllers.conditions import (
    is_available,
    is_true,
    parse_time,
    ready_since,
    with_condition,
)
from kthena_sandbox.controllers.ownership import labels_of, reference_to
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document, is_leaving

_BURST = 500
FAILURE = "ReplicaFailure"
_MICROSECOND = timedelta(microseconds=1)


def has_ended(pod: Document) -> bool:
    """Whether its containers have all come to their end."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def is_active(pod: Document) -> bool:
    """Whether a pod counts: neither finished nor on its way out."""
    return not has_ended(pod) and not is_leaving(pod)


def missing(owner: Document, active: Sequence[Document]) -> int:
    """How many pods to create; negative: how many to delete."""
    if is_leaving(owner):
        return 0
    wanted = int(owner["spec"].get("replicas", 1))
    return min(wanted - len(active), _BURST)


def new_pod(owner: Document) -> Document:
    """A pod from the template; the API server completes its name."""
    template = deepcopy(owner["spec"]["template"])
    given = template.get("metadata") or {}
    kept = {
        name: given[name] for name in ("labels", "annotations", "finalizers") if given.get(name)
    }
    metadata: dict[str, Any] = {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [reference_to(owner)],
    }
    return {"metadata": metadata | kept, "spec": template["spec"]}


def surplus(
    active: Sequence[Document], count: int, related: Sequence[Document], now: datetime
) -> list[Document]:
    """The *count* pods that are missed least, in the order of the ReplicaSet documentation.

    Unplaced ones, pending, unready, the cheapest by annotation, those where most of the *related* are, the last to
    become ready, the often restarted, the youngest. Ages count by their magnitude.
    """
    crowd = Counter(pod["spec"].get("nodeName") for pod in related if is_active(pod))
    return sorted(active, key=lambda pod: _worth(pod, crowd, now))[:count]


def _worth(pod: Document, crowd: Counter[Any], now: datetime) -> tuple[Any, ...]:
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}
    status, node = pod.get("status") or {}, pod["spec"].get("nodeName")
    cost = (pod["metadata"].get("annotations") or {}).get(
        "controller.kubernetes.io/pod-deletion-cost", "0"
    )
    restarts = [one.get("restartCount", 0) for one in status.get("containerStatuses") or []]
    return (
        bool(node),
        phases.get(status.get("phase", "Pending"), 0),
        is_true(pod, "Ready"),
        int(cost) if cost.lstrip("-").isdigit() else 0,
        -crowd[node] if node else 0,
        _magnitude(ready_since(pod), now),
        -max(restarts, default=0),
        _magnitude(parse_time(pod["metadata"]["creationTimestamp"]), now),
        str(pod["metadata"].get("uid", "")),
    )


def _magnitude(since: datetime | None, now: datetime) -> int:
    """How many binary digits an age has in microseconds."""
    return -1 if since is None else int((now - since) / _MICROSECOND).bit_length()


def status_of(
    owner: Document, active: Sequence[Document], now: datetime, failure: str = ""
) -> Document:
    """The status to write; *failure* says why a pod could not be made."""
    template = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    least = int(owner["spec"].get("minReadySeconds") or 0)
    labelled = [pod for pod in active if template.items() <= labels_of(pod).items()]
    counts = {
        "replicas": len(active),
        "fullyLabeledReplicas": len(labelled),
        "readyReplicas": sum(is_true(pod, "Ready") for pod in active),
        "availableReplicas": sum(is_available(pod, least, now) for pod in active),
    }
    shown: Document = {name: count for name, count in counts.items() if count or name == "replicas"}
    conditions = _conditions(owner, failure, now)
    shown |= {"conditions": conditions} if conditions else {}
    return shown | {"observedGeneration": owner["metadata"]["generation"]}


def _conditions(owner: Document, failure: str, now: datetime) -> list[Document]:
    present = (owner.get("status") or {}).get("conditions") or []
    if not failure:
        return [entry for entry in present if entry["type"] != FAILURE]
    condition = {"type": FAILURE, "status": "True", "reason": "FailedCreate", "message": failure,
                 "lastTransitionTime": timestamp(now)}  # fmt: skip
    return with_condition(present, condition)
