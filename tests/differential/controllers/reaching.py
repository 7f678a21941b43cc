"""More scenarios of Services and what lists their endpoints."""

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, workload
from tests.differential.controllers.world import World

from kthena_sandbox.kinds import Document

_HTTP = {"name": "http", "port": 80, "targetPort": "http"}
_APP = {"app": "a"}


async def _service(world: World, name: str, **spec: object) -> None:
    await world.create("services", name, spec={"selector": _APP, "ports": [_HTTP]} | spec)


async def _change(world: World, name: str, **spec: object) -> None:
    await world.patch("services", name, {"spec": spec})


async def _pod(world: World, name: str, *ports: Document, **spec: object) -> None:
    container = {"name": "main", "image": "one", "ports": list(ports)}
    own = {"containers": [container]} | spec
    await world.create("pods", name, metadata={"labels": _APP}, spec=own)


async def ports_differ_by_pod(world: World) -> Steps:
    await _pod(world, "one", {"name": "http", "containerPort": 8000})
    await _pod(world, "two", {"name": "http", "containerPort": 8001})
    await _pod(world, "three", {"name": "other", "containerPort": 8000})
    await _pod(world, "four", {"name": "http", "containerPort": 8000, "protocol": "UDP"})
    more = {"name": "more", "port": 81, "targetPort": "other", "appProtocol": "h2c"}
    await _service(world, "web", ports=[_HTTP, more])
    datagrams = {"name": "u", "port": 80, "protocol": "UDP", "targetPort": "http"}
    await _service(world, "both", ports=[_HTTP, datagrams])
    await _service(world, "headless", clusterIP="None", ports=[_HTTP, more])
    yield "created"
    await world.run_pods()
    yield "ready"
    await _change(world, "web", ports=[more])
    yield "one port less"
    await world.delete("pods", "three")
    yield "one is leaving"
    await world.let_go()
    yield "one is gone"


async def pods_are_found_early(world: World) -> Steps:
    for name in ("plain", "early"):
        early = {"publishNotReadyAddresses": True} if name == "early" else {}
        await _service(world, name, ports=[{"port": 80}], **early)
        await _service(world, f"{name}-headless", clusterIP="None", ports=[], **early)
    await _pod(world, "one", hostname="first", subdomain="early-headless")
    await _pod(world, "two", subdomain="early-headless")
    yield "created"
    await world.run_pods(ready=False)
    yield "they run"
    await world.delete("pods", "one")
    yield "one is leaving, unready"
    await world.run_pods()
    for pod in await world.pods():
        await world.set_phase(pod, "Running", ready=True, address="10.1.0.77")
    yield "one is ready, at another address"
    await world.delete("pods", "two")
    yield "it is leaving"
    await world.let_go()
    yield "none is left"


async def services_change_their_type(world: World) -> Steps:
    await _pod(world, "one", {"name": "http", "containerPort": 8000})
    await _service(world, "web")
    yield "created"
    await world.run_pods()
    yield "ready"
    await _change(world, "web", type="NodePort")
    yield "NodePort"
    outside = {
        "type": "ExternalName",
        "externalName": "example.com",
        "clusterIP": "",
        "clusterIPs": None,
    }
    await _change(world, "web", **outside)
    yield "ExternalName"
    await _change(world, "web", type="ClusterIP", externalName=None)
    yield "ClusterIP"
    await _change(world, "web", selector=None)
    yield "without a selector"
    await _change(world, "web", selector=_APP)
    yield "with a selector"


async def services_prefer_the_near(world: World) -> Steps:
    zone = {"topology.kubernetes.io/zone": "here"}
    await world.make_node("a", **zone)
    ports = [{"name": "http", "containerPort": 8000}]
    for name in ("one", "two"):
        container = {"name": "main", "image": "one", "ports": ports}
        spec = {"containers": [container], "nodeName": f"{world.namespace}-a"}
        await world.create("pods", name, metadata={"labels": _APP}, spec=spec)
    await _service(world, "web", trafficDistribution="PreferClose")
    for name in ("PreferSameZone", "PreferSameNode"):
        await _service(world, name.lower(), trafficDistribution=name)
    yield "created"
    await world.run_pods()
    yield "ready"
    await _change(world, "web", trafficDistribution=None)
    yield "no preference"
    await _change(world, "web", trafficDistribution="PreferClose")
    yield "a preference again"


async def services_are_local(world: World) -> Steps:
    await _pod(world, "one", {"name": "http", "containerPort": 8000})
    local = {"internalTrafficPolicy": "Local", "sessionAffinity": "ClientIP"}
    await _service(world, "web", **local)
    await world.run_pods()
    yield "ready"
    await world.patch("services", "web", {"metadata": {"annotations": {"a": "b"}}})
    yield "annotated"
    (pod,) = await world.pods()
    await world.patch("pods", "one", {"metadata": {"annotations": {"a": "b"}}})
    await world.set_phase(pod, "Failed", code=1)
    yield "it has failed"
    await world.delete("services", "web", propagationPolicy="Orphan")
    yield "its slices stay"


async def slices_are_shared_out(world: World) -> Steps:
    await _service(world, "web", ports=[{"port": 80}])
    await world.create("replicasets.apps", "web", spec=workload(120))
    await trio.sleep(3)
    yield "created"
    await world.run_pods()
    await trio.sleep(3)
    yield "ready"
    await world.patch("replicasets.apps", "web", {"spec": {"replicas": 90}})
    await world.rest()
    await world.let_go()
    yield "fewer"
    await world.patch("replicasets.apps", "web", {"spec": {"replicas": 105}})
    await world.rest()
    await world.run_pods()
    yield "some more"


def _subset(address: str, port: int, **more: object) -> Document:
    return {"addresses": [{"ip": address}], "ports": [{"port": port} | more]}


async def endpoints_are_mirrored(world: World) -> Steps:
    await world.create("services", "own", spec={"ports": [{"port": 80}]})
    two = [_subset("10.2.0.1", 8080, name="a"), _subset("10.2.0.2", 8081, name="b")]
    labels = {"labels": {"x": "y"}, "annotations": {"n": "o"}}
    await world.create("endpoints", "own", metadata=labels, subsets=two)
    skipped = {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}
    await world.create("services", "skipped", spec={"ports": [{"port": 80}]})
    await world.create("endpoints", "skipped", metadata=skipped, subsets=two)
    await world.create("endpoints", "lonely", subsets=two)
    yield "mirrored"
    await world.create("services", "lonely", spec={"ports": [{"port": 80}]})
    yield "the Service has come"
    same = [_subset("10.2.0.1", 8080, name="a"), _subset("10.2.0.3", 8080, name="a")]
    await world.patch("endpoints", "own", {"subsets": same})
    yield "other subsets"
    await world.patch("endpoints", "own", {"subsets": None})
    yield "no subsets"
    await world.patch("endpoints", "skipped", {"metadata": {"labels": None}})
    yield "not skipped any more"
    await _change(world, "lonely", selector={"app": "b"})
    yield "it has got a selector"
    await world.delete("services", "skipped")
    yield "a Service has gone"


async def slices_are_written_by_hand(world: World) -> Steps:
    await _pod(world, "one", {"name": "http", "containerPort": 8000})
    await _service(world, "web")
    await world.run_pods()
    yield "ready"
    own = {"kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "me"}
    await world.create(
        "endpointslices.discovery.k8s.io", "mine", metadata={"labels": own},
        addressType="IPv4", endpoints=[{"addresses": ["10.2.0.9"]}], ports=[],
    )  # fmt: skip
    (made,) = [
        name for name in await world.names_of("endpointslices.discovery.k8s.io") if name != "mine"
    ]
    await world.patch("endpointslices.discovery.k8s.io", made, {"endpoints": []})
    yield "spoilt"
    await world.patch("endpoints", "web", {"subsets": []})
    await trio.sleep(1)
    yield "Endpoints are spoilt"


async def endpoints_are_too_many(world: World) -> Steps:
    await world.create("services", "own", spec={"ports": [{"port": 80}]})
    addresses = [{"ip": f"10.2.{number // 200}.{number % 200 + 1}"} for number in range(1005)]
    subset = {"addresses": addresses, "ports": [{"port": 8080}]}
    await world.create("endpoints", "own", subsets=[subset])
    await trio.sleep(2)
    yield "mirrored"


SCENARIOS: tuple[Scenario, ...] = (
    ports_differ_by_pod, pods_are_found_early, services_change_their_type, services_prefer_the_near,
    services_are_local, slices_are_shared_out, endpoints_are_mirrored, slices_are_written_by_hand,
    endpoints_are_too_many,
)  # fmt: skip
