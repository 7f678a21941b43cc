"""Decides which pods a StatefulSet makes and deletes next, and what its status says. Pure.

After "StatefulSets" in the Kubernetes documentation: ordered and parallel management, rolling updates with a partition.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime

from kthena_sandbox.controllers.conditions import is_available, is_true
from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.controllers.revisions import HASH, revision_of
from kthena_sandbox.kinds import Document, is_leaving

_POD_NAME = "statefulset.kubernetes.io/pod-name"
_INDEX = "apps.kubernetes.io/pod-index"
_ENDED = {"Succeeded", "Failed"}


@dataclass(frozen=True)
class Revisions:
    """Names of the revision that pods are updated from, and of the one to."""

    current: str
    update: str


@dataclass
class Steps:
    """What to do now: ordinals to create, pods to delete."""

    create: list[int] = field(default_factory=list)
    delete: list[Document] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.create or self.delete)


def ordinal_of(pod: Document) -> int:
    """The number at the end of its name; -1 where there is none."""
    number = str(pod["metadata"]["name"]).rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def ordinals_of(stateful_set: Document) -> range:
    """The ordinals that are to be there."""
    spec = stateful_set["spec"]
    start = int((spec.get("ordinals") or {}).get("start", 0))
    return range(start, start + int(spec.get("replicas", 1)))


def new_pod(stateful_set: Document, ordinal: int, template: Document, revision: str) -> Document:
    """The pod with that ordinal from the template of that revision."""
    template = deepcopy(template)
    metadata, spec = stateful_set["metadata"], template["spec"]
    name = f"{metadata['name']}-{ordinal}"
    given = template.get("metadata") or {}
    labels = (given.get("labels") or {}) | {HASH: revision, _POD_NAME: name, _INDEX: str(ordinal)}
    own = {
        "name": name, "generateName": f"{metadata['name']}-", "namespace": metadata["namespace"], "labels": labels,
        "ownerReferences": [reference_to(stateful_set)],
    }  # fmt: skip
    more = {key: given[key] for key in ("annotations", "finalizers") if given.get(key)}
    place: Document = {"hostname": name}
    if service := stateful_set["spec"].get("serviceName"):
        place["subdomain"] = service
    return {"metadata": own | more, "spec": spec | place}


def revision_for(stateful_set: Document, ordinal: int, revisions: Revisions) -> str:
    """Pods below the partition keep the revision from before the update."""
    return revisions.update if ordinal >= _partition(stateful_set) else revisions.current


def _partition(stateful_set: Document) -> int:
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
    return ordinals_of(stateful_set).start + partition


def steps_of(
    stateful_set: Document, pods: Sequence[Document], revisions: Revisions, now: datetime
) -> Steps:
    """The next steps; none while one is awaited, or when all is as it should be."""
    if is_leaving(stateful_set):
        return Steps()
    ordered = stateful_set["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    least = int(stateful_set["spec"].get("minReadySeconds") or 0)
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    wanted = ordinals_of(stateful_set)
    steps = Steps()
    for ordinal in wanted:
        pod = by_ordinal.get(ordinal)
        if pod is None:
            steps.create.append(ordinal)
        elif _has_ended(pod):
            steps.delete.append(pod)
        if ordered and (steps or not _is_well(pod, least, now)):
            return steps
    condemned = sorted((number for number in by_ordinal if number not in wanted), reverse=True)
    for ordinal in condemned:
        pod = by_ordinal[ordinal]
        if not is_leaving(pod):
            steps.delete.append(pod)
        if ordered:
            return steps
    if steps:
        return steps
    return _update(stateful_set, by_ordinal, revisions.update, now)


def _has_ended(pod: Document) -> bool:
    return (pod.get("status") or {}).get("phase") in _ENDED and not is_leaving(pod)


def _is_well(pod: Document | None, least: int, now: datetime) -> bool:
    return pod is not None and not is_leaving(pod) and is_available(pod, least, now)


def _update(
    stateful_set: Document, by_ordinal: Mapping[int, Document], revision: str, now: datetime
) -> Steps:
    """From the last ordinal to the partition, one at a time, each after the one before is well again."""
    spec = stateful_set["spec"]
    if (spec.get("updateStrategy") or {}).get("type", "RollingUpdate") != "RollingUpdate":
        return Steps()
    least = int(spec.get("minReadySeconds") or 0)
    for ordinal in reversed(ordinals_of(stateful_set)):
        pod = by_ordinal.get(ordinal)
        if ordinal < _partition(stateful_set) or pod is None:
            return Steps()
        if revision_of(pod) != revision and not is_leaving(pod):
            return Steps(delete=[pod])
        if not _is_well(pod, least, now):
            return Steps()
    return Steps()


def status_of(
    stateful_set: Document, pods: Sequence[Document], revisions: Revisions, now: datetime
) -> Document:
    """The status to write; once all pods are of the new revision, it is the current one."""
    least = int(stateful_set["spec"].get("minReadySeconds") or 0)
    there = [pod for pod in pods if not is_leaving(pod)]
    updated = sum(revision_of(pod) == revisions.update for pod in there)
    ready = sum(is_true(pod, "Ready") for pod in pods)  # those on their way out still serve
    current = sum(revision_of(pod) == revisions.current for pod in there)
    name = revisions.current
    rolling = (stateful_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
    if rolling == "RollingUpdate" and updated == len(pods) == ready:
        name, current = revisions.update, updated
    counts = {"readyReplicas": ready, "currentReplicas": current, "updatedReplicas": updated}
    return {
        "observedGeneration": stateful_set["metadata"]["generation"],
        "replicas": len(pods),
        "availableReplicas": sum(is_available(pod, least, now) for pod in pods),
        "currentRevision": name,
        "updateRevision": revisions.update,
        "collisionCount": 0,
    } | {key: count for key, count in counts.items() if count}
