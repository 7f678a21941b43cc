"""Starts a worker for every pod of the node, and ends those whose pods go."""

import shutil
from collections.abc import Callable
from datetime import datetime

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.httpd.server import Server
from kthena_sandbox.kinds import NODES, Document, Key, is_leaving, key_of, uid_of
from kthena_sandbox.kubelet.addresses import AddressPool
from kthena_sandbox.kubelet.containers import Container
from kthena_sandbox.kubelet.logserver import LogServer
from kthena_sandbox.kubelet.node import NODE_NAME, NodeKeeper
from kthena_sandbox.kubelet.runtime import Host, Runtime
from kthena_sandbox.kubelet.scheduler import Scheduler
from kthena_sandbox.kubelet.sources import SourceReader
from kthena_sandbox.kubelet.worker import FINISHED, PodWorker, let_go
from kthena_sandbox.mirror import Mirror


class Kubelet:
    """Follows *pods*, which the caller runs; `run` does the rest."""

    def __init__(
        self,
        client: Client,
        pods: Mirror,
        wall_clock: Callable[[], datetime],
        host: Host,
        addresses: AddressPool | None = None,
    ) -> None:
        self._client = client
        self._pods = pods
        self._wall_clock = wall_clock
        self._addresses = addresses or AddressPool()
        self._events = EventRecorder(client, "kubelet", wall_clock)
        self._scheduling = EventRecorder(client, "default-scheduler", wall_clock)
        self._host = host
        self._sources = SourceReader(client)
        self._runtime = Runtime(host, self._sources)
        self._workers: dict[str, PodWorker] = {}
        self._send, self._receive = trio.open_memory_channel[
            tuple[Document | None, Document | None]
        ](float("inf"))
        self._nodes = Mirror(client, NODES)
        self._scheduler = Scheduler(client, pods, self._nodes, self._scheduling, wall_clock)
        pods.subscribe(self._changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        self._send.send_nowait((before, after))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; started when the node is in place to take pods."""
        server = Server(LogServer(self._find, self._wall_clock).handle, idle_seconds=lambda: 60.0)
        async with trio.open_nursery() as nursery:
            address = await nursery.start(server.run, "127.0.0.1", 0)
            keeper = NodeKeeper(self._client, self._nodes, address.port, self._wall_clock)
            nursery.start_soon(self._events.run)
            nursery.start_soon(self._scheduling.run)
            nursery.start_soon(self._nodes.run)
            nursery.start_soon(self._sources.run)
            nursery.start_soon(keeper.loop.run)
            nursery.start_soon(self._scheduler.loop.run)
            await keeper.in_place.wait()
            task_status.started()
            async for before, after in self._receive:
                self._handle(nursery, before, after)

    def _find(self, namespace: str, pod: str, name: str) -> Container | None:
        key = Key(namespace, pod)
        for worker in self._workers.values():
            if key_of(worker.pod) == key:
                named = (entry for entry in worker.all_containers if entry.state.name == name)
                return next(named, None)
        return None

    def _handle(
        self, nursery: trio.Nursery, before: Document | None, after: Document | None
    ) -> None:
        if after is None:
            worker = self._workers.get(uid_of(before or {}))
            if worker is not None:
                worker.cancel()
        elif after["spec"].get("nodeName") == NODE_NAME:
            self._handle_ours(nursery, after)
        elif is_leaving(after) and not self._has_node(after):
            nursery.start_soon(let_go, self._client, after)

    def _has_node(self, pod: Document) -> bool:
        name = pod["spec"].get("nodeName")
        return not name or Key("", name) in self._nodes.objects

    def _handle_ours(self, nursery: trio.Nursery, pod: Document) -> None:
        worker = self._workers.get(uid_of(pod))
        if worker is not None:
            worker.update(pod)
        elif is_leaving(pod):
            if pod["metadata"].get("deletionGracePeriodSeconds"):
                nursery.start_soon(let_go, self._client, pod)
        elif (pod.get("status") or {}).get("phase") not in FINISHED:
            nursery.start_soon(self._work, pod)

    async def _work(self, pod: Document) -> None:
        worker = PodWorker(
            pod, self._client, self._pods, self._addresses,
            runtime=self._runtime, events=self._events, wall_clock=self._wall_clock,
        )  # fmt: skip
        if self._workers.setdefault(worker.uid, worker) is not worker:
            return
        try:
            await worker.run()
        finally:
            del self._workers[worker.uid]
            self._addresses.give_back(worker.uid)
            shutil.rmtree(self._host.folder_of(pod), ignore_errors=True)
