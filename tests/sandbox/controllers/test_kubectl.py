"""Roll-outs and their history through the eyes of kubectl."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import trio
from tests.sandbox.house import Cluster, deployment, engine_pod, running

from kthena_sandbox.kinds import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    STATEFUL_SETS,
    Key,
    Kind,
    key_of,
)

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH"),
]
WEB = Key("default", "web")


async def _run(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder)}
    done = await trio.run_process(
        [str(KUBECTL), *arguments], env=environment, check=False, capture_stdout=True,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said


async def _image(cluster: Cluster, kind: Kind) -> str:
    found = await cluster.client.get(kind, WEB)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("kind", [DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS])
async def test_rollout(tmp_path: Path, kind: Kind) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        spec = deployment(1)
        if kind == DAEMON_SETS:
            del spec["replicas"]
        await cluster.create(kind, "web", spec=spec)
        name = f"{kind.plural}/web"
        wait = ("rollout", "status", name, "--timeout=60s")
        await _run(tmp_path, *wait)
        assert "image updated" in await _run(
            tmp_path, "set", "image", name, "engine=kthena/mock-engine:2"
        )
        await _run(tmp_path, *wait)
        await _run(tmp_path, "rollout", "restart", name)
        await _run(tmp_path, *wait)
        history = (await _run(tmp_path, "rollout", "history", name)).split()
        assert [word for word in history if word.isdecimal()] == ["1", "2", "3"]
        shown = await _run(tmp_path, "rollout", "history", name, "--revision=2")
        assert "kthena/mock-engine:2" in shown
        assert "rolled back" in await _run(tmp_path, "rollout", "undo", name, "--to-revision=1")
        await _run(tmp_path, *wait)
        assert await _image(cluster, kind) == "kthena/mock-engine:latest"
        if kind != DAEMON_SETS:
            assert "scaled" in await _run(tmp_path, "scale", name, "--replicas=2")
            await _run(tmp_path, *wait)
            assert "2/2" in await _run(tmp_path, "get", name, "--no-headers")


async def test_pause_and_resume(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        name = "deployment/web"
        await _run(tmp_path, "rollout", "status", name, "--timeout=60s")
        await _run(tmp_path, "rollout", "pause", name)
        await _run(tmp_path, "set", "image", name, "engine=kthena/mock-engine:2")
        listed = await _run(tmp_path, "rollout", "history", name)
        assert [word for word in listed.split() if word.isdecimal()] == ["1"]
        await _run(tmp_path, "rollout", "resume", name)
        await _run(tmp_path, "rollout", "status", name, "--timeout=60s")
        listed = await _run(tmp_path, "rollout", "history", name)
        assert [word for word in listed.split() if word.isdecimal()] == ["1", "2"]


async def test_jobs(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        container = {"name": "c", "image": "kthena-router", "args": ["--help"], "ports": None}
        spec = engine_pod(**container) | {"restartPolicy": "Never"}
        await cluster.create(JOBS, "work", spec={"template": {"spec": spec}})
        await _run(tmp_path, "wait", "--for=condition=complete", "job/work", "--timeout=60s")
        row = (await _run(tmp_path, "get", "job", "work", "--no-headers")).split()
        assert row[:3] == ["work", "Complete", "1/1"]
        described = await _run(tmp_path, "describe", "job", "work")
        assert "1 Succeeded" in described
        assert "Completed" in described
        await _run(tmp_path, "delete", "job", "work")
        for pod in await cluster.pods():
            await cluster.gone(PODS, key_of(pod))
