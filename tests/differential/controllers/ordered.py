"""More scenarios of StatefulSets, and of DaemonSets on nodes of their own."""

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, image, template, workload
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document


async def _db(world: World, replicas: int, **spec: object) -> Steps:
    own = workload(replicas, serviceName="db", **spec)
    await world.create("statefulsets.apps", "db", spec=own)
    yield "created"
    for turn in range(1 if "podManagementPolicy" in spec else replicas):
        await world.run_pods()
        yield f"ready, {turn}"


async def _change(world: World, change: Document) -> None:
    await world.patch("statefulsets.apps", "db", change)


async def _phase(world: World, name: str, phase: str, *, ready: bool = False) -> None:
    (pod,) = [pod for pod in await world.pods() if pod["metadata"]["name"] == name]
    await world.set_phase(pod, phase, ready=ready, address="10.1.0.99")


async def stateful_set_waits_for_the_unready(world: World) -> Steps:
    async for step in _db(world, 3):
        yield step
    await _phase(world, "db-1", "Running")
    await _change(world, {"spec": {"replicas": 4}})
    yield "one is unready, one more wanted"
    await _change(world, {"spec": {"replicas": 1}})
    yield "one wanted"
    await world.let_go()
    yield "the last is gone"
    await world.let_go()
    yield "the unready one is gone"
    await _phase(world, "db-0", "Running")
    await _change(world, {"spec": {"replicas": 0}})
    yield "none wanted"
    await world.let_go()
    yield "gone"


async def stateful_set_of_parallel_parts(world: World) -> Steps:
    async for step in _db(world, 4, podManagementPolicy="Parallel"):
        yield step
    part = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    await _change(world, {"spec": image("two")["spec"] | {"updateStrategy": part}})
    for turn in range(2):
        yield f"another image, {turn}"
        await world.let_go()
        yield f"one is gone, {turn}"
        await world.run_pods()
    yield "down to the partition"
    await world.delete("pods", "db-0")
    await world.let_go()
    yield "one below it is made anew"
    await world.run_pods()
    await _change(world, {"spec": {"replicas": 5}})
    yield "one more"
    await world.run_pods()
    await _change(world, {"spec": image("one")["spec"]})
    for turn in range(3):
        yield f"back, {turn}"
        await world.let_go()
        yield f"back, one is gone, {turn}"
        await world.run_pods()
    yield "all are back"


async def stateful_set_is_stuck(world: World) -> Steps:
    async for step in _db(world, 2):
        yield step
    await _change(world, image("bad"))
    yield "an image that does not start"
    await world.let_go()
    yield "the last is made anew"
    await _change(world, image("two"))
    yield "another image, which has to wait"
    await world.delete("pods", "db-1")
    await world.let_go()
    yield "deleted by hand"
    await world.run_pods()
    yield "ready again"


async def stateful_set_goes_back_half_way(world: World) -> Steps:
    async for step in _db(world, 3):
        yield step
    await _change(world, image("two"))
    yield "another image"
    await world.replace_pods()
    yield "one is new"
    await _change(world, image("one"))
    yield "back"
    await world.replace_pods()
    yield "as before"
    await _change(world, {"spec": {"revisionHistoryLimit": 0}})
    yield "no history"


async def stateful_set_of_other_strategies(world: World) -> Steps:
    async for step in _db(world, 2, updateStrategy={"type": "OnDelete"}):
        yield step
    await _change(world, image("two"))
    yield "another image"
    await world.delete("pods", "db-1")
    await world.replace_pods()
    yield "one is new"
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    await _change(world, {"spec": {"updateStrategy": rolling}})
    yield "rolling after all"
    await world.replace_pods()
    yield "both are new"


async def stateful_set_adopts(world: World) -> Steps:
    async for step in _db(world, 2):
        yield step
    await world.patch("pods", "db-1", {"metadata": {"labels": {"app": "b"}}})
    await trio.sleep(1)
    yield "one let go"
    await world.patch("pods", "db-1", {"metadata": {"labels": {"app": "a"}}})
    await trio.sleep(3)
    yield "one is back"
    await world.delete("statefulsets.apps", "db", propagationPolicy="Orphan")
    yield "orphans"
    await world.create("statefulsets.apps", "db", spec=workload(3, serviceName="db"))
    yield "adopted"
    await world.run_pods()
    await _change(world, {"metadata": {"labels": {"x": "y"}}})
    yield "ready"


async def stateful_set_begins_earlier(world: World) -> Steps:
    async for step in _db(world, 2, ordinals={"start": 3}):
        yield step
    await _change(world, {"spec": {"ordinals": {"start": 2}}})
    yield "earlier by one"
    await world.run_pods()
    yield "the first is ready"
    await world.let_go()
    yield "the last is gone"
    await _change(world, {"spec": {"ordinals": None}})
    yield "from zero"
    for turn in range(4):
        await world.run_pods()
        await world.rest()
        await world.let_go()
        yield f"one more, {turn}"


async def stateful_set_fails_in_parallel(world: World) -> Steps:
    async for step in _db(world, 3, podManagementPolicy="Parallel", minReadySeconds=1):
        yield step
    await world.end_pods("Failed", 2, code=1)
    await trio.sleep(1)
    yield "two have failed"
    await world.let_go()
    await trio.sleep(1)
    yield "they are made anew"
    await world.run_pods()
    await world.end_pods("Succeeded", 1)
    await trio.sleep(1)
    yield "one has ended"


async def _agents(world: World, *nodes: str, **spec: object) -> Steps:
    for name in nodes:
        await world.make_node(name)
    tolerated = {"key": "only", "operator": "Exists", "effect": "NoSchedule"}
    pods = template(nodeSelector={"of": world.namespace}, tolerations=[tolerated])
    own = {"selector": {"matchLabels": {"app": "a"}}, "template": pods}
    await world.create("daemonsets.apps", "agent", spec=own | spec)
    yield "created"
    await world.run_pods()
    yield "ready"


def _rolling(**limits: int | str) -> Document:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": limits}}


async def daemon_set_follows_nodes(world: World) -> Steps:
    async for step in _agents(world, "a", "b"):
        yield step
    await world.make_node("c")
    yield "one more node"
    await world.run_pods()
    await world.patch("nodes", f"{world.namespace}-a", {"spec": {"unschedulable": True}})
    yield "one is cordoned"
    await world.taint_node("b", "NoSchedule")
    yield "one takes no new pods"
    await world.taint_node("b", "NoExecute")
    yield "one takes no pods"
    await world.let_go()
    yield "its pod is gone"
    await world.taint_node("b")
    yield "it takes pods again"
    await world.patch("nodes", f"{world.namespace}-c", {"metadata": {"labels": {"of": "none"}}})
    yield "one has other labels"


async def daemon_set_replaces_many(world: World) -> Steps:
    async for step in _agents(
        world, "any-a", "any-b", "any-c", "any-d", **_rolling(maxUnavailable="50%")
    ):
        yield step
    await world.patch("daemonsets.apps", "agent", image("two"))
    yield "another image"
    await world.let_go()
    yield "the first are gone"
    await world.run_pods(1)
    yield "one is ready"
    await world.replace_pods()
    yield "more are ready"
    await world.patch("daemonsets.apps", "agent", image("one"))
    yield "back"
    await world.patch("daemonsets.apps", "agent", {"spec": _rolling(maxUnavailable="100%")})
    yield "all at once"


async def daemon_set_surges(world: World) -> Steps:
    limits = _rolling(maxSurge="50%", maxUnavailable=0)
    async for step in _agents(world, "any-a", "any-b", "any-c", minReadySeconds=1, **limits):
        yield step
    await world.patch("daemonsets.apps", "agent", image("two"))
    yield "another image"
    for turn in range(3):
        await world.run_pods(1)
        await trio.sleep(1)
        yield f"one is ready, {turn}"
        await world.let_go()
        yield f"one is gone, {turn}"
    await world.run_pods()
    await world.rest()
    await world.let_go()
    await world.rest()
    await world.end_pods("Failed", 1, code=1)
    await trio.sleep(2)
    yield "one has failed"


async def daemon_set_adopts(world: World) -> Steps:
    async for step in _agents(world, "any-a", "any-b", revisionHistoryLimit=0):
        yield step
    (pod, *_) = await world.pods()
    await world.patch("pods", pod["metadata"]["name"], {"metadata": {"labels": {"app": "b"}}})
    yield "one let go"
    await world.run_pods()
    yield "another in its place"
    await world.patch("pods", pod["metadata"]["name"], {"metadata": {"labels": {"app": "a"}}})
    await trio.sleep(1)
    yield "it is back, and one too many"
    await world.let_go()
    await world.delete("daemonsets.apps", "agent", propagationPolicy="Foreground")
    yield "deleted"
    await world.let_go()
    yield "gone"


SCENARIOS: tuple[Scenario, ...] = (
    stateful_set_waits_for_the_unready, stateful_set_of_parallel_parts, stateful_set_is_stuck,
    stateful_set_goes_back_half_way, stateful_set_of_other_strategies, stateful_set_adopts,
    stateful_set_begins_earlier, stateful_set_fails_in_parallel, daemon_set_follows_nodes,
    daemon_set_replaces_many, daemon_set_surges, daemon_set_adopts,
)  # fmt: skip
