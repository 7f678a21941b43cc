"""CronJobs, HorizontalPodAutoscalers and ReplicationControllers with all controllers."""

from pathlib import Path
from typing import Any

from tests.sandbox.house import Cluster, deployment, engine_pod, running

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.kinds import (
    AUTOSCALERS,
    CRON_JOBS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    REPLICATION_CONTROLLERS,
    Document,
    Key,
)


async def reasons(cluster: Cluster, name: str) -> set[str]:
    listed = await cluster.client.list(
        EVENTS, "default", fieldSelector=f"involvedObject.name={name}"
    )
    return {event["reason"] for event in listed}


def cron_job(**spec: Any) -> Document:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    return {"schedule": "@every 1s", "jobTemplate": {"spec": {"template": {"spec": pod}}}} | spec


async def test_a_cron_job_starts_jobs(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(CRON_JOBS, "c", spec=cron_job())

        async def started() -> list[Document]:
            return await cluster.client.list(JOBS, "default")

        (job, *_) = await cluster.until(started)
        owner = job["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("CronJob", "c", True)

        async def active() -> list[str]:
            found = await cluster.client.get(CRON_JOBS, Key("default", "c"))
            return [entry["uid"] for entry in (found.get("status") or {}).get("active") or []]

        assert job["metadata"]["uid"] in await cluster.until(active)


async def test_a_cron_job_waits_for_the_job_before_or_replaces_it(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        spec = cron_job(concurrencyPolicy="Forbid", suspend=True)
        created = await cluster.create(CRON_JOBS, "c", spec=spec)
        owners = {"ownerReferences": [reference_to(created)]}
        template = spec["jobTemplate"]["spec"]["template"]
        job = await cluster.create(JOBS, "older", metadata=owners, spec={"template": template})
        active = {"name": "older", "namespace": "default", "uid": job["metadata"]["uid"]}
        key = Key("default", "c")
        await cluster.client.patch(CRON_JOBS, key, {"status": {"active": [active]}}, "status")
        await cluster.client.patch(CRON_JOBS, key, {"spec": {"suspend": False}})

        async def forbidden() -> bool:
            return "JobAlreadyActive" in await reasons(cluster, "c")

        await cluster.until(forbidden)
        assert [one["metadata"]["name"] for one in await cluster.client.list(JOBS)] == ["older"]
        await cluster.client.patch(CRON_JOBS, key, {"spec": {"concurrencyPolicy": "Replace"}})
        await cluster.gone(JOBS, Key("default", "older"))

        async def told() -> bool:
            return {"SuccessfulCreate", "SuccessfulDelete"} <= await reasons(cluster, "c")

        await cluster.until(told)


async def test_an_autoscaler_keeps_to_its_limits_and_misses_metrics(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(DEPLOYMENTS, "d", spec=deployment(4))
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
        await cluster.create(AUTOSCALERS, "h", spec={"scaleTargetRef": target, "maxReplicas": 2})

        async def scaled() -> bool:
            found = await cluster.client.get(DEPLOYMENTS, Key("default", "d"))
            return bool(found["spec"]["replicas"] == 2)

        await cluster.until(scaled)
        template = {"metadata": {"labels": {"app": "b"}}, "spec": engine_pod()}
        other = deployment(2, selector={"matchLabels": {"app": "b"}}, template=template)
        await cluster.create(DEPLOYMENTS, "e", spec=other)
        target |= {"name": "e"}
        await cluster.create(AUTOSCALERS, "i", spec={"scaleTargetRef": target, "maxReplicas": 9})

        async def inactive() -> Document | None:
            found = await cluster.client.get(AUTOSCALERS, Key("default", "i"))
            return found if condition_of(found, "ScalingActive") else None

        found = await cluster.until(inactive)
        able, active = (
            condition_of(found, kind) or {} for kind in ("AbleToScale", "ScalingActive")
        )
        assert (able["status"], able["reason"]) == ("True", "SucceededGetScale")
        assert (active["status"], active["reason"]) == ("False", "FailedGetResourceMetric")
        assert active["message"] == (
            "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get "
            "metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not "
            "find the requested resource (get pods.metrics.k8s.io)"
        )

        async def told() -> bool:
            mine, other = await reasons(cluster, "h"), await reasons(cluster, "i")
            wanted = {"FailedGetResourceMetric", "FailedComputeMetricsReplicas"}
            return "SuccessfulRescale" in mine and other >= wanted

        await cluster.until(told)


async def test_two_autoscalers_of_the_same_pods_are_in_each_others_way(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.create(DEPLOYMENTS, "d", spec=deployment(1))
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
        for name in ("h", "i"):
            await cluster.create(
                AUTOSCALERS, name, spec={"scaleTargetRef": target, "maxReplicas": 2}
            )

        async def told() -> bool:
            return {"AmbiguousSelector", "FailedComputeMetricsReplicas"} <= await reasons(
                cluster, "i"
            )

        await cluster.until(told)


async def test_an_autoscaler_without_a_target_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        for name, kind in (("h", "Deployment"), ("i", "Nothing")):
            target = {"apiVersion": "apps/v1", "kind": kind, "name": "d"}
            await cluster.create(
                AUTOSCALERS, name, spec={"scaleTargetRef": target, "maxReplicas": 2}
            )

        async def unable(name: str) -> str:
            found = await cluster.client.get(AUTOSCALERS, Key("default", name))
            return str((condition_of(found, "AbleToScale") or {}).get("message", ""))

        text = "the HPA controller was unable to get the target's current scale: "
        missing = await cluster.until(lambda: unable("h"))
        assert missing == f'{text}deployments.apps "d" not found'
        unknown = await cluster.until(lambda: unable("i"))
        assert unknown == f'{text}no matches for kind "Nothing" in group "apps"'


async def test_a_replication_controller_has_pods_and_goes_with_them(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        template = {"metadata": {"labels": {"app": "r"}}, "spec": engine_pod()}
        await cluster.create(
            REPLICATION_CONTROLLERS, "r", spec={"replicas": 2, "template": template}
        )

        async def both() -> list[Document] | None:
            found = await cluster.pods()
            return found if len(found) == 2 else None

        pods = await cluster.until(both)
        owners = {pod["metadata"]["ownerReferences"][0]["kind"] for pod in pods}
        assert owners == {"ReplicationController"}

        async def counted() -> bool:
            found = await cluster.client.get(REPLICATION_CONTROLLERS, Key("default", "r"))
            return bool(found["status"]["replicas"] == 2)

        await cluster.until(counted)
        await cluster.client.delete(
            REPLICATION_CONTROLLERS, Key("default", "r"), propagationPolicy="Background"
        )

        async def none() -> bool:
            return not await cluster.pods()

        await cluster.until(none)
