"""What a pod asks of its node: a deadline, another user, the end of its log, and what is not done here."""

from pathlib import Path
from typing import Any

from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import EVENTS, PODS, Document, Key
from kthena_sandbox.kubelet.addresses import ANNOTATION
from kthena_sandbox.kubelet.unapplied import unapplied

POD = Key("default", "engine")


async def _in_phase(cluster: Cluster, phase: str) -> Any:
    async def look() -> Document | None:
        pod = await cluster.client.get(PODS, POD)
        return pod if (pod.get("status") or {}).get("phase") == phase else None

    return await cluster.until(look)


async def _event(cluster: Cluster, reason: str) -> Any:
    async def look() -> Document | None:
        events = await cluster.client.list(EVENTS, "default")
        return next((event for event in events if event["reason"] == reason), None)

    return await cluster.until(look)


def test_fields_without_effect_are_named() -> None:
    limits = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    spec = {
        "hostPID": True, "hostNetwork": False, "securityContext": {}, "hostUsers": False,
        "dnsPolicy": "ClusterFirst", "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}],
        "initContainers": [{"name": "first", "workingDir": "/a"}],
        "containers": [
            {"name": "a", "resources": limits, "ports": [{"containerPort": 1, "hostPort": 2}]},
            {"name": "b", "securityContext": {"runAsUser": 5}, "ports": [{"containerPort": 1}]},
        ],
    }  # fmt: skip
    assert unapplied({"spec": spec}) == [
        "spec.hostAliases",
        "spec.hostPID",
        "spec.hostUsers",
        "spec.initContainers[first].workingDir",
        "spec.containers[a].resources.limits",
        "spec.containers[a].ports.hostPort",
        "spec.containers[b].securityContext",
    ]
    assert unapplied({"spec": engine_pod()}) == []


async def test_a_pod_that_asks_for_more_than_a_process_is_told_so(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"hostNetwork": True})
        event = await _event(cluster, "NotApplied")
        assert event["type"] == "Warning"
        assert event["message"] == (
            "The sandbox runs processes of this machine, and does not apply: spec.hostNetwork"
        )


async def test_a_pod_ends_at_its_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"activeDeadlineSeconds": 1})
        status = (await _in_phase(cluster, "Failed"))["status"]
        assert (status["reason"], status["message"]) == (
            "DeadlineExceeded", "Pod was active on the node longer than the specified deadline",
        )  # fmt: skip
        assert "terminated" in status["containerStatuses"][0]["state"]
        assert not is_true({"status": status}, "Ready")
        assert (await _event(cluster, "DeadlineExceeded"))["type"] == "Warning"
        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)


async def test_a_deadline_may_be_set_later_also_for_a_server_elsewhere(tmp_path: Path) -> None:
    annotations = {ANNOTATION: "127.0.0.1"}
    spec = {"containers": [{"name": "engine", "image": "vllm"}]}
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec, metadata={"annotations": annotations})
        await _in_phase(cluster, "Running")
        await cluster.client.patch(PODS, POD, {"spec": {"activeDeadlineSeconds": 1}})
        status = (await _in_phase(cluster, "Failed"))["status"]
        assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
        assert status["containerStatuses"][0]["ready"] is False


async def test_a_root_user_that_is_forbidden_is_refused(tmp_path: Path) -> None:
    context = {"runAsNonRoot": True, "runAsUser": 1000}
    spec = engine_pod(securityContext={"runAsUser": 0}) | {"securityContext": context}
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)

        async def refused() -> Any:
            pod = await cluster.client.get(PODS, POD)
            (entry,) = (pod.get("status") or {}).get("containerStatuses") or [{}]
            waiting = (entry.get("state") or {}).get("waiting") or {}
            return pod if waiting.get("reason") == "CreateContainerConfigError" else None

        pod = await cluster.until(refused)
        waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
        assert waiting["message"] == (
            "container's runAsUser breaks non-root policy "
            f'(pod: "engine_default({pod["metadata"]["uid"]})", container: engine)'
        )


async def test_the_end_of_the_log_is_the_message_of_one_that_fails(tmp_path: Path) -> None:
    spec = engine_pod(
        image="kthena-router", args=["--nosuch"], terminationMessagePolicy="FallbackToLogsOnError"
    )
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec | {"restartPolicy": "Never"})
        status = (await _in_phase(cluster, "Failed"))["status"]
        ended = status["containerStatuses"][0]["state"]["terminated"]
        assert ended["exitCode"] == 1
        assert ended["message"] == "kthena-router: unrecognized arguments: --nosuch\n"
