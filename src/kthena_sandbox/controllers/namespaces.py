"""The namespace controller: empties a namespace that is being deleted, says what holds it, then lets it go."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.controllers.conditions import parse_time, with_condition
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.replicaset_plan import has_ended
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import NAMESPACES, PODS, Document, Key, Kind, is_leaving, key_of, uid_of
from kthena_sandbox.mirror import Mirror

_AGAIN_SECONDS = 0.25
_TROUBLES = {"ContentDeletionFailed", "SomeResourcesRemain", "SomeFinalizersRemain"}


@dataclass
class Remains:
    """What is left in a namespace: objects by `resource.group`, and how many each finalizer holds.

    `pods_of` is its name where it has pods that should have gone by now.
    """

    objects: Counter[str] = field(default_factory=Counter)
    finalizers: Counter[str] = field(default_factory=Counter)
    pods_of: str = ""

    def count(self, kind: Kind, document: Document) -> None:
        """Add one object."""
        self.objects[f"{kind.plural}.{kind.group}"] += 1
        self.finalizers.update(document["metadata"].get("finalizers") or [])


class Namespaces:
    """Reconciles namespaces that are on their way out."""

    def __init__(
        self, client: Client, namespaces: Mirror, wall_clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._namespaces = namespaces
        self._wall_clock = wall_clock
        self.loop: Reconciler[Key] = Reconciler("namespaces", self._reconcile)
        namespaces.subscribe(self._changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None and is_leaving(after):
            self.loop.add(key_of(after))

    async def _reconcile(self, key: Key) -> float | None:
        namespace = self._namespaces.objects.get(key)
        if namespace is None or not is_leaving(namespace):
            return None
        if (left := await self._empty_of_pods(namespace)) is not None:
            await self._explain(namespace, left)
            return _AGAIN_SECONDS
        left = Remains()
        for kind in await discover(self._client):
            if kind.namespaced:
                await self._empty(kind, key.name, left)
        if left.objects:
            await self._explain(namespace, left)
            return _AGAIN_SECONDS
        await self._finalize(namespace)
        return None

    async def _empty_of_pods(self, namespace: Document) -> Remains | None:
        """Pods go before all that they use; None once they are gone."""
        name = key_of(namespace).name
        await self._empty(PODS, name, Remains())
        pods = await self._client.list(PODS, name)
        late = is_late(namespace, pods, self._wall_clock())
        return Remains(pods_of=name if late else "") if pods else None

    async def _empty(self, kind: Kind, name: str, left: Remains) -> None:
        """Delete all objects of a kind, and count those that are there."""
        for document in await self._client.list(kind, name):
            left.count(kind, document)
            if is_leaving(document):
                continue
            try:
                await self._client.delete(
                    kind, key_of(document), uid_of(document), propagationPolicy="Background"
                )
            except ApiError as error:
                if error.code not in {404, 409}:
                    raise

    async def _explain(self, namespace: Document, left: Remains) -> None:
        conditions = conditions_of(namespace, left, self._wall_clock())
        if conditions != (namespace.get("status") or {}).get("conditions"):
            change = {"status": {"conditions": conditions}}
            key = key_of(namespace)
            self._namespaces.note(await self._client.patch(NAMESPACES, key, change, "status"))

    async def _finalize(self, namespace: Document) -> None:
        kept = [
            entry for entry in namespace["spec"].get("finalizers") or [] if entry != "kubernetes"
        ]
        document = namespace | {"spec": {"finalizers": kept}}
        await self._client.replace(NAMESPACES, document, "finalize")


def is_late(namespace: Document, pods: Iterable[Document], now: datetime) -> bool:
    """Whether pods are still there although the longest grace period of one that runs is over. Pure."""
    running = (pod for pod in pods if not has_ended(pod))
    grace = max(
        (pod["spec"].get("terminationGracePeriodSeconds", 30) for pod in running), default=0
    )
    since = parse_time(namespace["metadata"]["deletionTimestamp"])
    return bool((now - since).total_seconds() >= grace)


def conditions_of(namespace: Document, left: Remains, now: datetime) -> list[Document]:
    """The conditions of a namespace that still has content, in the words of Kubernetes. Pure."""
    objects = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(left.objects.items())
    )
    holding = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(left.finalizers.items())
    )
    found = [
        ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered",
         "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
         "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", "ContentDeletionFailed",
         ("Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: "
         f"{left.pods_of} for gvr: /v1, Resource=pods"))
        if left.pods_of else
        ("NamespaceDeletionContentFailure", "ContentDeleted",
         "All content successfully deleted, may be waiting on finalization"),
        ("NamespaceContentRemaining", "SomeResourcesRemain",
         f"Some resources are remaining: {objects}")
        if objects else
        ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
        ("NamespaceFinalizersRemaining", "SomeFinalizersRemain",
         f"Some content in the namespace has finalizers remaining: {holding}")
        if holding else
        ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers",
         "All content-preserving finalizers finished"),
    ]  # fmt: skip
    conditions: list[Document] = (namespace.get("status") or {}).get("conditions") or []
    for kind, reason, message in found:
        status = "True" if reason in _TROUBLES else "False"
        condition = {"type": kind, "status": status, "reason": reason, "message": message,
                     "lastTransitionTime": timestamp(now)}  # fmt: skip
        conditions = with_condition(conditions, condition)
    return conditions
