"""Pods that run as processes of their own: the router, as its Deployment brings it."""

import base64
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import yaml
from tests.sandbox.house import Cluster, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import CONFIG_MAPS, EVENTS, PODS, SECRETS, SERVICE_ACCOUNTS, Document, Key

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
POD = Key("default", "router")
FILE = "routerConfiguration.yaml"
_START_SECONDS = 100.0  # for a process, on a machine that has other things to do


def router_pod(**container: Any) -> Document:
    ready = {
        "httpGet": {"path": "/healthz", "port": 15021}, "periodSeconds": 1, "failureThreshold": 60,
    }  # fmt: skip
    usual = {
        "name": "router", "image": "registry.example/kthena-router:1", "startupProbe": ready,
        "args": ["--shutdown-delay=0s"],
        "ports": [{"containerPort": port} for port in (8080, 9090, 15021)],
    }  # fmt: skip
    return {"containers": [usual | container], "terminationGracePeriodSeconds": 5}


async def until_pod(cluster: Cluster, kind: str = "Ready", restarts: int = 0) -> Document:
    async def look() -> Document | None:
        pod = await cluster.client.get(PODS, POD)
        statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
        ran = statuses[0].get("restartCount") == restarts
        return pod if ran and is_true(pod, kind) else None

    found: Document = await cluster.until(look, _START_SECONDS)
    return found


async def log_of(cluster: Cluster, **params: str) -> str:
    async with httpx.AsyncClient(base_url=cluster.url, trust_env=False, timeout=60) as client:
        return (await client.get(PODS.path(*POD, "log"), params=params)).text


async def event_of(cluster: Cluster, reason: str) -> str:
    async def look() -> str:
        events = await cluster.client.list(EVENTS, "default")
        return next((str(event["message"]) for event in events if event["reason"] == reason), "")

    return str(await cluster.until(look))


def subject_of(folder: Path) -> str:
    """Who a pod is, by the token that its kubeconfig leads to."""
    (user,) = yaml.safe_load((folder / "kubeconfig").read_text())["users"]
    payload = Path(user["user"]["tokenFile"]).read_text().split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])


def processes_of(folder: Path) -> list[int]:
    """The processes whose command line names the folder of the test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and entry.name != str(os.getpid()):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line:
                found.append(int(entry.name))
    return found


async def test_a_router_runs_with_its_arguments_environment_and_files(tmp_path: Path) -> None:
    spec = router_pod(
        args=["--shutdown-delay=$(DELAY)", "--tls-cert=/etc/tls/tls.crt"],
        env=[{"name": "DELAY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "delay"}}}],
        volumeMounts=[{"name": "config", "mountPath": "/etc/config"},
                      {"name": "tls", "mountPath": "/etc/tls"}],
    )  # fmt: skip
    spec["volumes"] = [{"name": "config", "configMap": {"name": "settings"}},
                       {"name": "tls", "secret": {"secretName": "tls", "optional": True}}]  # fmt: skip
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=spec)
        assert await event_of(cluster, "FailedMount") == (
            'MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
        )
        await cluster.create(CONFIG_MAPS, "settings", data={"delay": "7s", FILE: "scheduler: {}"})

        async def ended() -> str:
            return await log_of(cluster, previous="true")

        async def said() -> bool:
            return "tls-cert and tls-key must be specified together" in await ended()

        await cluster.until(said, _START_SECONDS)  # why it does not start: the router's own words
        (folder,) = (tmp_path / "kubelet" / "pods").iterdir()
        place = folder / "volumes" / "kubernetes.io~configmap" / "config"
        assert (place / FILE).read_text() == "scheduler: {}"
        changed = {"data": {FILE: "scheduler: {plugins: []}"}}
        await cluster.client.patch(CONFIG_MAPS, Key("default", "settings"), changed)

        async def refreshed() -> bool:
            await cluster.client.get(PODS, POD)
            return (place / FILE).read_text() == "scheduler: {plugins: []}"

        await cluster.until(refreshed)
        await cluster.create(SECRETS, "tls", data={"tls.crt": "QQ=="})

        async def there() -> bool:
            await cluster.client.get(PODS, POD)
            return (folder / "volumes" / "kubernetes.io~secret" / "tls" / "tls.crt").exists()

        await cluster.until(there)


async def test_a_router_is_probed_logged_restarted_and_ended(tmp_path: Path) -> None:
    hook = {"preStop": {"httpGet": {"path": "/healthz", "port": 15021}}}
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.until(
            partial(cluster.client.find, SERVICE_ACCOUNTS, Key("default", "default"))
        )
        await cluster.create(PODS, "router", spec=router_pod(lifecycle=hook))
        pod = await until_pod(cluster)
        address = pod["status"]["podIP"]
        log = await log_of(cluster)
        assert f"flag --bind-address={address}" in log
        assert (
            f"flag --kubeconfig={tmp_path}/kubelet/pods/{pod['metadata']['uid']}/kubeconfig" in log
        )
        folder = tmp_path / "kubelet" / "pods" / pod["metadata"]["uid"]
        assert subject_of(folder) == "system:serviceaccount:default:default"
        [process] = processes_of(tmp_path)
        os.kill(process, signal.SIGKILL)
        pod = await until_pod(cluster, restarts=1)
        (status,) = pod["status"]["containerStatuses"]
        ended = status["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (137, "Error")
        assert "flag --port=8080" in await log_of(cluster, previous="true", tailLines="200")

        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)
        assert processes_of(tmp_path) == []

        async def swept() -> bool:
            await cluster.pods()
            return list((tmp_path / "kubelet" / "pods").iterdir()) == []

        await cluster.until(swept)  # after the pod has gone from the API


async def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    spec = router_pod(args=["--shutdown-delay=60s"]) | {"terminationGracePeriodSeconds": 1}
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=spec)
        await until_pod(cluster)
        await cluster.client.delete(PODS, POD)
        with trio.fail_after(_START_SECONDS):
            await cluster.gone(PODS, POD)
        assert processes_of(tmp_path) == []


async def test_hooks_that_are_commands_are_refused_and_the_pod_ends(tmp_path: Path) -> None:
    hook = {"preStop": {"exec": {"command": ["true"]}}}
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=router_pod(lifecycle=hook))
        await until_pod(cluster)
        await cluster.client.delete(PODS, POD)
        assert await event_of(cluster, "FailedPreStopHook") == (
            "PreStopHook failed: exec: the sandbox runs kthena-router in its own containers, and "
            "sleep, but not: true"
        )
        await cluster.gone(PODS, POD)


async def test_a_probe_runs_the_program_of_the_container(tmp_path: Path) -> None:
    right, wrong = (
        {"exec": {"command": ["kthena-router", flag]}, "timeoutSeconds": 60, "failureThreshold": 1}
        for flag in ("--version", "--no-such-flag")
    )
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=router_pod(readinessProbe=right))
        await cluster.create(PODS, "other", spec=router_pod(readinessProbe=wrong))
        await until_pod(cluster)
        assert "--no-such-flag" in await event_of(cluster, "Unhealthy")


async def test_an_init_container_runs_first_and_a_sidecar_to_the_end(tmp_path: Path) -> None:
    first = {"name": "first", "image": "kthena-router", "args": ["--version"]}
    beside = {"name": "beside", "image": "kthena/mock-engine", "args": ["--model", "m"],
              "restartPolicy": "Always"}  # fmt: skip
    spec = router_pod(args=["--version"]) | {
        "restartPolicy": "Never", "initContainers": [first, beside],
    }  # fmt: skip
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=spec)

        async def ended() -> Document | None:
            status = (await cluster.client.get(PODS, POD)).get("status") or {}
            states = [entry["state"] for entry in status.get("initContainerStatuses") or []]
            over = status.get("phase") == "Succeeded" and "terminated" in states[1]
            return status if over else None

        status = await cluster.until(ended, _START_SECONDS)
        (before, _), (after,) = status["initContainerStatuses"], status["containerStatuses"]
        assert (before["ready"], before["state"]["terminated"]["exitCode"]) == (True, 0)
        assert (
            before["state"]["terminated"]["finishedAt"] <= after["state"]["terminated"]["startedAt"]
        )
        assert (await log_of(cluster, container="first")).startswith("kthena-router ")


async def test_an_init_container_that_fails_ends_the_pod(tmp_path: Path) -> None:
    first = {"name": "first", "image": "kthena-router", "args": ["--no-such-flag"]}
    spec = router_pod() | {"restartPolicy": "Never", "initContainers": [first]}
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=spec)

        async def failed() -> Document | None:
            pod = await cluster.client.get(PODS, POD)
            return pod if (pod.get("status") or {}).get("phase") == "Failed" else None

        pod = await cluster.until(failed, _START_SECONDS)
        (status,) = pod["status"]["containerStatuses"]
        assert status["state"] == {"waiting": {"reason": "PodInitializing"}}


async def test_a_process_that_ends_by_itself(tmp_path: Path) -> None:
    spec = router_pod(args=["--version"]) | {"restartPolicy": "Never"}
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(PODS, "router", spec=spec)

        async def ended() -> Document | None:
            pod = await cluster.client.get(PODS, POD)
            return pod if (pod.get("status") or {}).get("phase") == "Succeeded" else None

        pod = await cluster.until(ended, _START_SECONDS)
        (status,) = pod["status"]["containerStatuses"]
        assert (status["state"]["terminated"]["exitCode"], status["restartCount"]) == (0, 0)
        assert status["state"]["terminated"]["reason"] == "Completed"
        assert (await log_of(cluster)).startswith("kthena-router ")
