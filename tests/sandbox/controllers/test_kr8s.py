"""Workloads and Services through the eyes of kr8s. Its own `wait` leaves generators behind, so the tests look again themselves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kr8s.asyncio
import pytest
from kr8s.asyncio.objects import Deployment, Job, Service, StatefulSet
from tests.sandbox.house import Cluster, deployment, running

_HELP = {"name": "c", "image": "kthena-router", "args": ["--help"]}


def _named(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


@asynccontextmanager
async def _api(folder: Path) -> AsyncIterator[Any]:
    api: Any = await kr8s.asyncio.api(kubeconfig=str(folder / "kubeconfig"))
    yield api
    await api._session.aclose()  # kr8s itself never closes it


async def _until(cluster: Cluster, found: Any, look: Callable[[Any], Any]) -> Any:
    async def refreshed() -> Any:
        await found.refresh()
        return look(found.raw.get("status") or {})

    return await cluster.until(refreshed)


@pytest.mark.parametrize("kind", [Deployment, StatefulSet])
async def test_workloads_become_ready_and_are_scaled(tmp_path: Path, kind: Any) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster, _api(tmp_path) as api:
        web = kind(_named("web", deployment(1)), api=api)
        await web.create()
        await _until(cluster, web, lambda status: status.get("readyReplicas") == 1)
        await web.patch({"spec": {"replicas": 2}}, subresource="scale")
        await _until(cluster, web, lambda status: status.get("readyReplicas") == 2)
        assert len(await cluster.pods()) == 2
        await web.delete(propagation_policy="Foreground")

        async def gone() -> bool:
            return not await web.exists() and not await cluster.pods()

        await cluster.until(gone)


async def test_services_get_their_address(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster, _api(tmp_path) as api:
        spec = {"type": "LoadBalancer", "ports": [{"port": 8073}]}
        web = Service(_named("web", spec), api=api)
        await web.create()
        ingress = await _until(
            cluster, web, lambda status: (status.get("loadBalancer") or {}).get("ingress")
        )
        assert ingress[0]["ip"].startswith("127.4.")
        assert ingress[0]["ipMode"] == "VIP"


async def test_jobs_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster, _api(tmp_path) as api:
        template = {"spec": {"restartPolicy": "Never", "containers": [_HELP]}}
        work = Job(_named("work", {"template": template}), api=api)
        await work.create()
        assert await _until(cluster, work, lambda status: status.get("completionTime"))
        assert work.status.succeeded == 1
