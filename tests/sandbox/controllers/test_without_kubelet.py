"""What controllers write of objects whose pods nobody starts: the test is the kubelet."""

from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import Cluster, running

from kthena_sandbox.client import ApiError
from kthena_sandbox.kinds import (
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    NODES,
    PODS,
    REPLICA_SETS,
    REVISIONS,
    SERVICES,
    STATEFUL_SETS,
    Document,
    Key,
    Kind,
    is_leaving,
    key_of,
)

WEB = Key("default", "web")
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


def _spec(image: str = "one", **spec: Any) -> Document:
    container = {"name": "main", "image": image}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    return {"selector": {"matchLabels": {"app": "a"}}, "template": template} | spec


async def _told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    found = await cluster.client.list(EVENTS, "default")
    return [
        (one["reason"], one["message"]) for one in found if one["involvedObject"]["name"] == name
    ]


async def _until_told(cluster: Cluster, name: str, message: str) -> list[tuple[str, str]]:
    async def told() -> list[tuple[str, str]]:
        found = await _told(cluster, name)
        return found if message in [text for _, text in found] else []

    events: list[tuple[str, str]] = await cluster.until(told)
    return events


async def _count(cluster: Cluster, count: int) -> list[Document]:
    async def there() -> list[Document]:
        pods = [pod for pod in await cluster.pods() if not is_leaving(pod)]
        return pods if len(pods) == count else []

    pods: list[Document] = await cluster.until(there)
    return pods


async def _start(cluster: Cluster, pods: list[Document], phase: str = "Running") -> None:
    for pod in pods:
        status = {"status": {"phase": phase, "podIP": "10.0.0.1", "conditions": [READY]}}
        await cluster.client.patch(PODS, key_of(pod), status, "status")


async def _patch(cluster: Cluster, kind: Kind, spec: Document) -> None:
    await cluster.client.patch(kind, WEB, {"spec": spec})


async def test_a_rollout_without_surge_takes_before_it_gives(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        rolling = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        created = await cluster.create(DEPLOYMENTS, "web", spec=_spec(replicas=2, strategy=rolling))
        pods = await _count(cluster, 2)
        await _start(cluster, pods)

        async def complete() -> bool:
            found = await cluster.client.get(DEPLOYMENTS, WEB)
            return bool(found["status"].get("availableReplicas") == 2)

        await cluster.until(complete)
        found = await cluster.client.get(DEPLOYMENTS, WEB)
        assert (created["metadata"]["generation"], found["metadata"]["generation"]) == (1, 1)
        assert found["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
        (old,) = await cluster.client.list(REPLICA_SETS, "default")
        await _patch(cluster, DEPLOYMENTS, {"template": _spec("two")["template"]})

        async def begun() -> Document | None:
            sets = await cluster.client.list(REPLICA_SETS, "default")
            new = [one for one in sets if one["metadata"]["uid"] != old["metadata"]["uid"]]
            return new[0] if new and new[0]["spec"]["replicas"] == 1 else None

        name = (await cluster.until(begun))["metadata"]["name"]
        text = f"Scaled up replica set {name} from 0 to 1"
        assert await _until_told(cluster, "web", text) == [
            ("ScalingReplicaSet", f"Scaled up replica set {old['metadata']['name']} from 0 to 2"),
            ("ScalingReplicaSet", f"Scaled down replica set {old['metadata']['name']} from 2 to 1"),
            ("ScalingReplicaSet", text),
        ]


async def test_recreation_waits_for_the_last_old_pod(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        spec = _spec(replicas=1, strategy={"type": "Recreate"})
        await cluster.create(DEPLOYMENTS, "web", spec=spec)
        (pod,) = await _count(cluster, 1)
        await _start(cluster, [pod])
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await cluster.client.patch(PODS, key_of(pod), held)
        await _patch(cluster, DEPLOYMENTS, {"template": _spec("two")["template"]})

        async def leaving() -> bool:
            sets = await cluster.client.list(REPLICA_SETS, "default")
            numbers = [one["status"].get("replicas") for one in sets]
            return is_leaving(await cluster.client.get(PODS, key_of(pod))) and numbers == [0]

        await cluster.until(leaving)
        await cluster.client.patch(PODS, key_of(pod), {"metadata": {"finalizers": None}})
        (new,) = await _count(cluster, 1)
        assert new["spec"]["containers"][0]["image"] == "two"


async def test_a_stateful_set_tells_of_its_pods(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(STATEFUL_SETS, "web", spec=_spec(serviceName="web", replicas=1))
        (pod,) = await _count(cluster, 1)
        assert (pod["metadata"]["name"], pod["metadata"]["generateName"]) == ("web-0", "web-")
        await _patch(cluster, STATEFUL_SETS, {"replicas": 0})
        assert await _until_told(
            cluster, "web", "delete Pod web-0 in StatefulSet web successful"
        ) == [
            ("SuccessfulCreate", "create Pod web-0 in StatefulSet web successful"),
            ("SuccessfulDelete", "delete Pod web-0 in StatefulSet web successful"),
        ]


async def test_a_daemon_set_counts_its_templates_and_tells_of_pods_that_fail(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(NODES, {"metadata": {"name": "node"}})
        await cluster.client.patch(NODES, Key("", "node"), {"spec": {"taints": None}})
        await cluster.create(DAEMON_SETS, "web", spec=_spec())
        (pod,) = await _count(cluster, 1)
        (revision,) = await cluster.client.list(REVISIONS, "default")
        digest = revision["metadata"]["labels"]["controller-revision-hash"]
        assert revision["metadata"]["name"] == f"web-{digest}"
        assert pod["metadata"]["labels"] == {
            "app": "a", "controller-revision-hash": digest, "pod-template-generation": "1",
        }  # fmt: skip
        await _start(cluster, [pod], "Failed")
        name = pod["metadata"]["name"]
        text = f"Found failed daemon pod default/{name} on node node, will try to kill it"
        assert ("FailedDaemonPod", text) in await _until_told(cluster, "web", text)
        await _patch(cluster, DAEMON_SETS, {"template": _spec("two")["template"]})
        changed = await cluster.client.get(DAEMON_SETS, WEB)
        count = changed["metadata"]["annotations"]["deprecated.daemonset.template.generation"]
        assert count == "2"


async def test_a_pod_that_is_left_out_by_name_of_its_port_is_listed_without(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(
            PODS, "web", metadata={"labels": {"app": "a"}}, spec=_spec()["template"]["spec"]
        )
        ports = [{"port": 80, "targetPort": "absent"}]
        await cluster.create(SERVICES, "web", spec={"selector": {"app": "a"}, "ports": ports})

        async def made() -> Document | None:
            found = await cluster.client.list(ENDPOINT_SLICES, "default")
            return next((one for one in found if one["metadata"]["name"] != "kubernetes"), None)

        empty = await cluster.until(made)
        assert (empty["endpoints"], empty["ports"]) == (None, None)
        assert empty["metadata"]["generation"] == 1
        assert (
            "endpoints.kubernetes.io/last-change-trigger-time" in empty["metadata"]["annotations"]
        )
        await _start(cluster, await cluster.pods())

        async def filled() -> Document | None:
            found = await made()
            return found if found and found["endpoints"] else None

        full = await cluster.until(filled)
        assert (full["metadata"]["name"], full["ports"]) == (empty["metadata"]["name"], None)
        assert full["metadata"]["generation"] == 2


async def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        spec = _spec(serviceName="web", replicas=1)
        spec["template"]["spec"]["serviceAccountName"] = "nobody"
        await cluster.create(STATEFUL_SETS, "web", spec=spec)
        pod = {"metadata": {"name": "web-0"}, "spec": spec["template"]["spec"]}
        with pytest.raises(ApiError) as refused:
            await cluster.client.create(
                PODS, pod | {"metadata": pod["metadata"] | {"namespace": "default"}}
            )
        text = f"create Pod web-0 in StatefulSet web failed error: {refused.value}"
        assert ("FailedCreate", text) in await _until_told(cluster, "web", text)
