"""A real API server of the sandbox in this process, and the router's control plane beside it."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import trio

from kthena_router.concurrency.published import Published
from kthena_router.kube.api_client import open_kube_api
from kthena_router.kube.control_plane import ControlPlane
from kthena_router.routing.gateways import PortState, PortStates
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Snapshot
from kthena_router.settings import ClusterAccess, Settings
from kthena_sandbox.apiserver import server
from kthena_sandbox.apiserver.settings import Settings as ApiSettings

GATEWAY = "/apis/gateway.networking.k8s.io/v1"
NETWORKING = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default"


@dataclass
class Cluster:
    """A way to the API beside the router's, and what the router made of it."""

    client: httpx.AsyncClient
    snapshots: Published[Snapshot]
    ports: Published[PortStates]
    plane: ControlPlane

    async def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(path)).json()
        return found

    async def create(self, path: str, body: dict[str, Any]) -> None:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Return the first snapshot for which *holds* does."""
        with trio.fail_after(60):
            snapshot = self.snapshots.value
            while not holds(snapshot):
                snapshot = await self.snapshots.wait_newer(snapshot)
        return snapshot

    async def until_object(
        self, path: str, holds: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Return the object when *holds* does; the API has no other way to tell than to be asked."""
        with trio.fail_after(60):
            while not holds(found := await self.get(path)):  # noqa: ASYNC110 - a server's state
                await trio.sleep(0.05)
        return found


@contextmanager
def no_errors() -> Iterator[None]:
    """Fail where the router logs an error: a fault of one of its services would heal unseen otherwise."""
    records: Queue[logging.LogRecord] = Queue()
    handler = QueueHandler(records)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("kthena_router")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    assert records.empty(), records.get().getMessage()  # with its traceback


@asynccontextmanager
async def open_cluster(folder: Path, **settings: Any) -> AsyncIterator[Cluster]:
    """Run both until the block ends; every port of the router counts as open."""
    kubeconfig = folder / "kubeconfig"
    snapshots: Published[Snapshot] = Published(EMPTY_SNAPSHOT)
    ports: Published[PortStates] = Published({8080: PortState(8080, open=True)})
    async with trio.open_nursery() as nursery:
        no_accounts = frozenset({"ServiceAccount"})  # no controller makes them
        bare = ApiSettings(kubeconfig=kubeconfig, port=0, disabled_plugins=no_accounts)
        url = await nursery.start(server.serve, bare)
        # A limit that no test reaches: the limit has tests of its own.
        access = ClusterAccess(kubeconfig=str(kubeconfig), queries_per_second=1000, burst=1000)
        router = Settings(gateway_api=True, namespace="kthena-system", cluster=access, **settings)
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
            open_kube_api(access) as api,
        ):
            plane = ControlPlane(
                api,
                router,
                snapshots,
                ports,
                addresses=("127.0.0.1",),
                wall_clock=lambda: datetime.now(UTC),
                chance=lambda: 0.0,
            )
            await nursery.start(plane.run)
            with no_errors():
                yield Cluster(client, snapshots, ports, plane)
            nursery.cancel_scope.cancel()
