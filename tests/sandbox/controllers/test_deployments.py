import re
from pathlib import Path

from tests.sandbox.house import Cluster, deployment, running

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.kinds import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    Document,
    Key,
    key_of,
    uid_of,
)

WEB = Key("default", "web")


async def _deployment(cluster: Cluster) -> Document:
    return await cluster.client.get(DEPLOYMENTS, WEB)


async def _rolled_out(cluster: Cluster) -> bool:
    """As `kubectl rollout status` decides it."""
    found = await _deployment(cluster)
    spec, status = found["spec"], found.get("status") or {}
    wanted = spec["replicas"]
    counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    return current and counts == [wanted, wanted, wanted]


async def test_a_deployment_rolls_out(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(2))
        await cluster.until(lambda: _rolled_out(cluster))
        (replica_set,) = await cluster.client.list(REPLICA_SETS, "default")
        assert re.fullmatch(r"web-[b-z2-9]{10}", replica_set["metadata"]["name"])
        for pod in await cluster.pods():
            name, prefix = pod["metadata"]["name"], replica_set["metadata"]["name"]
            assert re.fullmatch(rf"{prefix}-[b-z2-9]{{5}}", name)
            (owner,) = pod["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == ("ReplicaSet", uid_of(replica_set))
        found = await _deployment(cluster)
        available = condition_of(found, "Available") or {}
        progressing = condition_of(found, "Progressing") or {}
        assert (available["status"], available["reason"]) == ("True", "MinimumReplicasAvailable")
        assert (progressing["status"], progressing["reason"]) == ("True", "NewReplicaSetAvailable")
        assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


async def test_pods_come_when_their_account_does(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        spec = deployment(1)
        spec["template"]["spec"]["serviceAccountName"] = "late"
        await cluster.create(DEPLOYMENTS, "web", spec=spec)

        async def refusal() -> str:
            (replica_set,) = await cluster.client.list(REPLICA_SETS, "default") or [{}]
            failure = condition_of(replica_set, "ReplicaFailure") or {}
            return str(failure.get("message", ""))

        message = await cluster.until(refusal)
        assert re.fullmatch(
            r'pods "web-[b-z2-9]{10}-" is forbidden: error looking up service account default/late: '
            r'serviceaccount "late" not found',
            message,
        )
        await cluster.create(SERVICE_ACCOUNTS, "late")
        (pod,) = await cluster.until(cluster.pods)
        assert pod["spec"]["serviceAccountName"] == "late"


async def test_scaling_up_and_down(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        for count in (3, 0):
            await cluster.client.patch(DEPLOYMENTS, WEB, {"spec": {"replicas": count}})
            await cluster.until(lambda: _rolled_out(cluster))

            async def settled(count: int = count) -> bool:
                return len(await cluster.pods()) == count

            await cluster.until(settled)


async def test_a_size_that_changes_in_the_middle_keeps_the_proportions(tmp_path: Path) -> None:
    """Nothing runs the pods here, so that the roll-out stands still."""

    async def sizes() -> list[int]:
        sets = await cluster.client.list(REPLICA_SETS, "default")
        return sorted(int(entry["spec"]["replicas"]) for entry in sets)

    async def until_sizes(*wanted: int) -> None:
        async def reached() -> bool:
            return await sizes() == [*wanted]

        await cluster.until(reached)

    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(4))
        await until_sizes(4)
        labels = {"metadata": {"labels": {"app": "a", "changed": "yes"}}}
        await cluster.client.patch(DEPLOYMENTS, WEB, {"spec": {"template": labels}})
        await until_sizes(2, 3)
        await cluster.client.patch(DEPLOYMENTS, WEB, {"spec": {"replicas": 8}})
        await until_sizes(4, 6)


async def test_a_new_template_replaces_the_pods_and_the_old_one_can_come_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(2))
        await cluster.until(lambda: _rolled_out(cluster))
        before = {uid_of(pod) for pod in await cluster.pods()}
        template = {"metadata": {"annotations": {"restarted": "now"}}}
        await cluster.client.patch(DEPLOYMENTS, WEB, {"spec": {"template": template}})

        async def replaced() -> bool:
            after = {uid_of(pod) for pod in await cluster.pods()}
            return len(after) == 2 and not after & before and await _rolled_out(cluster)

        await cluster.until(replaced)
        back = {"metadata": {"annotations": None}}
        await cluster.client.patch(DEPLOYMENTS, WEB, {"spec": {"template": back}})
        await cluster.until(lambda: _rolled_out(cluster))
        revisions = {
            entry["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: entry["spec"]["replicas"]
            for entry in await cluster.client.list(REPLICA_SETS, "default")
        }  # fmt: skip
        assert revisions == {"2": 0, "3": 2}


async def test_a_pod_that_is_deleted_comes_back_under_another_name(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        await cluster.until(lambda: _rolled_out(cluster))
        (pod,) = await cluster.pods()
        await cluster.client.delete(PODS, key_of(pod))

        async def replaced() -> bool:
            names = [entry["metadata"]["name"] for entry in await cluster.pods()]
            return len(names) == 1 and names != [pod["metadata"]["name"]]

        await cluster.until(replaced)


async def test_a_pod_that_loses_its_label_is_released_and_replaced(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        await cluster.until(lambda: _rolled_out(cluster))
        (pod,) = await cluster.pods()
        change = {"metadata": {"labels": {"app": "other"}}}
        await cluster.client.patch(PODS, key_of(pod), change)

        async def two() -> bool:
            return len(await cluster.pods()) == 2

        await cluster.until(two)
        loose = await cluster.client.get(PODS, key_of(pod))
        assert not loose["metadata"].get("ownerReferences")


async def test_deleting_a_deployment_takes_its_pods_along(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        for policy in ("Background", "Foreground"):
            await cluster.create(DEPLOYMENTS, "web", spec=deployment(2))
            await cluster.until(lambda: _rolled_out(cluster))
            await cluster.client.delete(DEPLOYMENTS, WEB, propagationPolicy=policy)
            await cluster.gone(DEPLOYMENTS, WEB)

            async def empty() -> bool:
                return not (
                    await cluster.pods() or await cluster.client.list(REPLICA_SETS, "default")
                )

            await cluster.until(empty)


async def test_orphans_stay_and_are_adopted(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        await cluster.until(lambda: _rolled_out(cluster))
        pods = {uid_of(pod) for pod in await cluster.pods()}
        await cluster.client.delete(DEPLOYMENTS, WEB, propagationPolicy="Orphan")
        await cluster.gone(DEPLOYMENTS, WEB)
        (orphan,) = await cluster.client.list(REPLICA_SETS, "default")
        assert not orphan["metadata"].get("ownerReferences")
        again = await cluster.create(DEPLOYMENTS, "web", spec=deployment(1))
        await cluster.until(lambda: _rolled_out(cluster))
        (adopted,) = await cluster.client.list(REPLICA_SETS, "default")
        assert adopted["metadata"]["ownerReferences"][0]["uid"] == uid_of(again)
        assert {uid_of(pod) for pod in await cluster.pods()} == pods
