"""Decides the steps of a Deployment's roll-out: which ReplicaSet to make, and how far to scale each. Pure."""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from math import ceil, floor
from typing import Any

import msgspec

from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.kinds import Document

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_PAST_REVISIONS = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_HASH_LENGTH = 10


def template_hash(template: Document, collisions: int) -> str:
    """A short name for a pod template, of letters that Kubernetes considers safe."""
    text = msgspec.json.encode([template, collisions], order="sorted")
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
    letters = []
    for _ in range(_HASH_LENGTH):
        number, index = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[index])
    return "".join(letters)


def _plain_template(replica_set: Document) -> Document:
    template = deepcopy(replica_set["spec"]["template"])
    metadata = template.get("metadata") or {}
    (metadata.get("labels") or {}).pop(HASH_LABEL, None)
    return dict(template)


def current_of(deployment: Document, owned: Sequence[Document]) -> Document | None:
    """The oldest ReplicaSet that has the Deployment's template."""
    wanted = deployment["spec"]["template"]
    found = [entry for entry in owned if _plain_template(entry) == wanted]
    return min(found, key=lambda entry: str(entry["metadata"]["creationTimestamp"]), default=None)


def revision_of(document: Document) -> int:
    """The revision that a ReplicaSet or Deployment carries, 0 without one."""
    text = (document["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def next_revision(owned: Sequence[Document], current: Document | None) -> int:
    """One more than all others have; the present one's own if that is it."""
    others = [revision_of(entry) for entry in owned if entry is not current]
    highest = max(others, default=0)
    return max(highest + 1, revision_of(current) if current is not None else 0)


def new_replica_set(
    deployment: Document, replicas: int, revision: int, collisions: int
) -> Document:
    """The ReplicaSet for the Deployment's present template."""
    spec = deployment["spec"]
    template = deepcopy(spec["template"])
    digest = template_hash(spec["template"], collisions)
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = digest
    selector = deepcopy(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
    own: dict[str, Any] = {"replicas": replicas, "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        own["minReadySeconds"] = spec["minReadySeconds"]
    metadata = {
        "name": f"{deployment['metadata']['name']}-{digest}",
        "namespace": deployment["metadata"]["namespace"],
        "labels": template["metadata"]["labels"],
        "annotations": annotations_of_current(deployment, None, revision),
        "ownerReferences": [reference_to(deployment)],
    }
    return {"metadata": metadata, "spec": own}


def annotations_of_current(
    deployment: Document, current: Document | None, revision: int
) -> dict[str, str]:
    """What the present ReplicaSet is told: the Deployment's own annotations, its revisions and its size."""
    own = {_PAST_REVISIONS, DESIRED, MOST, REVISION}
    skipped = own | {"kubectl.kubernetes.io/last-applied-configuration"}
    given = deployment["metadata"].get("annotations") or {}
    copied = {name: value for name, value in given.items() if name not in skipped}
    sizes = sized_annotations(deployment)
    before = (current["metadata"].get("annotations") or {}) if current is not None else {}
    past = [entry for entry in before.get(_PAST_REVISIONS, "").split(",") if entry]
    if current is not None and revision_of(current) not in {0, revision}:
        past.append(before[REVISION])
    history = {_PAST_REVISIONS: ",".join(past)} if past else {}
    return before | copied | sizes | history | {REVISION: str(revision)}


def sized_annotations(deployment: Document) -> dict[str, str]:
    """What ReplicaSets are told of the size of the Deployment for which they were sized."""
    replicas = int(deployment["spec"].get("replicas", 1))
    return {DESIRED: str(replicas), MOST: str(replicas + limits(deployment)[0])}


def limits(deployment: Document) -> tuple[int, int]:
    """`maxSurge` and `maxUnavailable` in pods."""
    spec = deployment["spec"]
    replicas = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, replicas
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, floor)
    if not surge and not unavailable:
        unavailable = 1
    return surge, min(unavailable, replicas)


def _share(value: int | str, replicas: int, rounding: Any) -> int:
    if isinstance(value, str):
        return int(rounding(int(value.rstrip("%")) * replicas / 100))
    return value


def replicas_of(replica_set: Document) -> int:
    """How many pods it is to have."""
    return int(replica_set["spec"].get("replicas", 1))


def counted(replica_set: Document, name: str) -> int:
    """A number of its status."""
    return int((replica_set.get("status") or {}).get(name, 0))


def scale_of_current(
    deployment: Document, current: Document | None, owned: Sequence[Document], old_pods: int
) -> int:
    """How many pods the present ReplicaSet may have now."""
    wanted = deployment["spec"].get("replicas", 1)
    present = replicas_of(current) if current is not None else 0
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return present if old_pods else wanted
    if present >= wanted:
        return int(wanted)
    surge, _ = limits(deployment)
    room = wanted + surge - sum(map(replicas_of, owned))
    return int(present + max(0, min(room, wanted - present)))


def scales_of_old(
    deployment: Document, current: Document, old: Sequence[Document]
) -> dict[str, int]:
    """How many pods the older ReplicaSets keep, by name; only those that change."""
    wanted = deployment["spec"].get("replicas", 1)
    _, unavailable = limits(deployment)
    least = wanted - unavailable
    total = sum(map(replicas_of, [current, *old]))
    unborn = max(0, replicas_of(current) - counted(current, "availableReplicas"))
    budget = total - least - unborn
    scales = {entry["metadata"]["name"]: replicas_of(entry) for entry in old}
    before = dict(scales)
    by_age = sorted(old, key=lambda entry: str(entry["metadata"]["creationTimestamp"]))
    for useless in (True, False):  # pods that serve nobody go first
        for entry in by_age:
            name = entry["metadata"]["name"]
            idle = max(0, scales[name] - counted(entry, "availableReplicas"))
            taken = max(0, min(budget, idle if useless else scales[name]))
            scales[name] -= taken
            budget -= taken
    return {name: scale for name, scale in scales.items() if scale != before[name]}


def obsolete(deployment: Document, old: Sequence[Document]) -> list[Document]:
    """Empty ReplicaSets beyond `revisionHistoryLimit`, the oldest revisions."""
    kept = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [
        entry
        for entry in old
        if not replicas_of(entry) and not counted(entry, "replicas")
        and "deletionTimestamp" not in entry["metadata"]
    ]  # fmt: skip
    return sorted(empty, key=revision_of)[: max(0, len(empty) - kept)]
