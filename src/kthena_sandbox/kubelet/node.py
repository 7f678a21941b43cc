"""The node `sandbox`: its object, kept in place, and its Lease, kept fresh."""

import platform
from collections.abc import Callable
from datetime import datetime

import trio

from kthena_sandbox import __version__
from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import LEASES, NODES, Document, Key, key_of, uid_of
from kthena_sandbox.kubelet.fields import ALLOCATABLE
from kthena_sandbox.mirror import Mirror

NODE_NAME = "sandbox"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_ARCHITECTURE = _ARCHITECTURES.get(platform.machine(), platform.machine())
LABELS = {
    "kubernetes.io/hostname": NODE_NAME,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": _ARCHITECTURE,
    "node-role.kubernetes.io/control-plane": "",
}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)  # fmt: skip
LEASE = Key("kube-node-lease", NODE_NAME)
_LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0


def node_status(address: str, port: int, now: datetime) -> Document:
    """The status with the place where logs are served."""
    time = timestamp(now)
    return {
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "capacity": ALLOCATABLE,
        "allocatable": ALLOCATABLE,
        "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": message,
             "lastHeartbeatTime": time, "lastTransitionTime": time}
            for kind, status, reason, message in _CONDITIONS
        ],
        "nodeInfo": {
            "machineID": "", "systemUUID": "", "bootID": "",
            "kernelVersion": platform.release(), "osImage": "kthena sandbox",
            "containerRuntimeVersion": f"sandbox://{__version__}",
            "kubeletVersion": f"v{__version__}-sandbox", "kubeProxyVersion": "",
            "operatingSystem": "linux", "architecture": _ARCHITECTURE,
        },
    }  # fmt: skip


class NodeKeeper:
    """Creates the node, and again when somebody deletes it; `in_place` when it is there for the first time."""

    def __init__(
        self, client: Client, nodes: Mirror, port: int, wall_clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._port = port
        self._wall_clock = wall_clock
        self.in_place = trio.Event()
        self._renewed: datetime | None = None
        self.loop: Reconciler[Key] = Reconciler("node", self._keep)
        self.loop.add(Key("", NODE_NAME))
        nodes.subscribe(self._changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        for node in filter(None, (before, after)):
            if node["metadata"]["name"] == NODE_NAME:
                self.loop.add(key_of(node))

    async def _keep(self, key: Key) -> float | None:
        node = self._nodes.objects.get(key)
        status = node_status("127.0.0.1", self._port, self._wall_clock())
        if node is None:
            node = await self._create()
        endpoint = ((node.get("status") or {}).get("daemonEndpoints") or {}).get("kubeletEndpoint")
        if endpoint != {"Port": self._port}:
            written = await self._client.patch(NODES, key, {"status": status}, "status")
            node = self._nodes.note(written)
        self.in_place.set()
        await self._renew(node)
        return _RENEW_SECONDS

    async def _renew(self, node: Document) -> None:
        """The node's Lease, by which others see that its kubelet lives."""
        now = self._wall_clock()
        if self._renewed is not None and (now - self._renewed).total_seconds() < _RENEW_SECONDS / 2:
            return
        spec = {"holderIdentity": NODE_NAME, "leaseDurationSeconds": _LEASE_SECONDS,
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}  # fmt: skip
        owner = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME, "uid": uid_of(node)}
        metadata = {
            "name": LEASE.name, "namespace": LEASE.namespace, "ownerReferences": [owner],
        }  # fmt: skip
        document = {"metadata": metadata, "spec": spec}
        try:
            await self._client.patch(LEASES, LEASE, document)
        except ApiError as error:
            if error.code != 404:
                raise
            await self._client.create(LEASES, document)
        self._renewed = now

    async def _create(self) -> Document:
        try:
            node = await self._client.create(
                NODES, {"metadata": {"name": NODE_NAME, "labels": LABELS}}
            )
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            node = await self._client.get(NODES, Key("", NODE_NAME))
        return self._nodes.note(node)
