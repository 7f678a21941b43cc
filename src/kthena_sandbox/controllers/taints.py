"""The taint eviction controller: pods leave nodes with a taint `NoExecute` that they do not tolerate, or not any longer.

After "Taints and Tolerations" in the Kubernetes documentation.
"""

from datetime import datetime

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.conditions import with_condition
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import NODES, PODS, Document, Key, key_of, uid_of
from kthena_sandbox.kubelet.fitting import tolerates

COMPONENT = "taint-eviction-controller"


def patience_of(pod: Document, node: Document) -> float | None:
    """For how many seconds a pod bears its node's taints, None for ever. Pure."""
    tolerations = pod["spec"].get("tolerations") or []
    shortest: float | None = None
    for taint in _driving(node):
        bearing = [one for one in tolerations if tolerates(one, taint)]
        if not bearing:
            return 0.0
        for one in bearing:
            if (seconds := one.get("tolerationSeconds")) is not None:
                limit = max(0.0, float(seconds))
                shortest = limit if shortest is None else min(shortest, limit)
    return shortest


def _driving(node: Document) -> list[Document]:
    taints = (node.get("spec") or {}).get("taints") or []
    return [taint for taint in taints if taint["effect"] == "NoExecute"]


def with_disruption(pod: Document, now: datetime) -> Document:
    """The status that says why the pod goes. Pure."""
    told = {
        "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": timestamp(now), "observedGeneration": pod["metadata"]["generation"],
    }  # fmt: skip
    return {"conditions": with_condition((pod.get("status") or {}).get("conditions") or [], told)}


class TaintEvictions:
    """Reconciles pods from their mirror and that of the nodes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._events = parts.recorders[COMPONENT]
        self._since: dict[Key, datetime] = {}
        self.loop: Reconciler[Key] = Reconciler("taint evictions", self._reconcile)
        self._nodes = parts.mirrors[NODES]
        self._nodes.subscribe(self._node_changed)
        parts.pods.subscribe(self._pod_changed)

    def _node_changed(self, before: Document | None, after: Document | None) -> None:
        if after is None or (before is not None and _driving(before) == _driving(after)):
            return
        for key, pod in self._parts.pods.objects.items():
            if pod["spec"].get("nodeName") == after["metadata"]["name"]:
                self.loop.add(key)

    def _pod_changed(self, before: Document | None, after: Document | None) -> None:
        told = [
            one and (one["spec"].get("nodeName"), one["spec"].get("tolerations"))
            for one in (before, after)
        ]
        if told[0] != told[1]:
            self.loop.add(key_of(after or before or {}))

    async def _reconcile(self, key: Key) -> float | None:
        pod = self._parts.pods.objects.get(key)
        node = pod and self._nodes.objects.get(Key("", pod["spec"].get("nodeName") or ""))
        if pod is None or node is None:
            self._since.pop(key, None)
            return None
        patience, now = patience_of(pod, node), self._parts.wall_clock()
        if patience is None:
            if self._since.pop(key, None) is not None:
                self._events.tell(pod, "TaintManagerEviction", f"Cancelling deletion of Pod {key}")
            return None
        since = self._since.get(key) or now
        left = patience - (now - since).total_seconds()
        if left > 0:
            self._since[key] = since
            return left
        self._since.pop(key, None)
        self._events.tell(pod, "TaintManagerEviction", f"Marking for deletion Pod {key}")
        await self._evict(pod, now)
        return None

    async def _evict(self, pod: Document, now: datetime) -> None:
        client, key = self._parts.client, key_of(pod)
        try:
            own = {"resourceVersion": pod["metadata"]["resourceVersion"]}
            change = {"metadata": own, "status": with_disruption(pod, now)}
            await client.patch(PODS, key, change, "status")
            await client.delete(PODS, key, uid_of(pod))
        except ApiError as error:
            if error.code != 404:
                raise
