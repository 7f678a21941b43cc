"""Sizes of a Deployment's ReplicaSets when its own size changes in the middle of a roll-out. Pure.

"Proportional scaling" of the Deployment documentation: old and new ones grow and shrink alike.
"""

from collections.abc import Sequence

from kthena_sandbox.controllers.rollout import DESIRED, MOST, counted, limits, replicas_of
from kthena_sandbox.kinds import Document


def is_resized(deployment: Document, owned: Sequence[Document]) -> bool:
    """Whether a ReplicaSet with pods was sized for another size of the Deployment."""
    wanted = _wanted(deployment)
    return any(
        _noted(entry, DESIRED) not in {None, wanted} for entry in owned if replicas_of(entry)
    )


def resized(
    deployment: Document, current: Document | None, owned: Sequence[Document]
) -> dict[str, int]:
    """The new sizes by name, of those that have pods or get some."""
    wanted = _wanted(deployment)
    active = [entry for entry in owned if replicas_of(entry)]
    if len(active) <= 1:
        latest = current or max(owned, key=_created, default=None)
        only = active[0] if active else latest
        return {} if only is None else {_name(only): wanted}
    old = [entry for entry in active if entry is not current]
    if current is not None and _is_saturated(current, wanted):
        return {_name(entry): 0 for entry in old}
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return {}
    return _shared_out(deployment, active)


def _wanted(deployment: Document) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _name(replica_set: Document) -> str:
    return str(replica_set["metadata"]["name"])


def _created(replica_set: Document) -> str:
    return str(replica_set["metadata"].get("creationTimestamp", ""))


def _noted(replica_set: Document, name: str) -> int | None:
    text = (replica_set["metadata"].get("annotations") or {}).get(name, "")
    return int(text) if text.isdecimal() else None


def _is_saturated(current: Document, wanted: int) -> bool:
    sizes = {replicas_of(current), _noted(current, DESIRED), counted(current, "availableReplicas")}
    return sizes == {wanted}


def _shared_out(deployment: Document, active: list[Document]) -> dict[str, int]:
    """What there is more or less to be, in shares; what roundings leave over goes to the largest."""
    wanted = _wanted(deployment)
    most = wanted + limits(deployment)[0] if wanted else 0
    change = most - sum(map(replicas_of, active))
    by_age = sorted(active, key=_created, reverse=change > 0)
    ordered = sorted(by_age, key=replicas_of, reverse=True)
    sizes = {_name(entry): replicas_of(entry) for entry in ordered}
    given = 0
    for entry in ordered:
        if change:
            share = _share(deployment, entry, change - given)
            sizes[_name(entry)] += share
            given += share
    largest = _name(ordered[0])
    sizes[largest] = max(0, sizes[largest] + change - given)
    return sizes


def _share(deployment: Document, replica_set: Document, left: int) -> int:
    """How many pods more or less one is to have, of those that are *left* to be given or taken."""
    size, wanted = replicas_of(replica_set), _wanted(deployment)
    if not size or not left:
        return 0
    if not wanted:
        return max(-size, left)
    before = _noted(replica_set, MOST) or counted(deployment, "replicas")
    if not before:
        return 0
    new = int(size * (wanted + limits(deployment)[0]) / before + 0.5)
    return min(new - size, left) if left > 0 else max(new - size, left)
