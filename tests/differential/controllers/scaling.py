"""More of what happens to workloads: waiting, sharing out sizes, policies of Jobs."""

from typing import Any

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, image, template, workload
from tests.differential.controllers.world import World

_THREE_INDEXES = {"parallelism": 3, "completions": 3, "completionMode": "Indexed"}


async def deployment_waits_for_its_pods(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(2, minReadySeconds=20))
    yield "created"
    await world.run_pods(since="now")
    await trio.sleep(1.5)
    yield "ready, and not available yet"
    await trio.sleep(21)
    yield "available"
    await world.patch("deployments.apps", "web", {"spec": {"minReadySeconds": 0}})
    yield "nothing to wait for"
    await world.patch("deployments.apps", "web", {"spec": {"minReadySeconds": 300}})
    yield "longer to wait for"


async def deployment_shares_out_without_surge(world: World) -> Steps:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 3}}
    await world.create("deployments.apps", "web", spec=workload(8, strategy=strategy))
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("deployments.apps", "web", image("two"))
    yield "another image"
    await world.let_go()
    yield "the first are gone"
    for replicas in (13, 5, 0):
        await world.patch("deployments.apps", "web", {"spec": {"replicas": replicas}})
        yield f"scaled to {replicas}"


async def deployment_is_rolled_back(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(1))
    for name in ("two", "three", "two", "one"):
        yield f"before {name}"
        await world.run_pods()
        yield f"ready before {name}"
        await world.patch(
            "deployments.apps", "web",
            image(name) | {"metadata": {"annotations": {"kubernetes.io/change-cause": name}}},
        )  # fmt: skip


async def deployment_adopts_and_collides(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(1))
    yield "created"
    await world.run_pods()
    await world.delete("deployments.apps", "web", propagationPolicy="Orphan")
    yield "its ReplicaSet is an orphan"
    await world.create("deployments.apps", "web", spec=workload(2))
    yield "adopted"


async def stateful_set_makes_pods_anew(world: World) -> Steps:
    await world.create("statefulsets.apps", "db", spec=workload(2, serviceName="db"))
    yield "created"
    await world.run_pods()
    yield "one is ready"
    await world.end_pods("Failed", 1, code=1)
    yield "it has failed"
    await world.let_go()
    yield "it is gone"


async def stateful_set_with_ordinals(world: World) -> Steps:
    spec = workload(
        2, serviceName="db", ordinals={"start": 5}, podManagementPolicy="Parallel",
        minReadySeconds=3600,
    )  # fmt: skip
    await world.create("statefulsets.apps", "db", spec=spec)
    yield "created"
    await world.run_pods(since="now")
    yield "ready, and not available"
    await world.patch("statefulsets.apps", "db", {"spec": {"minReadySeconds": 0}})
    yield "available"
    await world.patch("statefulsets.apps", "db", {"spec": {"ordinals": {"start": 6}}})
    yield "they begin later"
    await world.let_go()
    yield "the first is gone"


async def _job_runs(world: World, **spec: Any) -> Steps:
    own = spec | {"template": template(restartPolicy="Never")}
    await world.create("jobs.batch", "work", spec=own)
    yield "created"
    await world.run_pods()
    yield "running"


async def job_has_a_failure_policy(world: World) -> Steps:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]
    policy = {"rules": rules}
    async for step in _job_runs(world, parallelism=2, completions=2, podFailurePolicy=policy):
        yield step
    await world.end_pods("Failed", 1, code=42)
    yield "one has failed"
    await world.end_pods("Failed", code=1)
    await world.let_go()
    yield "the other is gone"


async def job_gives_up_indexes(world: World) -> Steps:
    limits = {"backoffLimitPerIndex": 0, "maxFailedIndexes": 1}
    async for step in _job_runs(world, **_THREE_INDEXES, **limits):
        yield step
    for index in ("0", "1"):
        await world.end_index(index, "Failed", code=1)
        yield f"index {index} has failed"
    await world.let_go()
    yield "the last is gone"


async def job_succeeds_early(world: World) -> Steps:
    policy = {"rules": [{"succeededIndexes": "1-2", "succeededCount": 1}]}
    async for step in _job_runs(world, **_THREE_INDEXES, successPolicy=policy):
        yield step
    await world.end_index("0", "Succeeded")
    yield "one that does not count"
    await world.end_index("2", "Succeeded")
    yield "one that counts"
    await world.let_go()
    yield "the last is gone"


async def job_of_many_at_once(world: World) -> Steps:
    async for step in _job_runs(world, parallelism=3):
        yield step
    await world.patch("jobs.batch", "work", {"spec": {"parallelism": 2}})
    yield "one less"
    await world.let_go()
    await world.end_pods("Succeeded", 1)
    yield "one is done"
    await world.end_pods("Succeeded")
    yield "all are done"


async def daemon_set_of_other_policies(world: World) -> Steps:
    await world.create(
        "daemonsets.apps",
        "agent",
        spec={
            "selector": {"matchLabels": {"app": "a"}},
            "template": template(),
            "updateStrategy": {"type": "OnDelete"},
        },
    )
    yield "created"
    await world.run_pods()
    await world.patch("daemonsets.apps", "agent", image("two"))
    yield "another image"
    (pod,) = await world.pods()
    await world.delete("pods", pod["metadata"]["name"])
    await world.let_go()
    yield "deleted by hand"
    await world.run_pods()
    await world.end_pods("Failed", code=1)
    yield "it has failed"
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    await world.run_pods()
    yield "ready"
    await world.patch(
        "daemonsets.apps",
        "agent",
        image("three") | {"spec": {"updateStrategy": surge} | image("three")["spec"]},
    )
    yield "one beside the other"
    await world.run_pods()
    yield "the new one is ready"
    await world.delete("daemonsets.apps", "agent", propagationPolicy="Orphan")
    yield "its pod is an orphan"


SCENARIOS: tuple[Scenario, ...] = (
    deployment_waits_for_its_pods, deployment_shares_out_without_surge, deployment_is_rolled_back,
    deployment_adopts_and_collides, stateful_set_makes_pods_anew, stateful_set_with_ordinals,
    job_has_a_failure_policy, job_gives_up_indexes, job_succeeds_early,
    job_of_many_at_once, daemon_set_of_other_policies,
)  # fmt: skip
