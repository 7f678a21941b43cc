"""Controllers and kubelet over one client, and the Service through which the guide finds the router."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from kthena_sandbox.client import Client, open_client
from kthena_sandbox.controllers.run import run_controllers, utc_now
from kthena_sandbox.kinds import PODS, SERVICES, Document, Key
from kthena_sandbox.kubelet.kubelet import Kubelet
from kthena_sandbox.kubelet.runtime import Host
from kthena_sandbox.mirror import Mirror

ROUTER_SERVICE = Key("kthena-system", "kthena-router")
_ADDRESS = "127.0.0.1"
_CLASS = "sandbox.kthena.io/router-process"  # leaves its status to us


@asynccontextmanager
async def running_cluster(host: Host, volumes: Path) -> AsyncIterator[Client]:
    """The cluster over the host's API server, ready to run pods; a client of it. In *volumes* are those of claims."""
    async with open_client(host.entrance) as client, trio.open_nursery() as nursery:
        pods = Mirror(client, PODS)
        kubelet = Kubelet(client.named("kubelet"), pods, utc_now, host)
        await nursery.start(kubelet.run)
        nursery.start_soon(pods.run)
        await nursery.start(run_controllers, client, pods, volumes)
        yield client.named("kthena-sandbox")
        nursery.cancel_scope.cancel()


def _port(name: str, port: int, target: int) -> Document:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}


async def ensure_router_service(client: Client, port: int) -> None:
    """Service `kthena-router`, whose load balancer is 127.0.0.1. Raises ApiError, ApiAway."""
    if await client.find(SERVICES, ROUTER_SERVICE) is None:
        ports = [_port("http", 80, port), _port("http-8080", 8080, port)]
        spec = {
            "type": "LoadBalancer", "selector": {"app": "kthena-router"}, "ports": ports,
            "loadBalancerClass": _CLASS,
        }  # fmt: skip
        metadata = {"name": ROUTER_SERVICE.name, "namespace": ROUTER_SERVICE.namespace}
        await client.create(SERVICES, {"metadata": metadata, "spec": spec})
    await client.patch(SERVICES, ROUTER_SERVICE, {"spec": {"loadBalancerClass": _CLASS}})
    status = {"status": {"loadBalancer": {"ingress": [{"ip": _ADDRESS}]}}}
    await client.patch(SERVICES, ROUTER_SERVICE, status, "status")
