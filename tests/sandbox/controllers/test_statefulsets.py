from pathlib import Path
from typing import Any

from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import (
    EVENTS,
    PODS,
    REVISIONS,
    STATEFUL_SETS,
    Document,
    Key,
    Kind,
    is_leaving,
    uid_of,
)

WEB = Key("default", "web")
HASH = "controller-revision-hash"


def _spec(replicas: int = 3, **spec: Any) -> Document:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": engine_pod()}
    return {
        "replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "serviceName": "peers",
        "template": template,
    } | spec  # fmt: skip


async def _pods(cluster: Cluster) -> list[Document]:
    return sorted(await cluster.pods(), key=lambda pod: str(pod["metadata"]["name"]))


async def _settled(cluster: Cluster, count: int) -> list[Document]:
    """As `kubectl rollout status` decides it; the pods."""

    async def done() -> bool:
        found = await cluster.client.get(STATEFUL_SETS, WEB)
        status = found.get("status") or {}
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        ready = status.get("readyReplicas", 0) == count == status.get("replicas", 0)
        return bool(seen and ready and status["updateRevision"] == status["currentRevision"])

    await cluster.until(done)
    return await _pods(cluster)


async def test_pods_come_one_after_the_other_and_keep_their_names(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        most_unready = 0
        await cluster.create(STATEFUL_SETS, "web", spec=_spec())

        async def done() -> bool:
            nonlocal most_unready
            pods = await _pods(cluster)
            ready = [pod for pod in pods if is_true(pod, "Ready")]
            most_unready = max(most_unready, len(pods) - len(ready))
            return len(ready) == 3

        await cluster.until(done)
        assert most_unready == 1
        pods = await _settled(cluster, 3)
        assert [pod["metadata"]["name"] for pod in pods] == ["web-0", "web-1", "web-2"]
        assert pods[1]["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-1"
        assert pods[1]["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
        assert (pods[1]["spec"]["hostname"], pods[1]["spec"]["subdomain"]) == ("web-1", "peers")
        await cluster.client.delete(PODS, Key("default", "web-1"))

        async def replaced() -> bool:
            found = await cluster.client.find(PODS, Key("default", "web-1"))
            return found is not None and uid_of(found) != uid_of(pods[1])

        await cluster.until(replaced)
        await cluster.client.patch(STATEFUL_SETS, WEB, {"spec": {"replicas": 1}})
        assert [pod["metadata"]["name"] for pod in await _settled(cluster, 1)] == ["web-0"]


async def test_an_update_stops_at_its_partition(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(STATEFUL_SETS, "web", spec=_spec(podManagementPolicy="Parallel"))
        before = [pod["metadata"]["labels"][HASH] for pod in await _settled(cluster, 3)]
        template = {"metadata": {"annotations": {"changed": "yes"}}}
        strategy = {"rollingUpdate": {"partition": 2}}
        change = {"template": template, "updateStrategy": strategy}
        await cluster.client.patch(STATEFUL_SETS, WEB, {"spec": change})

        async def last_is_new() -> bool:
            pods = await _pods(cluster)
            hashes = [pod["metadata"]["labels"][HASH] for pod in pods]
            well = all(is_true(pod, "Ready") and not is_leaving(pod) for pod in pods)
            return len(pods) == 3 and well and hashes[:2] == before[:2] and hashes[2] != before[2]

        await cluster.until(last_is_new)
        await cluster.client.delete(PODS, Key("default", "web-0"))
        await cluster.until(last_is_new)  # below the partition the old template is used again
        strategy = {"rollingUpdate": {"partition": 0}}
        await cluster.client.patch(STATEFUL_SETS, WEB, {"spec": {"updateStrategy": strategy}})
        after = {pod["metadata"]["labels"][HASH] for pod in await _settled(cluster, 3)}
        assert len(after) == 1
        assert after != set(before)


async def test_claims_that_are_refused_keep_pods_from_being_made(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claim = {"metadata": {"name": "data"}, "spec": spec}
        limits = [{"type": "PersistentVolumeClaim", "max": {"storage": "500Mi"}}]
        ranges = Kind("", "v1", "LimitRange", "limitranges")
        await cluster.create(ranges, "small", spec={"limits": limits})
        await cluster.create(STATEFUL_SETS, "web", spec=_spec(volumeClaimTemplates=[claim]))

        async def told() -> list[str]:
            events = await cluster.client.list(EVENTS, "default")
            return [entry["message"] for entry in events if entry["reason"] == "FailedCreate"]

        (message,) = await cluster.until(told)
        assert message == (
            "create Claim data-web-0 Pod web-0 in StatefulSet web failed error: "
            'persistentvolumeclaims "data-web-0" is forbidden: maximum storage usage per '
            "PersistentVolumeClaim is 500Mi, but request is 1Gi"
        )
        assert await _pods(cluster) == []


async def test_pods_and_history_of_one_before_are_taken_over(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(STATEFUL_SETS, "web", spec=_spec(1))
        await cluster.until(lambda: _pods(cluster))
        await cluster.client.delete(STATEFUL_SETS, WEB, propagationPolicy="Orphan")
        await cluster.gone(STATEFUL_SETS, WEB)
        made = await cluster.create(STATEFUL_SETS, "web", spec=_spec(1))

        async def owners() -> bool:
            revisions = await cluster.client.list(REVISIONS, "default")
            return [
                [one["uid"] for one in entry["metadata"].get("ownerReferences") or []]
                for entry in (*revisions, *await _pods(cluster))
            ] == [[uid_of(made)]] * 2

        await cluster.until(owners)


async def test_the_status_follows_also_where_a_name_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(PODS, "web-0", spec=engine_pod())
        await cluster.create(STATEFUL_SETS, "web", spec=_spec(1))

        async def seen() -> bool:
            found = await cluster.client.get(STATEFUL_SETS, WEB)
            return bool((found.get("status") or {}).get("observedGeneration") == 1)

        await cluster.until(seen)
        events = await cluster.client.list(EVENTS, "default")
        assert [one["reason"] for one in events] == []
