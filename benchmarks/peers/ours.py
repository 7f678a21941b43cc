"""Our router, complete: a Kubernetes API with 200 Gateways, each with a ModelRoute, and 100 endpoints.

Access log, metrics and status writing are on. The API server is the sandbox's, on the other core; the
pods are static ones whose addresses are the backend's.
"""

import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trio

from benchmarks.errors import Unavailable
from benchmarks.native import Backend
from benchmarks.peers.base import Kit, Running, Surroundings, serving
from benchmarks.processes import Group, free_ports, start

GATEWAYS = 200
ENDPOINTS = 100
_MEASURED = GATEWAYS // 2  # the Gateway that the load comes to
_START_SECONDS = 120.0
_SETTLE_SECONDS = 1.0
_GROUP = "networking.serving.volcano.sh/v1alpha1"
_GATEWAY_API = "gateway.networking.k8s.io/v1"

Document = dict[str, Any]


def _named(kind: str, api_version: str, name: str, spec: Document, **metadata: Any) -> Document:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"} | metadata,
        "spec": spec,
    }


def _pod(number: int, address: str) -> Document:
    labels = {"app": "bench"}
    annotations = {"sandbox.kthena.io/address": address}
    spec = {"containers": [{"name": "engine", "image": "bench"}]}
    return _named("Pod", "v1", f"bench-{number}", spec, labels=labels, annotations=annotations)


def _gateway(number: int, port: int) -> Document:
    listener = {"name": "http", "port": port, "protocol": "HTTP"}
    spec = {"gatewayClassName": "kthena-router", "listeners": [listener]}
    return _named("Gateway", _GATEWAY_API, f"bench-{number}", spec)


def _model_route(number: int) -> Document:
    parent = {"name": f"bench-{number}", "namespace": "default", "kind": "Gateway"}
    rule = {"name": "default", "targetModels": [{"modelServerName": "bench"}]}
    spec = {"modelName": "bench", "parentRefs": [parent], "rules": [rule]}
    return _named("ModelRoute", _GROUP, f"bench-{number}", spec)


def manifests(addresses: list[str], backend_port: int, first_port: int) -> Document:
    """Return the whole configuration as one List; Gateway N listens on *first_port* + N."""
    server = {
        "workloadSelector": {"matchLabels": {"app": "bench"}},
        "workloadPort": {"port": backend_port},
        "model": "bench",
        "inferenceEngine": "vLLM",
    }
    items = [_named("ModelServer", _GROUP, "bench", server)]
    items += [_pod(number, address) for number, address in enumerate(addresses)]
    for number in range(GATEWAYS):
        items += [_gateway(number, first_port + number), _model_route(number)]
    return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}


@dataclass(frozen=True)
class _Cluster:
    kubeconfig: Path
    url: str


@asynccontextmanager
async def _cluster(surroundings: Surroundings, first_port: int) -> AsyncIterator[_Cluster]:
    folder = surroundings.folder
    backend: Backend = surroundings.backend
    listed = manifests(backend.addresses[:ENDPOINTS], backend.port, first_port)
    (folder / "cluster.json").write_text(json.dumps(listed))
    kubeconfig = folder / "kubeconfig"
    kubeconfig.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "kthena_sandbox", "--no-router", "--insecure", "--api-port", "0"),
        *("--kubeconfig", str(kubeconfig), "--apply", str(folder / "cluster.json")),
    ]
    log = folder / "sandbox.log"
    environ = _python_environ(surroundings, PYTHONUNBUFFERED="1")
    group = start(command, core=surroundings.cores.rest, log=log, environ=environ)
    try:
        await _wait_until_ready(group, log)
        found = re.search(r"server: (\S+)", kubeconfig.read_text())
        yield _Cluster(kubeconfig, found[1].strip("\"'") if found else "")
    finally:
        await group.stop()


def _python_environ(surroundings: Surroundings, **extra: str) -> dict[str, str]:
    """With PYTHONPATH, for a checkout that is not installed."""
    given = surroundings.kit.environ.get("PYTHONPATH")
    return surroundings.clean_environ(**extra) | ({"PYTHONPATH": given} if given else {})


async def _wait_until_ready(group: Group, log: Path) -> None:
    with trio.move_on_after(_START_SECONDS):
        while group.alive:
            said = log.read_text(errors="replace")  # noqa: ASYNC240  a short file
            if "sandbox ready" in said.splitlines():
                return
            await trio.sleep(0.1)
    raise Unavailable(f"the sandbox does not start: {group.last_words()}")


def _holds(document: Document, condition: str) -> bool:
    conditions = (document.get("status") or {}).get("conditions") or []
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


def _is_accepted(route: Document) -> bool:
    parents = (route.get("status") or {}).get("parents") or []
    return bool(parents) and all(_holds({"status": parent}, "Accepted") for parent in parents)


async def _wait_until_written(url: str, group: Group) -> None:
    """Until every status is written, so that nothing of the start falls into what is measured."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10.0) as client:
        with trio.move_on_after(_START_SECONDS):
            while group.alive:
                gateways = await _items(client, f"/apis/{_GATEWAY_API}/gateways")
                routes = await _items(client, f"/apis/{_GROUP}/modelroutes")
                if (
                    len(gateways) > GATEWAYS
                    and all(_holds(gateway, "Programmed") for gateway in gateways)
                    and all(map(_is_accepted, routes))
                ):
                    await trio.sleep(_SETTLE_SECONDS)
                    return
                await trio.sleep(0.2)
    raise Unavailable(f"not all statuses are written: {group.last_words()}")


async def _items(client: httpx.AsyncClient, path: str) -> list[Document]:
    answer = await client.get(path)
    items: list[Document] = answer.json().get("items") or []
    return items


@dataclass(frozen=True)
class Ours:
    """`kthena-router --enable-gateway-api` and the cluster that it serves; *arguments* are more of its flags."""

    name: str = "kthena-router"
    leaves_out: frozenset[str] = frozenset()
    why: str = ""
    arguments: tuple[str, ...] = ()

    def prepare(self, kit: Kit) -> str:
        from kthena_router import __version__

        return __version__

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        ports = free_ports(GATEWAYS + 3)
        first_port = ports + 3
        async with _cluster(surroundings, first_port) as cluster:
            command = [
                *(sys.executable, "-m", "kthena_router", "--enable-gateway-api=true"),
                *("--kubeconfig", str(cluster.kubeconfig), "--bind-address", "127.0.0.1"),
                *("--port", str(ports), "--management-port", str(ports + 1)),
                *("--metrics-port", str(ports + 2), "--shutdown-delay", "0s"),
                *("--kube-api-qps", "1000", "--kube-api-burst", "1000", *self.arguments),
            ]
            environ = _python_environ(
                surroundings,
                POD_NAMESPACE="kthena-system",
                POD_NAME="bench",
                ACCESS_LOG_OUTPUT=str(surroundings.folder / "kthena-router-access.log"),
            )
            target = f"127.0.0.1:{first_port + _MEASURED}"
            async with serving(surroundings, self.name, command, target, environ) as running:
                if running.group is not None:
                    await _wait_until_written(cluster.url, running.group)
                yield running
