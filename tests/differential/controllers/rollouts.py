"""Scenarios of Deployments and ReplicaSets that nobody rolls out in peace."""

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, image, template, workload
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document

_LATE_SECONDS = 5.0  # for a progress deadline of two
_COST = "controller.kubernetes.io/pod-deletion-cost"


def _strategy(surge: int | str, unavailable: int | str) -> Document:
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"type": "RollingUpdate", "rollingUpdate": limits}


async def _web(world: World, replicas: int, **spec: object) -> Steps:
    await world.create("deployments.apps", "web", spec=workload(replicas, **spec))
    yield "created"
    await world.run_pods()
    yield "ready"


async def _change(world: World, change: Document) -> None:
    await world.patch("deployments.apps", "web", change)


async def _turns(world: World, count: int, pods: int = 100) -> Steps:
    for turn in range(count):
        await world.run_pods(pods)
        yield f"new ones run, {turn}"
        await world.let_go()
        yield f"old ones are gone, {turn}"


async def deployment_pauses_in_the_middle(world: World) -> Steps:
    async for step in _web(world, 3):
        yield step
    await _change(world, image("two"))
    yield "another image"
    await world.run_pods()
    yield "one is new"
    await _change(world, {"spec": {"paused": True}})
    await world.let_go()
    yield "paused"
    await _change(world, image("three"))
    yield "a third image, for later"
    await _change(world, {"spec": {"replicas": 6}})
    yield "scaled while it pauses"
    await world.run_pods()
    yield "ready while it pauses"
    await _change(world, {"spec": {"paused": False}})
    yield "resumed"
    async for step in _turns(world, 7, 1):
        yield step


async def deployment_recovers(world: World) -> Steps:
    spec = workload(2, progressDeadlineSeconds=2)
    await world.create("deployments.apps", "web", spec=spec)
    await trio.sleep(_LATE_SECONDS)
    yield "its time is up"
    await world.run_pods(1)
    yield "one has come"
    await world.run_pods()
    yield "both have come"
    await _change(world, image("two"))
    await trio.sleep(_LATE_SECONDS)
    yield "its time is up again"
    await _change(world, {"spec": {"paused": True}})
    yield "paused then"
    await _change(world, {"spec": {"paused": False}})
    await _change(world, image("one"))
    yield "back to the first image"
    await world.let_go()
    yield "recovered"


async def deployment_with_percents(world: World) -> Steps:
    async for step in _web(world, 10, strategy=_strategy("25%", "25%")):
        yield step
    await _change(world, image("two"))
    yield "another image"
    async for step in _turns(world, 8, 1):
        yield step
    await _change(world, {"spec": {"strategy": _strategy("100%", 0)}})
    yield "all beside the others"
    async for step in _turns(world, 2):
        yield step


async def deployment_with_the_least_percents(world: World) -> Steps:
    async for step in _web(world, 3, strategy=_strategy("0%", "1%")):
        yield step
    await _change(world, image("two"))
    yield "another image"
    async for step in _turns(world, 3):
        yield step


async def deployment_forgets_revisions(world: World) -> Steps:
    async for step in _web(world, 1, revisionHistoryLimit=2):
        yield step
    for name in ("two", "three", "four", "two"):
        await _change(world, image(name))
        yield f"image {name}"
        await world.run_pods()
        yield f"image {name} runs"
        await world.let_go()
        yield f"image {name} runs alone"
    await _change(world, {"spec": {"revisionHistoryLimit": 0}})
    yield "no history"


async def deployment_lets_a_set_go(world: World) -> Steps:
    async for step in _web(world, 2):
        yield step
    (name,) = await world.names_of("replicasets.apps")
    await world.patch("replicasets.apps", name, {"metadata": {"labels": {"app": "b"}}})
    await trio.sleep(3)
    yield "its ReplicaSet is no longer its own"
    await world.run_pods()
    yield "the new one is ready"
    await world.patch("replicasets.apps", name, {"metadata": {"labels": {"app": "a"}}})
    await trio.sleep(3)
    yield "it is back"
    await world.run_pods()
    await world.let_go()
    yield "at rest"


async def deployment_recreates_at_last(world: World) -> Steps:
    async for step in _web(world, 2, strategy={"type": "Recreate"}):
        yield step
    await _change(world, image("two"))
    yield "another image"
    await _change(world, image("three") | {"spec": image("three")["spec"] | {"replicas": 3}})
    yield "a third one and a third pod"
    await world.let_go()
    yield "the first are gone"
    await world.run_pods(2)
    await world.rest()
    await _change(world, image("two"))
    yield "back to the second"
    await world.let_go()
    yield "the third are gone"
    await world.run_pods()
    yield "at rest"


async def deployment_waits_in_a_rollout(world: World) -> Steps:
    async for step in _web(world, 3, minReadySeconds=20):
        yield step
    await _change(world, image("two"))
    yield "another image"
    await world.run_pods(since="now")
    await trio.sleep(1)
    yield "ready, and not available"
    await trio.sleep(21)
    yield "available"


async def deployment_grows_in_a_rollout(world: World) -> Steps:
    """The example of "Proportional scaling" in the documentation, and back."""
    async for step in _web(world, 10, strategy=_strategy(3, 2)):
        yield step
    await _change(world, image("two"))
    await world.rest()
    await world.let_go()
    yield "another image, which does not start"
    for replicas in (15, 7):
        await _change(world, {"spec": {"replicas": replicas}})
        yield f"scaled to {replicas}"


async def deployment_grows_in_two_rollouts(world: World) -> Steps:
    """Few events, since which of ten alike are combined is a matter of chance."""
    async for step in _web(world, 6, strategy=_strategy(2, 2)):
        yield step
    for name in ("two", "three"):
        await _change(world, image(name))
        await world.rest()
        await world.let_go()
        yield f"image {name}, which does not start"
    await _change(world, {"spec": {"replicas": 20}})
    yield "scaled to 20"


async def deployment_has_annotations(world: World) -> Steps:
    async for step in _web(world, 0):
        yield step
    await _change(world, {"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}})
    yield "annotated"
    labels = {"metadata": {"labels": {"more": "x"}, "annotations": {"of": "pods"}}}
    await _change(world, {"spec": {"template": labels}})
    yield "other labels of pods"
    await _change(world, {"metadata": {"annotations": {"a": None}}, "spec": {"replicas": 1}})
    yield "the annotation is taken back"
    (first, *_) = await world.names_of("replicasets.apps")
    await world.delete("replicasets.apps", first)
    yield "a ReplicaSet is deleted"
    await world.run_pods()
    yield "ready"


async def deployment_ends_its_pods(world: World) -> Steps:
    async for step in _web(world, 3):
        yield step
    await world.end_pods("Failed", 1, code=1)
    yield "one has failed"
    await world.evict((await world.pods())[-1])
    yield "one is evicted"
    await world.delete("deployments.apps", "web", propagationPolicy="Foreground")
    yield "leaving"
    await _change(world, image("two"))
    yield "another image while it leaves"
    await world.let_go()
    yield "gone"


async def replica_set_adopts(world: World) -> Steps:
    for name, app, cost in (("one", "a", "10"), ("two", "a", "0"), ("other", "b", "5")):
        own = {"labels": {"app": app}, "annotations": {_COST: cost}}
        await world.create("pods", name, metadata=own, spec=template()["spec"])
    await world.run_pods()
    await world.create("replicasets.apps", "web", spec=workload(1))
    await trio.sleep(1)
    yield "one too many"
    await world.let_go()
    await world.patch("pods", "other", {"metadata": {"labels": {"app": "a"}}})
    yield "another pod with its labels"
    await world.patch("replicasets.apps", "web", {"spec": {"replicas": 3}})
    yield "three wanted"
    await world.patch("pods", "one", {"metadata": {"labels": {"app": "c"}}})
    yield "one let go"


async def replica_set_chooses_victims(world: World) -> Steps:
    costs = {"dear": "10", "cheap": "-5", "plain": None, "unready": "20", "waiting": "30"}
    for name, cost in costs.items():
        notes = {"annotations": {_COST: cost}} if cost else {}
        labels = {"labels": {"app": "a"}}
        await world.create("pods", name, metadata=labels | notes, spec=template()["spec"])
        if name != "waiting":
            await world.run_pods(ready=name != "unready")
    left = template(readinessGates=[])["spec"]
    await world.create("pods", "waiting-too", metadata={"labels": {"app": "a"}}, spec=left)
    await world.create("replicasets.apps", "web", spec=workload(6))
    yield "adopted"
    for replicas in (5, 4, 3, 2, 1):
        await world.patch("replicasets.apps", "web", {"spec": {"replicas": replicas}})
        yield f"{replicas} wanted"
    await world.let_go()
    yield "gone"


SCENARIOS: tuple[Scenario, ...] = (
    deployment_pauses_in_the_middle, deployment_recovers, deployment_with_percents,
    deployment_with_the_least_percents, deployment_forgets_revisions, deployment_lets_a_set_go,
    deployment_recreates_at_last, deployment_waits_in_a_rollout, deployment_grows_in_a_rollout,
    deployment_grows_in_two_rollouts,
    deployment_has_annotations, deployment_ends_its_pods, replica_set_adopts,
    replica_set_chooses_victims,
)  # fmt: skip
