"""One cluster with controllers and without a kubelet: what the scenarios do in it, and what is then there."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import trio

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.controllers.daemonsets import node_of
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import DEFINITIONS, NAMESPACES, NODES, PODS, Document, Key, Kind
from kthena_sandbox.mirror import Mirror

_QUIET_SECONDS = (
    1.8  # without a change, until all controllers are taken to be done; some wait for a second
)
_ROUND_TRIPS = 6  # for which a controller may be silent beyond that
_LONGEST_SECONDS = 20.0
_POLL_SECONDS = 0.3
_LONG_AGO = "2026-01-01T00:00:00Z"
NODE = "node"
_NEW_ACCOUNT_TRIES = 50
# Of kinds without namespaces those count that are called after the scenario's own.
_CLUSTER_WIDE = (
    "persistentvolumes", "storageclasses.storage.k8s.io", "clusterroles.rbac.authorization.k8s.io",
)  # fmt: skip
WATCHED = (
    "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "controllerrevisions.apps",
    "jobs.batch", "cronjobs.batch", "pods", "services", "endpoints", "endpointslices.discovery.k8s.io", "events",
    "poddisruptionbudgets.policy", "configmaps", "secrets", "serviceaccounts", "resourcequotas",
    "horizontalpodautoscalers.autoscaling", "replicationcontrollers", "persistentvolumeclaims",
)  # fmt: skip


class Pulse:
    """When something of a namespace has changed last, as watches of the whole cluster tell it."""

    def __init__(self, client: Client, kinds: Iterable[Kind]) -> None:
        self._changed: dict[str, float] = {}
        self.mirrors = [Mirror(client, kind, metadata_only=True) for kind in kinds]
        for mirror in self.mirrors:
            mirror.subscribe(self._note)

    def _note(self, before: Document | None, after: Document | None) -> None:
        metadata = (after or before or {})["metadata"]
        self._changed[metadata.get("namespace") or metadata["name"]] = trio.current_time()

    def quiet_seconds(self, namespace: str) -> float:
        """How long nothing has happened in a namespace, or to what is called after it."""
        times = (at for name, at in self._changed.items() if name.startswith(namespace))
        return trio.current_time() - max(times, default=0.0)


@dataclass(frozen=True)
class Place:
    """One cluster: who is asked, which kinds it serves, and its pulse."""

    client: Client
    kinds: Mapping[str, Kind]
    pulse: Pulse


@asynccontextmanager
async def open_place(client: Client) -> AsyncIterator[Place]:
    """Follow what changes in a cluster, and make the node to which all pods are bound."""
    known = {
        f"{kind.plural}.{kind.group}" if kind.group else kind.plural: kind
        for kind in await discover(client)
    }
    followed = [known[name] for name in (*WATCHED, *_CLUSTER_WIDE) if name in known]
    pulse = Pulse(client, [*followed, NAMESPACES])
    async with trio.open_nursery() as nursery:
        for mirror in pulse.mirrors:
            nursery.start_soon(mirror.run)
        await _make_node(client)
        yield Place(client, known, pulse)
        nursery.cancel_scope.cancel()


@dataclass
class World:
    """A namespace of one cluster."""

    client: Client
    namespace: str
    kinds: Mapping[str, Kind]
    pulse: Pulse
    names: dict[str, str] = field(default_factory=dict)
    _definitions: list[str] = field(default_factory=list)
    _addresses: dict[str, str] = field(default_factory=dict)

    async def create(self, resource: str, name: str, **fields: Any) -> None:
        """Create an object; `metadata` among the *fields* is merged with its name and namespace."""
        kind = self.kinds[resource]
        home = {"namespace": self.namespace} if kind.namespaced else {}
        metadata = {"name": name} | home | fields.pop("metadata", {})
        await self.client.create(kind, {"metadata": metadata} | fields)

    async def patch(
        self, resource: str, name: str, change: Document, subresource: str = ""
    ) -> None:
        await self.client.patch(
            self.kinds[resource], self._key(resource, name), change, subresource
        )

    async def delete(self, resource: str, name: str, **options: Any) -> None:
        await self.client.delete(self.kinds[resource], self._key(resource, name), **options)

    def _key(self, resource: str, name: str) -> Key:
        return Key(self.namespace if self.kinds[resource].namespaced else "", name)

    async def names_of(self, resource: str) -> list[str]:
        """Return the names of all objects of a kind."""
        found = await self.client.list(self.kinds[resource], self.namespace)
        return [str(item["metadata"]["name"]) for item in found]

    async def reference(self, resource: str, name: str) -> Document:
        """Return the owner reference to an object."""
        kind = self.kinds[resource]
        found = await self.client.get(kind, self._key(resource, name))
        return {
            "apiVersion": kind.api_version, "kind": kind.name, "name": name,
            "uid": found["metadata"]["uid"],
        }  # fmt: skip

    async def define(self, plural: str, kind: str) -> None:
        """Define a kind of custom resources in a group of this namespace's own; later it is known as *plural*."""
        group = f"{self.namespace}.example.com"
        names = {"plural": plural, "singular": kind.lower(), "kind": kind}
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
        }  # fmt: skip
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
        await self.client.create(
            DEFINITIONS, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec}
        )
        self._definitions.append(f"{plural}.{group}")
        made = Kind(group, "v1", kind, plural, namespaced=True)
        self.kinds = {**self.kinds, plural: made}
        for _ in range(_NEW_ACCOUNT_TRIES):
            with suppress(ApiError):
                await self.client.list(made, self.namespace)
                return
            await trio.sleep(0.1)

    async def evict(self, pod: Document) -> None:
        """Evict a pod, or be refused."""
        metadata = {"name": pod["metadata"]["name"], "namespace": self.namespace}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = PODS.path(self.namespace, metadata["name"], "eviction")
        with suppress(ApiError):  # what became of it is seen in the pods
            await self.client.call("POST", path, body=body)

    async def pods(self, **labels: str) -> list[Document]:
        """Return the pods that are not leaving, the oldest first, those of a second by name."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        params = {"labelSelector": selector} if selector else {}
        found = await self.client.list(PODS, self.namespace, **params)
        kept = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(
            kept, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"])
        )

    async def run_pods(
        self, limit: int = 1000, *, ready: bool = True, since: str = _LONG_AGO
    ) -> None:
        """Be the kubelet that has started pods, at most *limit* that were not. They are ready *since* then, or "now"."""
        waiting = [pod for pod in await self.pods() if pod["status"]["phase"] == "Pending"]
        for pod in waiting[:limit]:
            address = self._addresses.setdefault(
                pod["metadata"]["uid"], f"10.1.0.{len(self._addresses) + 1}"
            )
            await self._bind(pod)
            await self.set_phase(pod, "Running", ready=ready, address=address, since=since)

    async def _bind(self, pod: Document) -> None:
        """Be the scheduler, who knows one node, and what pods of a DaemonSet ask for."""
        if "nodeName" in pod["spec"]:
            return
        name = pod["metadata"]["name"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"kind": "Node", "name": node_of(pod) or NODE},
        }
        await self.client.call("POST", PODS.path(self.namespace, name, "binding"), body=body)

    async def set_phase(
        self, pod: Document, phase: str, *, ready: bool = False, address: str = "", code: int = 0,
        since: str = _LONG_AGO,
    ) -> None:  # fmt: skip
        """Write what a kubelet writes of a pod."""
        now = timestamp(datetime.now(UTC)) if since == "now" else since
        status: Document = {"phase": phase, "startTime": now}
        status["conditions"] = [
            {"type": kind, "status": "True" if ready else "False", "lastTransitionTime": now}
            for kind in ("Ready", "ContainersReady")
        ]
        if address:
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        ended = {"terminated": {"exitCode": code, "finishedAt": now, "startedAt": now}}
        state = ended if phase in {"Succeeded", "Failed"} else {"running": {"startedAt": now}}
        status["containerStatuses"] = [
            {
                "name": one["name"],
                "image": one["image"],
                "imageID": "",
                "restartCount": 0,
                "ready": ready,
                "state": state,
            }
            for one in pod["spec"]["containers"]
        ]
        await self.patch("pods", pod["metadata"]["name"], {"status": status}, "status")

    async def end_pods(self, phase: str, limit: int = 1000, code: int = 0) -> None:
        """Let pods that run come to their end."""
        running = [pod for pod in await self.pods() if pod["status"]["phase"] == "Running"]
        for pod in running[:limit]:
            await self.set_phase(pod, phase, code=code)

    async def end_index(self, index: str, phase: str, code: int = 0) -> None:
        """Let the pod of an index come to its end that runs."""
        name = "batch.kubernetes.io/job-completion-index"
        for pod in await self.pods():
            if pod["metadata"]["labels"][name] == index and pod["status"]["phase"] == "Running":
                await self.set_phase(pod, phase, code=code)

    async def let_go(self) -> None:
        """Be the kubelet that has stopped the pods which are leaving."""
        for pod in await self.client.list(PODS, self.namespace):
            if "deletionTimestamp" not in pod["metadata"]:
                continue
            with suppress(ApiError):  # it went by itself
                await self.client.delete(
                    PODS, Key(self.namespace, pod["metadata"]["name"]), gracePeriodSeconds=0
                )

    async def make_node(self, name: str, **labels: str) -> None:
        """Add a node for those who tolerate the taint `only`."""
        name = f"{self.namespace}-{name}"
        own = {"of": self.namespace} | labels
        await self.create("nodes", name, metadata={"labels": own})
        taint = {"key": "only", "value": self.namespace, "effect": "NoSchedule"}
        await self.patch("nodes", name, {"spec": {"taints": [taint]}})
        ready = {"type": "Ready", "status": "True"}
        await self.patch("nodes", name, {"status": {"conditions": [ready]}}, "status")

    async def taint_node(self, name: str, *effects: str) -> None:
        """Give a node of the scenario further taints, or none."""
        kept = {"key": "only", "value": self.namespace, "effect": "NoSchedule"}
        more = [{"key": "more", "effect": effect} for effect in effects]
        await self.patch("nodes", f"{self.namespace}-{name}", {"spec": {"taints": [kept, *more]}})

    async def delete_namespace(self) -> None:
        """Delete the namespace, if it is still there."""
        with suppress(ApiError):
            await self.client.delete(NAMESPACES, Key("", self.namespace))

    async def close(self) -> None:
        """Leave nothing that would hold the namespace."""
        await self.delete_namespace()
        await trio.sleep(_POLL_SECONDS)
        await self.let_go()
        for name in self._definitions:
            await self.client.delete(DEFINITIONS, Key("", name))
        for resource in (*_CLUSTER_WIDE, "nodes"):
            for name in await self.names_of(resource):
                if name.startswith(self.namespace):
                    await self._discard(resource, name)

    async def _discard(self, resource: str, name: str) -> None:
        """Delete what does not go with the namespace, whatever holds it, unless it is gone."""
        with suppress(ApiError):
            await self.delete(resource, name)
            await self.patch(resource, name, {"metadata": {"finalizers": None}})

    async def rest(self) -> None:
        """Wait until nothing has changed for a while, or the time is up."""
        begun = trio.current_time()
        with trio.move_on_after(_LONGEST_SECONDS):
            while True:
                enough = _QUIET_SECONDS + _ROUND_TRIPS * await self._round_trip()
                waited = trio.current_time() - begun
                left = enough - min(waited, self.pulse.quiet_seconds(self.namespace))
                if left <= 0:
                    return
                await trio.sleep(max(_POLL_SECONDS, left))

    async def _round_trip(self) -> float:
        """How long one request takes now: on a busy machine, controllers need longer too."""
        begun = trio.current_time()
        await self.client.list(PODS, self.namespace)
        return trio.current_time() - begun

    async def replace_pods(self, limit: int = 1000) -> None:
        """Let those go that are leaving, and start those that come in their place."""
        await self.let_go()
        await self.rest()
        await self.run_pods(limit)

    async def settled(self) -> dict[str, list[Document]]:
        """Return all objects once nothing has changed for a while, or the time is up."""
        await self.rest()
        found = json.dumps(await self._objects())
        return json.loads(found.replace(self.namespace, "(namespace)"))  # type: ignore[no-any-return]

    async def _objects(self) -> dict[str, list[Document]]:
        names = [name for name in (*WATCHED, "widgets") if name in self.kinds]
        found = {name: await self.client.list(self.kinds[name], self.namespace) for name in names}
        own = await self.client.find(NAMESPACES, Key("", self.namespace))
        for name in _CLUSTER_WIDE:
            listed = await self.client.list(self.kinds[name])
            found[name] = [
                item for item in listed if item["metadata"]["name"].startswith(self.namespace)
            ]
        return found | {"namespaces": [] if own is None else [own]}


async def _make_node(client: Client) -> None:
    """Make the node to which all pods are bound."""
    if await client.find(NODES, Key("", NODE)) is None:
        await client.create(NODES, {"metadata": {"name": NODE}})
    await client.patch(NODES, Key("", NODE), {"spec": {"taints": None}})
    ready = {"type": "Ready", "status": "True"}
    await client.patch(NODES, Key("", NODE), {"status": {"conditions": [ready]}}, "status")


async def open_world(place: Place, namespace: str) -> World:
    """Make the namespace, which no other run has, and wait for its service account."""
    await place.client.create(NAMESPACES, {"metadata": {"name": namespace}})
    world = World(place.client, namespace, place.kinds, place.pulse)
    for _ in range(_NEW_ACCOUNT_TRIES):
        if await place.client.find(place.kinds["serviceaccounts"], Key(namespace, "default")):
            break
        await trio.sleep(0.1)
    return world
