"""Engines and ModelServers in the sandbox, as documents, and the wait until they answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import trio
from tests.support.churn import DEPLOYMENTS, ROUTES, SERVERS, Api, open_api, route_document

READY_SECONDS = 60.0
PODS = "/api/v1/namespaces/default/pods"


def engine_document(
    name: str, models: Sequence[str], *, replicas: int, arguments: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the Deployment of mock engines that answer to *models*."""
    container = {
        "name": "engine",
        "image": "kthena/mock-engine",
        "args": ["--served-model-name", *models, *arguments],
        "ports": [{"name": "http", "containerPort": 8000}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
    }


def server_document(model: str, app: str) -> dict[str, Any]:
    """Return the ModelServer, named as its model, on the pods of a Deployment."""
    return {
        "apiVersion": "networking.serving.volcano.sh/v1alpha1",
        "kind": "ModelServer",
        "metadata": {"name": model},
        "spec": {
            "model": model,
            "inferenceEngine": "vLLM",
            "workloadSelector": {"matchLabels": {"app": app}},
            "workloadPort": {"port": 8000},
        },
    }


async def deploy(
    api: Api, name: str, models: Sequence[str], *, replicas: int, arguments: Sequence[str] = ()
) -> None:
    """Create engines and one ModelServer for each of their models; return when all pods are ready."""
    await api.create(
        DEPLOYMENTS, engine_document(name, models, replicas=replicas, arguments=arguments)
    )
    for model in models:
        await api.create(SERVERS, server_document(model, name))
    with trio.fail_after(READY_SECONDS):
        while True:
            status = (await api.read(f"{DEPLOYMENTS}/{name}")).get("status") or {}
            if status.get("readyReplicas") == replicas:
                return
            await trio.sleep(0.1)


async def serve_models(url: str, models: Mapping[str, Sequence[str]]) -> None:
    """Have each model served by two engines, which get the arguments, through a route on Gateway `default`."""
    async with open_api(url) as api:
        for model, arguments in models.items():
            await deploy(api, model, [model], replicas=2, arguments=arguments)
            route = route_document("default", model, model, name=model, namespace="kthena-system")
            await api.create(ROUTES, route)


class Engines:
    """What all engines of the namespace saw together."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._clients = [
            httpx.AsyncClient(base_url=f"http://{one}:8000", trust_env=False, timeout=60)
            for one in addresses
        ]

    @classmethod
    async def find(cls, url: str) -> "Engines":
        """Ask the API server at *url* where they are."""
        async with open_api(url) as api:
            return cls([pod["status"]["podIP"] for pod in (await api.read(PODS))["items"]])

    async def count(self, name: str) -> int:
        """Return the sum of a counter: `running` and `aborted` are requests, `completed` too."""
        found = [(await client.get("/mock/stats")).json()[name] for client in self._clients]
        return int(sum(found))

    async def reset(self) -> None:
        """Return when nothing runs; `aborted` and `completed` count from here."""
        await self.wait_until("running", 0)
        for client in self._clients:
            await client.delete("/mock/stats")

    async def wait_until(self, name: str, value: int, seconds: float = 60) -> float:
        """Return the seconds until a counter has a value."""
        began = trio.current_time()
        with trio.fail_after(seconds):
            while True:
                if await self.count(name) == value:
                    return trio.current_time() - began
                await trio.sleep(0.001)

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()
