"""The disruption controller: how many pods of a PodDisruptionBudget may be evicted now."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.conditions import is_true, parse_time, with_condition
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import controller_of, controller_uid, labels_of, selects
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.scales import find_served
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import (
    BUDGETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    Document,
    Key,
    is_leaving,
    uid_of,
)

_FORGOTTEN = timedelta(minutes=2)  # an eviction that did not lead to a deletion

_SCALED = (REPLICA_SETS, STATEFUL_SETS, DEPLOYMENTS, REPLICATION_CONTROLLERS)


def share(value: int | str, count: int) -> int:
    """A number of pods, or a percentage of them, rounded up. Pure."""
    return ceil(int(value.rstrip("%")) * count / 100) if isinstance(value, str) else value


def limits_of(budget: Document, pods: int, scale: int) -> tuple[int, int]:
    """How many pods are expected and how many must be healthy; *scale* is what their controllers want. Pure."""
    spec = budget["spec"]
    if (most := spec.get("maxUnavailable")) is not None:
        return scale, max(0, scale - share(most, scale))
    least = spec.get("minAvailable", 1)
    if isinstance(least, str):
        return scale, share(least, scale)
    return pods, least


def status_of(budget: Document, pods: Sequence[Document], scale: int, now: datetime) -> Document:
    """The status to write. Pure."""
    present = budget.get("status") or {}
    going = {
        name: time
        for name, time in (present.get("disruptedPods") or {}).items()
        if now - parse_time(time) < _FORGOTTEN
        and any(pod["metadata"]["name"] == name and not is_leaving(pod) for pod in pods)
    }
    healthy = sum(
        is_true(pod, "Ready") and not is_leaving(pod) and pod["metadata"]["name"] not in going
        for pod in pods
    )
    expected, needed = limits_of(budget, len(pods), scale)
    allowed = max(0, healthy - needed) if expected > 0 else 0
    generation = budget["metadata"]["generation"]
    condition = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "", "observedGeneration": generation, "lastTransitionTime": timestamp(now),
    }  # fmt: skip
    return {
        "conditions": with_condition(present.get("conditions") or [], condition),
        "currentHealthy": healthy,
        "desiredHealthy": needed,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": generation,
    } | ({"disruptedPods": going} if going else {})


def failed_status(budget: Document, why: str, now: datetime) -> Document:
    """The status of one that cannot be reckoned: nothing may be evicted. Pure."""
    present = budget.get("status") or {}
    condition = {
        "type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": why,
        "lastTransitionTime": timestamp(now),
    }  # fmt: skip
    if seen := present.get("observedGeneration"):
        condition["observedGeneration"] = seen
    counts = dict.fromkeys(("currentHealthy", "desiredHealthy", "expectedPods"), 0)
    conditions = with_condition(present.get("conditions") or [], condition)
    return counts | present | {"disruptionsAllowed": 0, "conditions": conditions}


def unmanaged_text(selector: Document) -> str:
    """What is told where a share is asked of pods that nobody manages; the selector as Go shows it. Pure."""
    given = selector.get("matchLabels") or {}
    labels = "".join(f"{key}: {text}," for key, text in sorted(given.items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{one['key']},Operator:{one['operator']},"
        f"Values:[{' '.join(one.get('values') or [])}],}},"
        for one in selector.get("matchExpressions") or []
    )
    shown = (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {shown}) were found to be unmanaged. As a result, "
        "the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To "
        'account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    )


def asks_for_a_share(budget: Document) -> bool:
    """Whether it is reckoned from what the controllers of its pods want. Pure."""
    spec = budget["spec"]
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


class Budgets:
    """Reconciles PodDisruptionBudgets from the mirrors of theirs, of pods and of what makes pods."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client, self._pods, self._wall_clock = parts.client, parts.pods, parts.wall_clock
        self._events = parts.recorders["controllermanager"]
        self._owners = {kind.name: parts.mirrors[kind] for kind in _SCALED}
        self.loop: Reconciler[Key] = Reconciler("budgets", self._reconcile)
        self._budgets = parts.follow(BUDGETS, self.loop.add)
        parts.pods.subscribe(self._pod_changed)
        for mirror in self._owners.values():
            mirror.subscribe(self._owner_changed)

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        for pod in filter(None, (before, after)):
            for key, budget in self._budgets.objects.items():
                if _is_of(budget, pod):
                    self.loop.add(key)

    def _owner_changed(self, before: Document | None, after: Document | None) -> None:
        """Its size may be what a budget is reckoned from."""
        if after is None:
            return
        if before is None or before["spec"].get("replicas") != after["spec"].get("replicas"):
            for key in self._budgets.objects:
                if key.namespace == after["metadata"]["namespace"]:
                    self.loop.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        if not self._parts.are_synced(BUDGETS, *_SCALED):
            return 0.05
        budget = self._budgets.objects.get(key)
        if budget is None or is_leaving(budget):
            return None
        pods = [pod for pod in self._pods.objects.values() if _is_of(budget, pod)]
        self._tell(budget, pods)
        try:
            scale = await self._scale(pods) if asks_for_a_share(budget) else 0
        except LookupError as error:
            told = f"Failed to calculate the number of expected pods: {error}"
            self._events.tell(budget, "CalculateExpectedPodCountFailed", told, "Warning")
            status = failed_status(budget, str(error), self._wall_clock())
        else:
            status = status_of(budget, pods, scale, self._wall_clock())
        if status != budget.get("status"):
            written = await self._client.replace(BUDGETS, budget | {"status": status}, "status")
            self._budgets.note(written)
        return _FORGOTTEN.total_seconds() if status.get("disruptedPods") else None

    def _tell(self, budget: Document, pods: Sequence[Document]) -> None:
        if not pods:
            self._events.tell(budget, "NoPods", "No matching pods found")
        elif asks_for_a_share(budget) and any(controller_of(pod) is None for pod in pods):
            text = unmanaged_text(budget["spec"].get("selector") or {})
            self._events.tell(budget, "UnmanagedPods", text, "Warning")

    async def _scale(self, pods: Sequence[Document]) -> int:
        """How many pods their controllers want; pods without one count for none. Raises LookupError."""
        owners: dict[str, int] = {}
        for pod in pods:
            owner, reference = self._owner(pod), controller_of(pod)
            if owner is not None and owner["kind"] == REPLICA_SETS.name:
                owner = self._owner(owner) or owner
            if owner is not None:
                owners[uid_of(owner)] = int(owner["spec"].get("replicas", 1))
            elif reference is not None and reference["uid"] not in owners:
                owners[reference["uid"]] = await self._other_scale(pod, reference)
        return sum(owners.values())

    async def _other_scale(self, pod: Document, reference: Document) -> int:
        """What a custom resource wants, none where the owner is gone. Raises LookupError where its kind cannot say."""
        if reference["kind"] in self._owners:
            return 0
        served = await find_served(self._client, reference)
        if served is None:
            version = reference["apiVersion"]
            raise LookupError(f'no matches for kind "{reference["kind"]}" in version "{version}"')
        if not served.has_scale:
            raise LookupError(f"{served.resource} does not implement the scale subresource")
        path = served.kind.path(pod["metadata"]["namespace"], reference["name"], "scale")
        try:
            scale = await self._client.call("GET", path)
        except ApiError as error:
            if error.code == 404:
                return 0
            raise
        same = uid_of(scale) == reference["uid"]
        return int((scale.get("spec") or {}).get("replicas") or 0) if same else 0

    def _owner(self, document: Document) -> Document | None:
        reference = controller_of(document)
        mirror = self._owners.get((reference or {}).get("kind", ""))
        if reference is None or mirror is None:
            return None
        found = mirror.objects.get(Key(document["metadata"]["namespace"], reference["name"]))
        same = found is not None and uid_of(found) == controller_uid(document)
        return found if same else None


def _is_of(budget: Document, pod: Document) -> bool:
    same = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and selects(budget["spec"].get("selector"), labels_of(pod))
