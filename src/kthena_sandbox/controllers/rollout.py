"""Decides the steps of a Deployment's roll-out: which ReplicaSet to make, and how far to scale each. Pure."""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from math import ceil, floor
from typing import Any

import msgspec

from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.kinds import Document, is_leaving

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_PAST_REVISIONS = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
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


def next_revision(old: Sequence[Document]) -> int:
    """One more than all others have: what the present one gets, unless it has it."""
    return max(map(revision_of, old), default=0) + 1


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
        "annotations": _copied(deployment)
        | sized_annotations(deployment)
        | {REVISION: str(revision)},
        "ownerReferences": [reference_to(deployment)],
    }
    return {"metadata": metadata, "spec": own}


def annotations_of_current(
    deployment: Document, current: Document, revision: int
) -> dict[str, str]:
    """What the present ReplicaSet is told: the Deployment's own annotations, and the revisions that it was before."""
    before = current["metadata"].get("annotations") or {}
    told = before | _copied(deployment)
    if revision_of(current) >= revision:
        return told
    past = [entry for entry in before.get(_PAST_REVISIONS, "").split(",") if entry]
    past += [before[REVISION]] if before.get(REVISION) else []
    history = {_PAST_REVISIONS: ",".join(past)} if past else {}
    return told | history | {REVISION: str(revision)}


def _copied(deployment: Document) -> dict[str, str]:
    skipped = {_PAST_REVISIONS, DESIRED, MOST, REVISION, _LAST_APPLIED}
    given = deployment["metadata"].get("annotations") or {}
    return {name: value for name, value in given.items() if name not in skipped}


def sized_annotations(deployment: Document) -> dict[str, str]:
    """From which size of the Deployment that of a ReplicaSet was reckoned."""
    replicas = int(deployment["spec"].get("replicas", 1))
    return {DESIRED: str(replicas), MOST: str(replicas + limits(deployment)[0])}


def is_recreated(deployment: Document) -> bool:
    """Whether its old pods go before new ones come."""
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")


def limits(deployment: Document) -> tuple[int, int]:
    """`maxSurge` and `maxUnavailable` in pods."""
    spec = deployment["spec"]
    replicas = spec.get("replicas", 1)
    if is_recreated(deployment):
        return 0, 0
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
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


def scale_of_new(deployment: Document, old: Sequence[Document]) -> int:
    """How many pods a ReplicaSet starts with."""
    wanted = int(deployment["spec"].get("replicas", 1))
    return wanted if is_recreated(deployment) else _grown(deployment, 0, old)


def scale_of_current(deployment: Document, current: Document, old: Sequence[Document]) -> int:
    """How many pods the present ReplicaSet may have now."""
    wanted, present = int(deployment["spec"].get("replicas", 1)), replicas_of(current)
    return wanted if present >= wanted else _grown(deployment, present, old)


def _grown(deployment: Document, present: int, old: Sequence[Document]) -> int:
    wanted = int(deployment["spec"].get("replicas", 1))
    room = wanted + limits(deployment)[0] - present - sum(map(replicas_of, old))
    return present + max(0, min(room, wanted - present))


def scales_of_old(
    deployment: Document, current: Document, old: Sequence[Document]
) -> dict[str, int]:
    """How many pods the older ReplicaSets keep, by name; only those that change. Pods that serve nobody go first."""
    sets = [current, *old]
    least = int(deployment["spec"].get("replicas", 1)) - limits(deployment)[1]
    unborn = replicas_of(current) - counted(current, "availableReplicas")
    budget = sum(map(replicas_of, sets)) - least - unborn
    if budget <= 0:
        return {}
    by_age = sorted(old, key=lambda entry: str(entry["metadata"]["creationTimestamp"]))
    scales = {entry["metadata"]["name"]: replicas_of(entry) for entry in by_age}
    for entry in by_age:
        idle = replicas_of(entry) - counted(entry, "availableReplicas")
        taken = max(0, min(budget, idle))
        scales[entry["metadata"]["name"]] -= taken
        budget -= taken
    spare = sum(map(_serving, sets)) - least
    for name, scale in scales.items():
        taken = max(0, min(spare, scale))
        scales[name] -= taken
        spare -= taken
    before = {entry["metadata"]["name"]: replicas_of(entry) for entry in old}
    return {name: scale for name, scale in scales.items() if scale != before[name]}


def _serving(replica_set: Document) -> int:
    """How many of its pods serve and are going to stay, also where its status is not up to date yet."""
    return min(counted(replica_set, "availableReplicas"), replicas_of(replica_set))


def obsolete(deployment: Document, old: Sequence[Document]) -> list[Document]:
    """Empty ReplicaSets beyond `revisionHistoryLimit`, the oldest revisions."""
    kept = int(deployment["spec"].get("revisionHistoryLimit", 10))
    there = [entry for entry in old if not is_leaving(entry)]
    beyond = sorted(there, key=revision_of)[: max(0, len(there) - kept)]
    return [entry for entry in beyond if not replicas_of(entry) and not counted(entry, "replicas")]
