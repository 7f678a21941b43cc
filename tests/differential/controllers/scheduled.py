"""Scenarios of CronJobs, HorizontalPodAutoscalers and ReplicationControllers."""

from datetime import UTC, datetime, timedelta

import trio
import trio.lowlevel
from tests.differential.controllers.scenarios import Scenario, Steps, image, template, workload
from tests.differential.controllers.world import World

from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document

_SYNC_SECONDS = 18.0  # a little more than what lies between two looks at an autoscaler
_MINUTE = 60
_SPARE_SECONDS = (
    25  # until the next minute, so that nothing becomes due in the middle of a scenario
)


async def replication_controller(world: World) -> Steps:
    await world.create(
        "replicationcontrollers", "old", spec={"replicas": 2, "template": template()}
    )
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("replicationcontrollers", "old", {"spec": {"replicas": 3}})
    yield "scaled"
    await world.patch("replicationcontrollers", "old", image("two"))
    yield "another image, for pods to come"
    (one, *_) = await world.pods()
    await world.patch("pods", one["metadata"]["name"], {"metadata": {"labels": {"app": "b"}}})
    yield "one let go"
    await world.patch("replicationcontrollers", "old", {"spec": {"replicas": 0}})
    yield "none wanted"
    await world.let_go()
    yield "none is left"
    await world.delete("replicationcontrollers", "old", propagationPolicy="Background")
    await world.let_go()
    yield "deleted"


async def autoscaler_without_metrics(world: World) -> Steps:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    await world.create("deployments.apps", "web", spec=workload(4))
    limits = {"minReplicas": 2, "maxReplicas": 3, "scaleTargetRef": target}
    await world.create("horizontalpodautoscalers.autoscaling", "one", spec=limits)
    await trio.sleep(2 * _SYNC_SECONDS)
    yield "made smaller"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 1}})
    await trio.sleep(2 * _SYNC_SECONDS)
    yield "made larger"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 0}})
    await trio.sleep(_SYNC_SECONDS)
    yield "none wanted"


async def autoscalers_of_nothing(world: World) -> Steps:
    for kind in ("Deployment", "Nothing"):
        target = {"apiVersion": "apps/v1", "kind": kind, "name": "web"}
        spec = {"maxReplicas": 3, "scaleTargetRef": target}
        await world.create("horizontalpodautoscalers.autoscaling", kind.lower(), spec=spec)
    await trio.sleep(_SYNC_SECONDS)
    yield "created"


async def autoscaler_with_other_metrics(world: World) -> Steps:
    average, value = {"type": "AverageValue", "averageValue": "5"}, {"type": "Value", "value": "5"}
    about, metric = {"kind": "Service", "name": "s", "apiVersion": "v1"}, {"name": "m"}
    metrics = {
        "Resource": {"name": "memory", "target": average},
        "Pods": {"metric": metric, "target": average},
        "Object": {"describedObject": about, "metric": metric, "target": value},
        "External": {"metric": metric, "target": value},
        "ContainerResource": {
            "name": "cpu",
            "container": "main",
            "target": {"type": "Utilization", "averageUtilization": 5},
        },
    }
    for kind, source in metrics.items():
        name = kind.lower()
        chosen = {"selector": {"matchLabels": {"app": name}}, "template": template(app=name)}
        await world.create("deployments.apps", name, spec=workload(1, **chosen))
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        entry = {"type": kind, f"{kind[0].lower()}{kind[1:]}": source}
        spec = {"maxReplicas": 3, "scaleTargetRef": target, "metrics": [entry]}
        await world.create("horizontalpodautoscalers.autoscaling", name, spec=spec)
    await trio.sleep(_SYNC_SECONDS)
    yield "created"


async def autoscalers_of_the_same(world: World) -> Steps:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    await world.create("deployments.apps", "web", spec=workload(1))
    for name in ("one", "two"):
        spec = {"maxReplicas": 3, "scaleTargetRef": target}
        await world.create("horizontalpodautoscalers.autoscaling", name, spec=spec)
    await trio.sleep(2 * _SYNC_SECONDS)
    yield "created"


def cron_job_of(schedule: str = "* * * * *", **spec: object) -> Document:
    """A CronJob that is suspended until `last_run` lets it go."""
    job = {
        "spec": {"template": template(restartPolicy="Never")},
        "metadata": {"labels": {"of": "cron"}},
    }
    return {"schedule": schedule, "jobTemplate": job, "suspend": True} | spec


async def last_run(world: World, name: str, minutes: int) -> None:
    """Let a CronJob have run so long ago, and not wait any longer."""
    now = datetime.now(UTC)
    if now.second > _MINUTE - _SPARE_SECONDS:
        await trio.sleep(_MINUTE - now.second + 1)
        now = datetime.now(UTC)
    last = now.replace(second=0) - timedelta(minutes=minutes)
    await world.patch(
        "cronjobs.batch", name, {"status": {"lastScheduleTime": timestamp(last)}}, "status"
    )
    await world.patch("cronjobs.batch", name, {"spec": {"suspend": False}})


async def cron_job(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of())
    yield "suspended"
    await last_run(world, "tick", 3)
    await trio.sleep(2)
    yield "due"
    await world.run_pods()
    await world.end_pods("Succeeded")
    yield "done"
    await world.patch(
        "cronjobs.batch", "tick", {"spec": {"successfulJobsHistoryLimit": 0, "suspend": True}}
    )
    yield "no history"


async def cron_job_fails(world: World) -> Steps:
    spec = cron_job_of(failedJobsHistoryLimit=0, startingDeadlineSeconds=200)
    spec["jobTemplate"]["spec"]["backoffLimit"] = 0
    await world.create("cronjobs.batch", "tick", spec=spec)
    await last_run(world, "tick", 3)
    await trio.sleep(2)
    yield "due"
    await world.run_pods()
    await world.end_pods("Failed", code=1)
    await trio.sleep(2)
    await world.let_go()
    yield "failed"


async def cron_job_forbids(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of(concurrencyPolicy="Forbid"))
    await last_run(world, "tick", 200)
    await trio.sleep(2)
    yield "many were missed"
    await last_run(world, "tick", 2)
    yield "one still runs"
    await world.patch("cronjobs.batch", "tick", {"spec": {"concurrencyPolicy": "Replace"}})
    await trio.sleep(1)
    yield "replaced"
    await world.delete("cronjobs.batch", "tick", propagationPolicy="Background")
    await world.let_go()
    yield "deleted"


async def cron_job_is_too_late(world: World) -> Steps:
    await world.create(
        "cronjobs.batch", "tick", spec=cron_job_of("0 0 1 1 *", startingDeadlineSeconds=1)
    )
    await last_run(world, "tick", 600_000)
    yield "too late"


SCHEDULED: tuple[Scenario, ...] = (
    replication_controller, autoscaler_without_metrics, autoscalers_of_nothing, autoscaler_with_other_metrics, autoscalers_of_the_same, cron_job,
    cron_job_fails, cron_job_forbids, cron_job_is_too_late,
)  # fmt: skip
