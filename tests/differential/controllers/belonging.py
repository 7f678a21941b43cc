"""More of what belongs to whom: namespaces, owners of other kinds, custom resources, endpoints of many pods."""

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, template, workload
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document

_HOLD = {"finalizers": ["example.com/hold"]}


async def namespace_is_held(world: World) -> Steps:
    await world.create("configmaps", "held", metadata=_HOLD)
    for name in ("x", "y"):  # of a ReplicaSet, a real status stops at different moments
        await world.create("pods", name, spec=template()["spec"])
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.delete_namespace()
    await trio.sleep(7)  # pods are looked at again after half of their grace period
    yield "held by a finalizer and by pods"
    await world.let_go()
    await trio.sleep(18)
    yield "held by a finalizer"
    await world.patch("configmaps", "held", {"metadata": {"finalizers": None}})
    await trio.sleep(20)
    yield "gone"


async def owners_of_other_kinds(world: World) -> Steps:
    await world.create("secrets", "owner")
    owner = await world.reference("secrets", "owner")
    await world.create(
        "services", "web", metadata={"ownerReferences": [owner]}, spec={"ports": [{"port": 80}]}
    )
    await world.create(
        "deployments.apps", "web", metadata={"ownerReferences": [owner]}, spec=workload(1)
    )
    wrong = owner | {"kind": "ConfigMap"}
    await world.create(
        "configmaps", "of another kind", metadata={"name": "wrong", "ownerReferences": [wrong]}
    )
    node = await world.reference("nodes", "node")
    await world.create("configmaps", "of-a-node", metadata={"ownerReferences": [node]})
    yield "created"
    await world.delete("secrets", "owner")
    await trio.sleep(2)
    yield "its owner is gone"
    await world.let_go()
    yield "its pods are gone"


async def custom_resources_block(world: World) -> Steps:
    await world.define("widgets", "Widget")
    await world.create("widgets", "owner")
    owner = await world.reference("widgets", "owner")
    blocking = owner | {"blockOwnerDeletion": True, "controller": True}
    await world.create("widgets", "child", metadata={"ownerReferences": [blocking]} | _HOLD)
    await world.create("configmaps", "child", metadata={"ownerReferences": [owner]})
    await world.create(
        "pods", "child", metadata={"ownerReferences": [blocking]}, spec=template()["spec"]
    )
    await world.run_pods()
    await trio.sleep(32)  # a real collector learns of new kinds every thirty seconds
    yield "created"
    await world.delete("widgets", "owner", propagationPolicy="Foreground")
    await trio.sleep(2)
    yield "deleted in the foreground"
    await world.let_go()
    yield "the pod is gone"
    await world.patch("widgets", "child", {"metadata": {"finalizers": None}})
    yield "let go"


async def many_endpoints(world: World) -> Steps:
    await world.create("services", "web", spec={"selector": {"app": "a"}, "ports": [{"port": 80}]})
    await world.create("replicasets.apps", "web", spec=workload(150))
    yield "created"
    await world.run_pods()
    await trio.sleep(3)
    yield "ready"
    await world.patch("replicasets.apps", "web", {"spec": {"replicas": 0}})
    await trio.sleep(25)  # a real controller manager asks twenty times a second
    yield "scaling down"
    await world.let_go()
    await trio.sleep(3)
    yield "none is left"


async def services_share_pods(world: World) -> Steps:
    def pod(app: str, port: int) -> Document:
        ports = [{"name": "http", "containerPort": port}]
        container = {"name": "main", "image": "one", "ports": ports}
        return {
            "metadata": {"labels": {"app": app, "part": "of-both"}},
            "spec": {"containers": [container]},
        }

    for app, port in (("a", 8000), ("b", 9000)):
        own = {"selector": {"matchLabels": {"app": app}}, "template": pod(app, port)}
        await world.create("replicasets.apps", app, spec=workload(2) | own)
    http = {"name": "http", "port": 80, "targetPort": "http"}
    for name, selector in (("one", {"app": "a"}), ("both", {"part": "of-both"})):
        await world.create(
            "services",
            name,
            metadata={"labels": {"of": name}},
            spec={"selector": selector, "ports": [http]},
        )
    await world.create(
        "services",
        "headless",
        spec={"selector": {"app": "a"}, "clusterIP": "None", "ports": [http]},
    )
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("services", "both", {"metadata": {"labels": {"of": "all"}}})
    yield "another label"
    await world.patch("replicasets.apps", "b", {"spec": {"replicas": 0}})
    yield "some are leaving"
    await world.let_go()
    yield "some are gone"
    await world.end_pods("Succeeded", 1)
    yield "one has ended"
    await world.delete("endpoints", "one")
    for name in await world.names_of("endpointslices.discovery.k8s.io"):
        await world.delete("endpointslices.discovery.k8s.io", name)
    yield "made anew"


async def peers_have_names(world: World) -> Steps:
    http = {"name": "http", "port": 80}
    spec = {"selector": {"app": "a"}, "clusterIP": "None", "ports": [http]}
    await world.create("services", "db", spec=spec)
    await world.create("services", "early", spec=spec | {"publishNotReadyAddresses": True})
    own = workload(2, serviceName="db", podManagementPolicy="Parallel")
    await world.create("statefulsets.apps", "db", spec=own)
    yield "created"
    await world.run_pods(1)
    yield "one is ready"
    await world.run_pods(ready=False)
    yield "the other runs"


async def pods_are_refused(world: World) -> Steps:
    await world.create("resourcequotas", "few", spec={"hard": {"pods": "1"}})
    await trio.sleep(6)  # until it is counted
    await world.create("deployments.apps", "web", spec=workload(3))
    await trio.sleep(3)
    yield "two are refused"
    await world.delete("resourcequotas", "few")
    await world.patch("deployments.apps", "web", {"spec": {"replicas": 2}})
    await trio.sleep(8)
    yield "there is room"


async def budgets_of_other_pods(world: World) -> Steps:
    own = workload(3, serviceName="db", podManagementPolicy="Parallel")
    await world.create("statefulsets.apps", "db", spec=own)
    for name, limits in (
        ("least", {"minAvailable": 1}),
        ("share", {"minAvailable": "50%"}),
        ("most", {"maxUnavailable": 1}),
    ):
        of_name = {"labels": {"app": name}}
        await world.create("pods", name, metadata=of_name, spec=template()["spec"])
        chosen = {"selector": {"matchLabels": {"app": name}}}
        await world.create("poddisruptionbudgets.policy", name, spec=limits | chosen)
    peers = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]}
    for name, spec in (
        ("peers", {"maxUnavailable": "34%", "selector": peers}),
        ("nobody", {"minAvailable": 1, "selector": {"matchLabels": {"app": "absent"}}}),
    ):
        await world.create("poddisruptionbudgets.policy", name, spec=spec)
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("statefulsets.apps", "db", {"spec": {"replicas": 1}})
    yield "scaled down"
    await world.let_go()
    yield "some are gone"


SCENARIOS: tuple[Scenario, ...] = (
    owners_of_other_kinds, custom_resources_block, many_endpoints,
    services_share_pods, peers_have_names, namespace_is_held, pods_are_refused, budgets_of_other_pods,
)  # fmt: skip
