"""More scenarios of Jobs, CronJobs and what finishes them, and of budgets for disruptions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, image, template, workload
from tests.differential.controllers.scheduled import cron_job_of, last_run
from tests.differential.controllers.world import World

from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document

_PAUSE_SECONDS = 11  # a little more than the first pause after a failure


async def _work(world: World, *, restarts: str = "Never", **spec: Any) -> Steps:
    own = {"template": template(restartPolicy=restarts)} | spec
    await world.create("jobs.batch", "work", spec=own)
    yield "created"
    await world.run_pods()
    yield "running"


async def _change(world: World, **spec: Any) -> None:
    await world.patch("jobs.batch", "work", {"spec": spec})


def _indexed(count: int, **spec: Any) -> Document:
    return {
        "completions": count, "parallelism": count, "completionMode": "Indexed",
    } | spec  # fmt: skip


async def job_backs_off(world: World) -> Steps:
    async for step in _work(world, backoffLimit=1, parallelism=2, completions=2):
        yield step
    await world.end_pods("Failed", 1, code=1)
    yield "one has failed"
    await trio.sleep(_PAUSE_SECONDS)
    yield "another in its place"
    await world.run_pods()
    await world.rest()
    await world.end_pods("Failed", 1, code=1)
    yield "another has failed"
    await world.let_go()
    yield "the last is gone"


async def job_restarts_in_place(world: World) -> Steps:
    async for step in _work(world, restarts="OnFailure", backoffLimit=2):
        yield step
    (pod,) = await world.pods()
    state = {"name": "main", "image": "one", "imageID": "", "ready": False, "state": {}}
    for count in (1, 2):
        status = {"containerStatuses": [state | {"restartCount": count}]}
        await world.patch("pods", pod["metadata"]["name"], {"status": status}, "status")
        yield f"restarted {count}"
    await world.let_go()
    yield "its pod is gone"


async def job_replaces_the_failed_alone(world: World) -> Steps:
    spec: Document = {"podReplacementPolicy": "Failed", "parallelism": 2, "completions": 2}
    async for step in _work(world, **spec):
        yield step
    (pod, *_) = await world.pods()
    await world.delete("pods", pod["metadata"]["name"])
    yield "one is leaving"
    await world.set_phase(pod, "Failed", code=137)
    await world.let_go()
    yield "one is gone"
    await world.run_pods()
    await world.rest()
    await world.end_pods("Succeeded")
    yield "done"


async def job_replaces_at_once(world: World) -> Steps:
    async for step in _work(world, **_indexed(2)):
        yield step
    (pod, *_) = await world.pods()
    await world.delete("pods", pod["metadata"]["name"])
    await trio.sleep(_PAUSE_SECONDS)
    yield "one is leaving"
    await world.let_go()
    yield "one is gone"
    await world.evict((await world.pods())[0])
    await trio.sleep(2 * _PAUSE_SECONDS)
    yield "one is evicted"
    await world.replace_pods()
    await world.rest()
    await world.end_pods("Succeeded")
    yield "done"


async def job_of_somebody_else(world: World) -> Steps:
    await world.create(
        "jobs.batch", "work",
        spec={"managedBy": "example.com/queue", "template": template(restartPolicy="Never")},
    )  # fmt: skip
    yield "created"


async def job_has_more_rules(world: World) -> Steps:
    rules = [
        {"action": "Count", "onExitCodes": {"operator": "In", "values": [7]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [1, 2]}},
    ]
    policy = {"podFailurePolicy": {"rules": rules}, "backoffLimitPerIndex": 1}
    async for step in _work(world, **_indexed(3, **policy)):
        yield step
    await world.end_index("0", "Failed", code=9)
    yield "an index is given up"
    await world.end_index("1", "Failed", code=7)
    yield "one is to be tried again"
    await trio.sleep(_PAUSE_SECONDS)
    yield "it is tried again"
    await world.run_pods()
    await world.end_index("1", "Failed", code=1)
    yield "it is given up"
    await world.end_index("2", "Succeeded")
    yield "the last has succeeded"


async def job_ignores_disruptions(world: World) -> Steps:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    async for step in _work(world, backoffLimit=0, podFailurePolicy={"rules": rules}):
        yield step
    (pod,) = await world.pods()
    await world.evict(pod)
    yield "evicted"
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    status = {"status": {"phase": "Failed", "conditions": [target]}}
    await world.patch("pods", pod["metadata"]["name"], status, "status")
    yield "failed"
    await world.let_go()
    await trio.sleep(2)
    yield "made anew"
    await world.run_pods()
    await world.rest()
    await world.end_pods("Succeeded")
    yield "done"


async def job_succeeds_by_rules(world: World) -> Steps:
    rules = [{"succeededIndexes": "0-1"}, {"succeededCount": 3}]
    async for step in _work(world, **_indexed(5, successPolicy={"rules": rules})):
        yield step
    await world.end_index("0", "Succeeded")
    await world.end_index("3", "Failed", code=1)
    yield "one of each"
    await world.end_index("2", "Succeeded")
    await world.end_index("4", "Succeeded")
    yield "enough"
    await world.let_go()
    yield "the others are gone"


async def job_changes_size(world: World) -> Steps:
    async for step in _work(world, **_indexed(2)):
        yield step
    await _change(world, completions=4, parallelism=4)
    yield "larger"
    await world.run_pods()
    await _change(world, completions=1, parallelism=1)
    yield "smaller"
    await world.let_go()
    await world.end_pods("Succeeded")
    yield "done"
    await _change(world, ttlSecondsAfterFinished=1)
    await trio.sleep(2)
    yield "gone by its time to live"


async def job_is_suspended_late(world: World) -> Steps:
    async for step in _work(world, activeDeadlineSeconds=4, suspend=True):
        yield step
    await trio.sleep(5)
    yield "suspended for long"
    await _change(world, suspend=False)
    yield "resumed"
    await _change(world, parallelism=0)
    yield "no pods"
    await world.let_go()
    await trio.sleep(5)
    yield "its time is up"
    await _change(world, suspend=True)
    yield "suspended when it is over"


async def job_of_no_completions(world: World) -> Steps:
    async for step in _work(world, completions=0):
        yield step


async def job_is_orphaned(world: World) -> Steps:
    async for step in _work(world, parallelism=2):
        yield step
    (pod, *_) = await world.pods()
    finalizers = [*pod["metadata"]["finalizers"], "example.com/hold"]
    await world.patch("pods", pod["metadata"]["name"], {"metadata": {"finalizers": finalizers}})
    await world.end_pods("Succeeded")
    yield "done, one is held"
    await world.delete("jobs.batch", "work", propagationPolicy="Orphan")
    yield "its pods stay"


async def job_is_deleted_at_work(world: World) -> Steps:
    async for step in _work(world, parallelism=2):
        yield step
    await world.delete("jobs.batch", "work", propagationPolicy="Foreground")
    yield "leaving"
    await world.let_go()
    yield "gone"


async def job_chooses_its_labels(world: World) -> Steps:
    chosen = {"matchLabels": {"app": "a"}}
    labels = {"labels": {"app": "a"}}
    await world.create(
        "pods", "stray", metadata=labels, spec=template(restartPolicy="Never")["spec"]
    )
    async for step in _work(world, manualSelector=True, selector=chosen, parallelism=2):
        yield step
    await world.patch("pods", "stray", {"metadata": {"labels": {"app": "b"}}})
    yield "one let go"
    await world.end_pods("Succeeded")
    yield "done"


async def _due_once(world: World, hour: int) -> None:
    """Let a CronJob have missed an hour of the day, and suspend it as soon as it has seen that."""
    last = timestamp(datetime.now(UTC) - timedelta(hours=36))
    await world.patch("cronjobs.batch", "tick", {"status": {"lastScheduleTime": last}}, "status")
    schedule = {"schedule": f"30 {hour} * * *"}  # of which by itself nothing follows at once
    await world.patch("cronjobs.batch", "tick", {"spec": schedule})
    await world.patch("cronjobs.batch", "tick", {"spec": {"suspend": False}})
    await world.rest()
    await world.patch("cronjobs.batch", "tick", {"spec": {"suspend": True}})


async def cron_job_keeps_some(world: World) -> Steps:
    spec = cron_job_of(successfulJobsHistoryLimit=1, timeZone="Asia/Kolkata")
    await world.create("cronjobs.batch", "tick", spec=spec)
    for hour in (3, 5):
        await _due_once(world, hour)
        yield f"{hour} o'clock: due"
        await world.run_pods()
        await world.rest()
        await world.end_pods("Succeeded")
        yield f"{hour} o'clock: done"


async def cron_job_replaces(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of(concurrencyPolicy="Replace"))
    await _due_once(world, 3)
    yield "due"
    await world.run_pods()
    await _due_once(world, 5)
    yield "replaced"
    await world.let_go()
    yield "the first is gone"


async def cron_job_waits(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of(concurrencyPolicy="Forbid"))
    await _due_once(world, 3)
    yield "due"
    await _due_once(world, 5)
    yield "forbidden"


async def cron_job_gets_another_schedule(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of("30 3 * * *", suspend=False))
    last = timestamp(datetime.now(UTC) - timedelta(hours=36))
    await world.rest()
    spec = {"schedule": "30 5 * * *"}
    await world.patch("cronjobs.batch", "tick", {"status": {"lastScheduleTime": last}}, "status")
    yield "an hour that was missed"
    await world.patch("cronjobs.batch", "tick", {"spec": spec})
    yield "another hour, which was missed too"


async def cron_job_has_strangers(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of())
    owner = await world.reference("cronjobs.batch", "tick") | {"controller": True}
    job = {"template": template(restartPolicy="Never")}
    await world.create("jobs.batch", "manual", metadata={"ownerReferences": [owner]}, spec=job)
    yield "started by hand"
    await world.run_pods()
    await world.rest()
    await world.end_pods("Succeeded")
    await trio.sleep(2)
    yield "done"
    await world.delete("cronjobs.batch", "tick", propagationPolicy="Foreground")
    yield "deleted"


async def cron_job_loses_its_job(world: World) -> Steps:
    await world.create("cronjobs.batch", "tick", spec=cron_job_of(startingDeadlineSeconds=300))
    await last_run(world, "tick", 2)
    await trio.sleep(2)
    yield "due"
    (job,) = await world.names_of("jobs.batch")
    await world.patch("cronjobs.batch", "tick", {"spec": {"suspend": True}})
    await world.delete("jobs.batch", job, propagationPolicy="Background")
    await trio.sleep(1)
    await world.let_go()
    yield "its Job is gone"


async def budgets_of_the_unready(world: World) -> Steps:
    await world.create("replicasets.apps", "web", spec=workload(3))
    yield "pods to come before the budget"
    await world.run_pods(2)
    await world.run_pods(ready=False)
    chosen = {"selector": {"matchLabels": {"app": "a"}}}
    spec = {"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"} | chosen
    await world.create("poddisruptionbudgets.policy", "web", spec=spec)
    yield "one is unready"
    pods = await world.pods()
    (unready,) = [pod for pod in pods if not pod["status"]["containerStatuses"][0]["ready"]]
    await world.evict(unready)
    yield "the unready one is evicted"
    await world.evict(next(pod for pod in pods if pod is not unready))
    yield "another may not be"
    await world.replace_pods()
    yield "ready"
    await world.create("poddisruptionbudgets.policy", "too", spec={"maxUnavailable": 0} | chosen)
    yield "a second budget"
    await world.evict((await world.pods())[0])
    yield "none may be evicted"
    await world.delete("poddisruptionbudgets.policy", "too")
    await world.patch("poddisruptionbudgets.policy", "web", {"spec": {"minAvailable": "100%"}})
    yield "all are needed"
    await world.patch("replicasets.apps", "web", {"spec": {"replicas": 5}})
    yield "two more"


async def budgets_of_many_kinds(world: World) -> Steps:
    for name, spec in (("one", workload(2)), ("two", workload(2))):
        chosen = {"selector": {"matchLabels": {"app": name}}, "template": template(app=name)}
        await world.create("deployments.apps", name, spec=spec | chosen)
    await world.create("jobs.batch", "work", spec={"template": template(restartPolicy="Never")})
    yield "pods to come before the budget"
    everybody = {"maxUnavailable": "50%", "selector": {}}
    await world.create("poddisruptionbudgets.policy", "all", spec=everybody)
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("deployments.apps", "one", image("two"))
    yield "one is rolled out"


SCENARIOS: tuple[Scenario, ...] = (
    job_backs_off, job_restarts_in_place, job_replaces_the_failed_alone, job_replaces_at_once,
    job_of_somebody_else, job_has_more_rules, job_ignores_disruptions, job_succeeds_by_rules,
    job_changes_size, job_is_suspended_late, job_of_no_completions, job_is_orphaned,
    job_is_deleted_at_work, job_chooses_its_labels, cron_job_keeps_some, cron_job_replaces, cron_job_waits, cron_job_gets_another_schedule,
    cron_job_has_strangers, cron_job_loses_its_job, budgets_of_the_unready, budgets_of_many_kinds,
)  # fmt: skip
