"""The DaemonSet controller: one pod on every node that takes it; updates replace one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, NamedTuple

from kthena_sandbox.controllers.conditions import is_available, is_true
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_uid, reference_to
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.podcontrol import PodControl, claim_all, follow_owned
from kthena_sandbox.controllers.replicaset_plan import has_ended, is_active
from kthena_sandbox.controllers.revisions import HASH, History, hash_of, revision_of
from kthena_sandbox.kinds import (
    DAEMON_SETS,
    NODES,
    PODS,
    REVISIONS,
    Document,
    Key,
    is_leaving,
    key_of,
    uid_of,
)
from kthena_sandbox.kubelet.fitting import may_stay, unfit_reason

_TOLERATED = (
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)  # fmt: skip


def new_pod(daemon_set: Document, node: str, revision: str) -> Document:
    """The pod for a node: bound to it by affinity, and not kept off by what nodes suffer. Pure."""
    template = deepcopy(daemon_set["spec"]["template"])
    given = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "generateName": f"{daemon_set['metadata']['name']}-",
        "namespace": daemon_set["metadata"]["namespace"],
        "labels": (given.get("labels") or {}) | _count_of(daemon_set) | {HASH: revision},
        "ownerReferences": [reference_to(daemon_set)],
    }
    if given.get("annotations"):
        metadata["annotations"] = given["annotations"]
    spec = template["spec"]
    tolerations = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        for name, effect in _TOLERATED
    ]
    named = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity = spec.get("affinity") or {}
    required = {"nodeSelectorTerms": [{"matchFields": [named]}]}
    placed = (affinity.get("nodeAffinity") or {}) | {
        "requiredDuringSchedulingIgnoredDuringExecution": required
    }
    return {
        "metadata": metadata,
        "spec": spec | {
            "affinity": affinity | {"nodeAffinity": placed},
            "tolerations": [*(spec.get("tolerations") or []), *tolerations],
        },
    }  # fmt: skip


def _count_of(daemon_set: Document) -> dict[str, str]:
    annotations = daemon_set["metadata"].get("annotations") or {}
    count = annotations.get("deprecated.daemonset.template.generation")
    return {"pod-template-generation": count} if count else {}


def node_of(pod: Document) -> str:
    """The node that a pod is on or meant for. Pure."""
    if name := pod["spec"].get("nodeName"):
        return str(name)
    placed = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = placed.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or []:
        for entry in term.get("matchFields") or []:
            return str((entry.get("values") or [""])[0])
    return ""


class Places(NamedTuple):
    """Names of nodes: those that are to have a pod, and those where one may stay that is there."""

    wanted: list[str]
    allowed: frozenset[str]


def places_of(daemon_set: Document, nodes: Iterable[Document]) -> Places:
    """Where its pods are to be: its own selector and affinity decide, and taints. Pure."""
    template = daemon_set["spec"]["template"]["spec"]
    wanted, allowed = [], set()
    for node in nodes:
        name = str(node["metadata"]["name"])
        placed = new_pod(daemon_set, name, "")["spec"]
        wished = template | {"tolerations": placed["tolerations"]}
        if not unfit_reason({"spec": wished}, node):
            wanted.append(name)
        if may_stay(wished, node):
            allowed.add(name)
    return Places(wanted, frozenset(allowed))


def plan(
    daemon_set: Document,
    pods: Sequence[Document],
    places: Places,
    revision: str,
    now: datetime,
) -> tuple[list[str], list[Document]]:
    """The nodes on which to make a pod, and the pods to delete. Pure."""
    nodes, placed = places.wanted, _by_node(pods)
    create = [name for name in nodes if name not in placed]
    delete = [
        pod for name, listed in placed.items() for pod in listed
        if not is_leaving(pod) and (name not in places.allowed or not is_active(pod))
    ]  # fmt: skip
    surge = _most(daemon_set, "maxSurge", 0, len(nodes)) if _is_rolling(daemon_set) else 0
    for name, listed in placed.items():
        if name in places.allowed:
            delete += _beyond(listed, revision if surge else "")
    if create or delete or not _is_rolling(daemon_set):
        return create, delete
    least = int(daemon_set["spec"].get("minReadySeconds") or 0)
    unwell = [pod for pod in pods if is_leaving(pod) or not is_available(pod, least, now)]
    if surge:
        return _surging(placed, revision, surge, unwell)
    room = max(0, max(1, _most(daemon_set, "maxUnavailable", 1, len(nodes))) - len(unwell))
    stale = [pod for pod in pods if revision_of(pod) != revision and not is_leaving(pod)]
    useless = [pod for pod in stale if pod in unwell]
    return [], useless or stale[:room]


def _by_node(pods: Iterable[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for pod in pods:
        found.setdefault(node_of(pod), []).append(pod)
    return found


def _beyond(pods: Iterable[Document], revision: str) -> list[Document]:
    """What is too many on a node: all but the oldest, where pods surge all but the oldest of *revision* and of others."""
    kept: set[bool] = set()
    found = []
    for pod in sorted((one for one in pods if is_active(one)), key=_age):
        is_new = bool(revision) and revision_of(pod) == revision
        if is_new in kept:
            found.append(pod)
        kept.add(is_new)
    return found


def _surging(
    placed: Mapping[str, list[Document]], revision: str, surge: int, unwell: list[Document]
) -> tuple[list[str], list[Document]]:
    """New pods beside the old ones, on *surge* nodes at a time; old ones go when those are available."""
    delete: list[Document] = []
    at_once: list[str] = []
    waiting: list[str] = []
    under_way = 0
    for name, listed in placed.items():
        staying = [pod for pod in listed if not is_leaving(pod)]
        new = [pod for pod in staying if revision_of(pod) == revision]
        old = [pod for pod in staying if pod not in new]
        if old and not new:
            (at_once if all(pod in unwell for pod in old) else waiting).append(name)
        elif old and all(pod in unwell for pod in new):
            under_way += 1
        elif old:
            delete += old
    return [*at_once, *waiting[: max(0, surge - under_way)]], delete


def _is_rolling(daemon_set: Document) -> bool:
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def _most(daemon_set: Document, field: str, default: int, count: int) -> int:
    """A number of pods, or a share of all of them."""
    rolling = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    value = rolling.get(field, default)
    if isinstance(value, str):
        value = -(-int(value.rstrip("%")) * count // 100)
    return int(value)


def status_of(
    daemon_set: Document,
    pods: Sequence[Document],
    nodes: Sequence[str],
    revision: str,
    now: datetime,
) -> Document:
    """The status to write. Pure."""
    least = int(daemon_set["spec"].get("minReadySeconds") or 0)
    by_node = _by_node(pod for pod in pods if not (is_leaving(pod) and has_ended(pod)))
    placed = [min(listed, key=_age) for name, listed in by_node.items() if name in nodes]
    available = sum(is_available(pod, least, now) for pod in placed)
    status: Document = {
        "observedGeneration": daemon_set["metadata"]["generation"],
        "desiredNumberScheduled": len(nodes),
        "currentNumberScheduled": len(placed),
        "numberMisscheduled": sum(name not in nodes for name in by_node),
        "numberReady": sum(is_true(pod, "Ready") for pod in placed),
    }
    counts = {
        "updatedNumberScheduled": sum(revision_of(pod) == revision for pod in placed),
        "numberAvailable": available,
        "numberUnavailable": len(nodes) - available,
    }
    return status | {name: count for name, count in counts.items() if count}


def _age(pod: Document) -> tuple[bool, str, str]:
    """Those that are bound to a node are the older ones."""
    metadata = pod["metadata"]
    unbound = not pod["spec"].get("nodeName")
    return unbound, str(metadata.get("creationTimestamp", "")), str(metadata["name"])


class DaemonSets:
    """Reconciles DaemonSets from the mirrors of theirs, of nodes, of revisions and of pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._events = parts.recorders["daemonset-controller"]
        self._control = PodControl(parts.client, parts.pods, self._events)
        self._history = History(parts.client, parts.mirrors[REVISIONS])
        self.loop: Reconciler[Key] = Reconciler("daemonsets", self._reconcile)
        self._sets = parts.follow(DAEMON_SETS, self.loop.add)
        self._nodes = parts.mirrors[NODES]
        self._nodes.subscribe(self._node_changed)
        follow_owned(parts.pods, DAEMON_SETS, self._sets, self.loop.add)

    def _node_changed(self, before: Document | None, after: Document | None) -> None:
        """A real controller, too, leaves a status alone as long as it has nothing to make or to delete on a node."""
        if before is not None and after is not None and _matters(before) == _matters(after):
            return
        for key, owner in self._sets.objects.items():
            if after is None or self._has_to_act(owner, after):
                self.loop.add(key)

    def _has_to_act(self, owner: Document, node: Document) -> bool:
        name, places = node["metadata"]["name"], places_of(owner, [node])
        is_there = any(
            controller_uid(pod) == uid_of(owner) and node_of(pod) == name
            for pod in self._pods.objects.values()
        )
        return not places.allowed if is_there else bool(places.wanted)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(DAEMON_SETS, NODES, REVISIONS):
            return 0.05
        owner = self._sets.objects.get(key)
        if owner is None or is_leaving(owner):
            return None
        revision = hash_of(await self._history.current(owner))
        pods = await claim_all(self._client, PODS, self._pods, owner)
        places = places_of(owner, self._nodes.objects.values())
        create, delete = plan(owner, pods, places, revision, self._wall_clock())
        for name in create:
            pods.append(await self._control.create(owner, new_pod(owner, name, revision)))
        for pod in delete:
            self._tell_ended(owner, pod)
            await self._control.delete(owner, pod)
        await self._history.forget(owner, {revision, *map(revision_of, pods)})
        pods = [self._pods.objects.get(key_of(pod), pod) for pod in pods]
        status = status_of(owner, pods, places.wanted, revision, self._wall_clock())
        if status != owner.get("status"):
            written = await self._client.replace(DAEMON_SETS, owner | {"status": status}, "status")
            self._sets.note(written)
        waiting = status["numberReady"] > status.get("numberAvailable", 0)
        return 1.0 if waiting else None

    def _tell_ended(self, owner: Document, pod: Document) -> None:
        """A pod that has come to its end is made anew."""
        metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        where = f"{metadata['namespace']}/{metadata['name']} on node {node_of(pod)}"
        if phase == "Failed":
            text = f"Found failed daemon pod {where}, will try to kill it"
            self._events.tell(owner, "FailedDaemonPod", text, "Warning")
        elif phase == "Succeeded":
            text = f"Found succeeded daemon pod {where}, will try to delete it"
            self._events.tell(owner, "SucceededDaemonPod", text)


def _matters(node: Document) -> tuple[Any, ...]:
    return node["metadata"].get("labels"), node.get("spec")
