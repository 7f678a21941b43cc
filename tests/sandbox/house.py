"""A cluster in this process: the real API server on a free port, with controllers and kubelet as asked."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from kthena_sandbox.apiserver.server import serve
from kthena_sandbox.apiserver.settings import Settings
from kthena_sandbox.client import Client, open_client
from kthena_sandbox.controllers.run import run_controllers, utc_now
from kthena_sandbox.entrance import Entrance
from kthena_sandbox.kinds import PODS, Document, Key, Kind
from kthena_sandbox.kubelet.kubelet import Kubelet
from kthena_sandbox.kubelet.runtime import Host
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.processes import Children

_PATIENCE = 60.0  # most take a tenth of a second, on a machine with nothing else to do


@dataclass
class Cluster:
    client: Client
    url: str

    async def until(self, look: Callable[[], Awaitable[Any]], seconds: float = _PATIENCE) -> Any:
        """What *look* returns, once it is true."""
        with trio.fail_after(seconds):
            while not (found := await look()):
                pass  # each look is a request to the API
        return found

    async def pods(self, namespace: str = "default") -> list[Document]:
        return await self.client.list(PODS, namespace)

    async def gone(self, kind: Kind, key: Key) -> None:
        async def absent() -> bool:
            return await self.client.find(kind, key) is None

        await self.until(absent)

    async def create(self, kind: Kind, name: str, **fields: Any) -> Document:
        metadata = {"name": name, "namespace": "default"} | fields.pop("metadata", {})
        return await self.client.create(kind, {"metadata": metadata} | fields)


@asynccontextmanager
async def running_api(folder: Path, *, accounts: bool = False) -> AsyncIterator[Cluster]:
    """The API server alone; pods need service accounts only where something makes these."""
    disabled = frozenset[str]() if accounts else frozenset({"ServiceAccount"})
    async with trio.open_nursery() as nursery:
        settings = Settings(folder / "kubeconfig", 0, disabled_plugins=disabled)
        url = await nursery.start(serve, settings)
        async with open_client(Entrance(url)) as client:
            yield Cluster(client, url)
        nursery.cancel_scope.cancel()


def make_kubelet(cluster: Cluster, pods: Mirror, folder: Path) -> Kubelet:
    host = Host(Entrance(cluster.url), folder / "kubelet", os.environ, Children())
    return Kubelet(cluster.client, pods, utc_now, host)


@asynccontextmanager
async def running(
    folder: Path, *, controllers: bool = False, kubelet: bool = False
) -> AsyncIterator[Cluster]:
    async with (
        running_api(folder, accounts=controllers) as cluster,
        trio.open_nursery() as nursery,
    ):
        pods = Mirror(cluster.client, PODS)
        if kubelet:
            await nursery.start(make_kubelet(cluster, pods, folder).run)
        nursery.start_soon(pods.run)
        if controllers:
            await nursery.start(run_controllers, cluster.client, pods, folder / "volumes")
        yield cluster
        nursery.cancel_scope.cancel()


def engine_pod(**container: Any) -> Document:
    """The spec of a pod with one mock engine, which has a port that no other test uses."""
    usual = {"name": "engine", "image": "kthena/mock-engine:latest",
             "args": ["--model", "m"], "ports": [{"containerPort": 8000}]}  # fmt: skip
    return {"containers": [usual | container]}


def deployment(replicas: int = 2, **spec: Any) -> Document:
    """The spec of a Deployment of mock engines."""
    template = {"metadata": {"labels": {"app": "a"}}, "spec": engine_pod()}
    return {
        "replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": template,
    } | spec  # fmt: skip
