"""Places pods on the one node, or says why it does not fit."""

from collections.abc import Callable
from datetime import datetime

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.conditions import with_condition
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.ownership import labels_of
from kthena_sandbox.controllers.volumeusers import names_of_claims
from kthena_sandbox.events import EventRecorder, timestamp
from kthena_sandbox.kinds import CLAIMS, PODS, Document, Key, is_leaving, key_of, uid_of
from kthena_sandbox.kubelet.crowding import has_ended
from kthena_sandbox.kubelet.fitting import claims_reason, crowded_reason, unfit_reason
from kthena_sandbox.kubelet.node import NODE_NAME
from kthena_sandbox.mirror import Mirror

_CLAIMS_SECONDS = 0.2  # until a pod is looked at again that waits for its volumes


class Scheduler:
    """Binds pods that have no node and ask for the default scheduler."""

    def __init__(
        self,
        client: Client,
        pods: Mirror,
        nodes: Mirror,
        events: EventRecorder,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._pods = pods
        self._nodes = nodes
        self._events = events
        self._wall_clock = wall_clock
        self._crowded_out: set[Key] = set()
        self._assumed: set[str] = set()  # bound by us, which the mirror does not show yet
        self.loop: Reconciler[Key] = Reconciler("scheduler", self._place)
        pods.subscribe(self._changed)
        nodes.subscribe(self._node_changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None and needs_node(after):
            self.loop.add(key_of(after))
            return
        self._assumed.discard(uid_of(after or before or {}))
        if after is None or has_ended(after) or _labels_changed(before, after):
            waiting, self._crowded_out = self._crowded_out, set()
            for key in waiting:
                self.loop.add(key)

    def _node_changed(self, before: Document | None, after: Document | None) -> None:
        for key, pod in self._pods.objects.items():
            if needs_node(pod):
                self.loop.add(key)

    async def _place(self, key: Key) -> float | None:
        pod = self._pods.objects.get(key)
        if pod is None or not needs_node(pod):
            return None
        if not self._nodes.synced.is_set():
            return 0.05
        if why := unfit_reason(pod, self._nodes.objects.get(Key("", NODE_NAME))):
            await self._say_unfit(pod, why)
            return None
        if why := self._crowded_reason(pod):
            self._crowded_out.add(key)
            await self._say_unfit(pod, why)
            return None
        if why := await self._claims_reason(pod):
            await self._say_unfit(pod, why)
            return _CLAIMS_SECONDS
        began = self._wall_clock()
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": key.name, "namespace": key.namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME},
        }
        await self._client.call("POST", PODS.path(*key, "binding"), body=binding)
        self._assumed.add(uid_of(pod))
        text = f"Successfully assigned {key} to {NODE_NAME}"
        self._events.tell(pod, "Scheduled", text, at=began)  # before what the kubelet has to tell
        return None

    def _crowded_reason(self, pod: Document) -> str:
        node = self._nodes.objects.get(Key("", NODE_NAME))
        if node is None:
            return ""
        return crowded_reason(pod, node, self._placed())

    def _placed(self) -> list[Document]:
        return [
            other
            for other in self._pods.objects.values()
            if other["spec"].get("nodeName") == NODE_NAME or uid_of(other) in self._assumed
        ]

    async def _claims_reason(self, pod: Document) -> str:
        namespace = pod["metadata"]["namespace"]
        claims = {
            name: await self._client.find(CLAIMS, Key(namespace, name))
            for name in names_of_claims(pod)
        }
        placed = (other for other in self._pods.objects.values() if other["spec"].get("nodeName"))
        return claims_reason(pod, claims, placed)

    async def _say_unfit(self, pod: Document, why: str) -> None:
        condition = {
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": why, "lastProbeTime": None, "lastTransitionTime": timestamp(self._wall_clock()),
        }  # fmt: skip
        present = (pod.get("status") or {}).get("conditions") or []
        conditions = with_condition(present, condition)
        if conditions == present:
            return
        self._events.tell(pod, "FailedScheduling", why, "Warning")
        change = {"status": {"conditions": conditions}}
        self._pods.note(await self._client.patch(PODS, key_of(pod), change, "status"))


def _labels_changed(before: Document | None, after: Document) -> bool:
    return before is not None and labels_of(before) != labels_of(after)


def needs_node(pod: Document) -> bool:
    """Whether a pod waits for a place from us."""
    spec = pod["spec"]
    ours = spec.get("schedulerName", "default-scheduler") == "default-scheduler"
    ours = ours and not spec.get("schedulingGates")
    return ours and not spec.get("nodeName") and not is_leaving(pod)
