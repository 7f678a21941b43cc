"""What happens in a cluster, step by step; between two steps the controllers come to rest and what is there is compared."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import trio
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document

_LATE_SECONDS = 5.0  # for a progress deadline of two
Steps = AsyncGenerator[str, None]
Scenario = Callable[[World], Steps]


def template(
    image: str = "one", *, app: str = "a", ports: tuple[Document, ...] = (), **spec: Any
) -> Document:
    container = {"name": "main", "image": image} | ({"ports": list(ports)} if ports else {})
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]} | spec}


def workload(replicas: int = 2, **spec: Any) -> Document:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "a"}},
        "template": template(),
    } | spec


def image(name: str) -> Document:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


async def _roll(world: World) -> Steps:
    for turn in range(5):
        await world.run_pods(1)
        yield f"one more is starting, {turn + 1}"
        await world.let_go()
        yield f"one more is ready, {turn + 1}"


async def deployment_rolls(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(4))
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("deployments.apps", "web", image("two"))
    yield "another image"
    async for step in _roll(world):
        yield step


async def deployment_rolls_with_limits(world: World) -> Steps:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "50%"}}
    await world.create(
        "deployments.apps", "web", spec=workload(4, strategy=strategy, revisionHistoryLimit=1)
    )
    yield "created"
    await world.run_pods()
    yield "ready"
    for name in ("two", "three", "one"):
        await world.patch("deployments.apps", "web", image(name))
        yield f"image {name}"
        for turn in range(3):
            await world.run_pods()
            yield f"image {name}: all are ready, {turn + 1}"
            await world.let_go()
            yield f"image {name}: the old are gone, {turn + 1}"


async def deployment_recreates(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(2, strategy={"type": "Recreate"}))
    yield "created"
    await world.run_pods()
    yield "all are ready"
    await world.patch("deployments.apps", "web", image("two"))
    yield "another image"
    await world.let_go()
    yield "the old ones are gone"
    await world.run_pods()
    yield "ready"


async def deployment_pauses_and_scales(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(4))
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("deployments.apps", "web", {"spec": {"paused": True}})
    yield "paused"
    await world.patch("deployments.apps", "web", image("two"))
    yield "another image while it is paused"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 6}})
    yield "scaled while it is paused"
    await world.patch("deployments.apps", "web", {"spec": {"paused": False}})
    yield "resumed"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 12}})
    yield "scaled in the middle of a rollout"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 5}})
    yield "scaled down in the middle of a rollout"
    await world.patch("deployments.apps", "web", image("one"))
    yield "back to the first image"
    for turn in range(4):
        await world.run_pods()
        yield f"all are ready, {turn + 1}"
        await world.let_go()
        yield f"the old are gone, {turn + 1}"
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 0}})
    yield "scaled to zero"


async def deployment_does_not_progress(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(2, progressDeadlineSeconds=2))
    await trio.sleep(_LATE_SECONDS)
    yield "its time is up"
    await world.run_pods(1)
    await trio.sleep(_LATE_SECONDS)
    yield "one is ready, and its time is up again"
    await world.run_pods()
    yield "both are ready"
    await world.patch("deployments.apps", "web", {"metadata": {"annotations": {"note": "x"}}})
    yield "an annotation"
    (one, *_) = await world.pods()
    await world.set_phase(one, "Running", ready=False)
    yield "one is not ready any more"


async def replica_set_alone(world: World) -> Steps:
    for name in ("x", "y"):
        await world.create("pods", name, metadata={"labels": {"app": "a"}}, spec=template()["spec"])
    await world.create("replicasets.apps", "set", spec=workload(3))
    yield "adopts"
    await world.run_pods()
    yield "ready"
    await world.patch("pods", "x", {"metadata": {"labels": {"app": "other"}}})
    yield "one is relabelled"
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-1"}
    await world.patch("pods", "y", {"metadata": {"annotations": cost}})
    await world.patch("replicasets.apps", "set", {"spec": {"replicas": 1}})
    yield "scaled down"
    await world.delete("replicasets.apps", "set", propagationPolicy="Orphan")
    yield "deleted, its pods are orphans"


async def stateful_set(world: World) -> Steps:
    await world.create("statefulsets.apps", "db", spec=workload(3, serviceName="db"))
    for number in range(3):
        yield f"pod {number} is to start"
        await world.run_pods()
    yield "ready"
    await world.patch("statefulsets.apps", "db", image("two"))
    for turn in range(4):
        yield f"another image, {turn}"
        await world.let_go()
        yield f"another image, {turn}: gone"
        await world.run_pods()
    await world.patch("statefulsets.apps", "db", {"spec": {"replicas": 1}})
    for turn in range(3):
        yield f"scaled down, {turn}"
        await world.let_go()


async def stateful_set_of_other_policies(world: World) -> Steps:
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    spec = workload(3, serviceName="db", podManagementPolicy="Parallel", updateStrategy=update)
    await world.create("statefulsets.apps", "db", spec=spec)
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("statefulsets.apps", "db", image("two"))
    for turn in range(3):
        yield f"another image down to the partition, {turn}"
        await world.let_go()
        yield f"another image down to the partition, {turn}: gone"
        await world.run_pods()
    await world.patch(
        "statefulsets.apps",
        "db",
        {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}},
    )
    yield "on deletion"
    await world.delete("pods", "db-0")
    await world.let_go()
    yield "deleted by hand"
    await world.delete("statefulsets.apps", "db", propagationPolicy="Foreground")
    yield "deleted in the foreground"
    await world.let_go()
    yield "gone"


async def daemon_set(world: World) -> Steps:
    await world.create(
        "daemonsets.apps",
        "agent",
        spec={"selector": {"matchLabels": {"app": "a"}}, "template": template()},
    )
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("daemonsets.apps", "agent", image("two"))
    for turn in range(2):
        yield f"another image, {turn}"
        await world.let_go()
        yield f"another image, {turn}: gone"
        await world.run_pods()
    yield "ready again"
    await world.patch(
        "daemonsets.apps",
        "agent",
        {"spec": {"template": {"spec": {"nodeSelector": {"no": "node"}}}}},
    )
    yield "no node fits"


async def job_succeeds(world: World) -> Steps:
    spec = {"completions": 3, "parallelism": 2, "template": template(restartPolicy="Never")}
    await world.create("jobs.batch", "work", spec=spec)
    for turn in range(3):
        yield f"turn {turn}"
        await world.run_pods()
        yield f"turn {turn}: running"
        await world.end_pods("Succeeded")
    yield "done"


async def job_fails(world: World) -> Steps:
    spec = {
        "backoffLimit": 0,
        "parallelism": 2,
        "completions": 2,
        "template": template(restartPolicy="Never"),
    }
    await world.create("jobs.batch", "work", spec=spec)
    yield "created"
    await world.run_pods()
    yield "running"
    await world.end_pods("Failed", 1, code=3)
    yield "one has failed"
    await world.let_go()
    yield "the other is gone"


async def job_is_suspended_and_indexed(world: World) -> Steps:
    spec = {
        "suspend": True, "completionMode": "Indexed", "completions": 2, "parallelism": 2,
        "template": template(restartPolicy="Never"),
    }  # fmt: skip
    await world.create("jobs.batch", "work", spec=spec)
    yield "suspended"
    await world.patch("jobs.batch", "work", {"spec": {"suspend": False}})
    yield "resumed"
    await world.run_pods()
    await world.patch("jobs.batch", "work", {"spec": {"suspend": True}})
    yield "suspended again"
    await world.let_go()
    yield "its pods are gone"
    await world.patch("jobs.batch", "work", {"spec": {"suspend": False}})
    yield "resumed again"
    await world.run_pods()
    await world.end_pods("Succeeded")
    yield "done"
    await world.delete("jobs.batch", "work", propagationPolicy="Background")
    yield "deleted"


async def job_has_deadlines(world: World) -> Steps:
    spec = {
        "activeDeadlineSeconds": 1,
        "ttlSecondsAfterFinished": 6,
        "template": template(restartPolicy="Never"),
    }
    await world.create("jobs.batch", "work", spec=spec)
    yield "its time is up"
    await world.let_go()
    yield "its pod is gone"


async def endpoints_follow(world: World) -> Steps:
    ports = ({"name": "http", "containerPort": 8000}, {"name": "other", "containerPort": 9000})
    await world.create("deployments.apps", "web", spec=workload(3, template=template(ports=ports)))
    selected = {"selector": {"app": "a"}}
    http = {"name": "http", "port": 80, "targetPort": "http"}
    await world.create(
        "services",
        "web",
        spec=selected | {"ports": [http, {"name": "n", "port": 81, "targetPort": 9000}]},
    )
    await world.create(
        "services", "early", spec=selected | {"ports": [http], "publishNotReadyAddresses": True}
    )
    await world.create("services", "headless", spec=selected | {"clusterIP": "None"})
    await world.create(
        "services", "nothing", spec=selected | {"ports": [{"port": 80, "targetPort": "absent"}]}
    )
    yield "created"
    await world.run_pods(2)
    await world.run_pods(1, ready=False)
    yield "two are ready"
    (one, *_) = await world.pods()
    await world.set_phase(one, "Running", ready=False)
    yield "one is ready"
    await world.patch("services", "web", {"spec": {"selector": {"app": "b"}}})
    yield "another selector"
    await world.patch("services", "early", {"spec": {"ports": [http | {"targetPort": "other"}]}})
    yield "another port"
    await world.delete("services", "headless")
    yield "a Service goes"


async def endpoints_by_hand(world: World) -> Steps:
    await world.create("services", "own", spec={"ports": [{"port": 80}]})
    subset = {
        "addresses": [{"ip": "10.2.0.1"}],
        "notReadyAddresses": [{"ip": "10.2.0.2"}],
        "ports": [{"port": 8080}],
    }
    await world.create("endpoints", "own", subsets=[subset])
    yield "mirrored"
    await world.patch(
        "endpoints",
        "own",
        {"subsets": [{"addresses": [{"ip": "10.2.0.3"}], "ports": [{"port": 1}]}]},
    )
    yield "changed"
    await world.delete("endpoints", "own")
    yield "gone"


async def budget_holds(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(3))
    yield "pods to come before the budget"
    budget = {"minAvailable": "60%", "selector": {"matchLabels": {"app": "a"}}}
    await world.create("poddisruptionbudgets.policy", "web", spec=budget)
    yield "created"
    await world.run_pods()
    yield "ready"
    for turn in range(2):
        await world.evict((await world.pods())[0])
        yield f"evicted {turn}"
    await world.run_pods()
    yield "ready again"


async def owners_go(world: World) -> Steps:
    await world.create("configmaps", "owner")
    owner = await world.client.get(world.kinds["configmaps"], _key(world, "owner"))
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    blocking = reference | {"blockOwnerDeletion": True}
    await world.create("configmaps", "child", metadata={"ownerReferences": [reference]})
    held = {"ownerReferences": [blocking], "finalizers": ["example.com/hold"]}
    await world.create("configmaps", "held", metadata=held)
    gone = reference | {"name": "nobody", "uid": "0" * 8}
    await world.create("configmaps", "orphan", metadata={"ownerReferences": [gone]})
    await world.create("configmaps", "both", metadata={"ownerReferences": [gone, reference]})
    yield "created"
    await world.delete("configmaps", "owner", propagationPolicy="Foreground")
    yield "deleted in the foreground"
    await world.patch("configmaps", "held", {"metadata": {"finalizers": None}})
    yield "let go"


async def deployment_is_deleted(world: World) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(2))
    await world.create(
        "deployments.apps",
        "kept",
        spec=workload(1, selector={"matchLabels": {"app": "b"}}, template=template(app="b")),
    )
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.delete("deployments.apps", "web", propagationPolicy="Foreground")
    yield "deleted in the foreground"
    await world.let_go()
    await world.delete("deployments.apps", "kept", propagationPolicy="Orphan")
    yield "its ReplicaSet is an orphan"


async def account_comes_back(world: World) -> Steps:
    await world.delete("serviceaccounts", "default")
    await world.delete("configmaps", "kube-root-ca.crt")
    yield "both are made anew"


def _key(world: World, name: str) -> Any:
    return (world.namespace, name)


SCENARIOS: tuple[Scenario, ...] = (
    deployment_rolls, deployment_rolls_with_limits, deployment_recreates, deployment_pauses_and_scales,
    deployment_does_not_progress, replica_set_alone, stateful_set, stateful_set_of_other_policies, daemon_set, job_succeeds,
    job_fails, job_is_suspended_and_indexed, job_has_deadlines, endpoints_follow, endpoints_by_hand, budget_holds,
    owners_go, deployment_is_deleted, account_comes_back,
)  # fmt: skip
