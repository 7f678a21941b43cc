"""Room on a node beside other pods, in the scheduler's words."""

from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import engine_pod, running

from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.kinds import NODES, PODS, Document, Key
from kthena_sandbox.kubelet.addresses import ANNOTATION
from kthena_sandbox.kubelet.crowding import requests_of
from kthena_sandbox.kubelet.fitting import crowded_reason

HOSTNAME = "kubernetes.io/hostname"
NODE = {
    "metadata": {"name": "sandbox", "labels": {HOSTNAME: "sandbox"}},
    "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "3"}},
}
WEB = {"matchLabels": {"app": "web"}}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
FINAL = "Preemption is not helpful for scheduling"
HELPED = "No preemption victims found for incoming pod"


def pod(name: str = "p", *, namespace: str = "default", app: str = "web", **spec: Any) -> Document:
    metadata = {"name": name, "namespace": namespace, "labels": {"app": app}}
    return {"metadata": metadata, "spec": {"containers": []} | spec}


def container(**requests: str) -> Document:
    return {"resources": {"requests": requests}}


def said(reason: str, preemption: str = HELPED) -> str:
    return (
        f"0/1 nodes are available: {reason}. preemption: 0/1 nodes are available: 1 {preemption}."
    )


def terms(kind: str, **term: Any) -> Document:
    return {
        "affinity": {kind: {REQUIRED: [{"topologyKey": HOSTNAME, "labelSelector": WEB} | term]}}
    }


def test_requests_of_containers_sidecars_and_what_comes_before_them() -> None:
    sidecar = container(cpu="1") | {"restartPolicy": "Always"}
    found = requests_of(pod(
        initContainers=[container(cpu="2"), sidecar, container(cpu="4", memory="1Gi")],
        containers=[container(cpu="500m"), container(cpu="1", memory="512Mi")],
        overhead={"cpu": "250m"},
    ))  # fmt: skip
    assert {name: str(amount) for name, amount in found.items()} == {
        "cpu": "5.250", "memory": "1073741824",
    }  # fmt: skip


def test_a_server_outside_needs_nothing_here() -> None:
    outside = pod(containers=[container(**{"nvidia.com/gpu": "8"})])
    outside["metadata"]["annotations"] = {ANNOTATION: "192.0.2.1"}
    assert crowded_reason(outside, NODE, []) == ""


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ({"cpu": "1", "memory": "1Gi"}, ""),
        ({"cpu": "2"}, said("1 Insufficient cpu")),
        ({"cpu": "2", "memory": "7Gi"}, said("1 Insufficient cpu, 1 Insufficient memory")),
        ({"cpu": "5"}, said("1 Insufficient cpu", FINAL)),
        ({"nvidia.com/gpu": "1"}, said("1 Insufficient nvidia.com/gpu", FINAL)),
    ],
)
def test_requests_are_counted(requests: dict[str, str], reason: str) -> None:
    other = pod("other", containers=[container(cpu="2500m", memory="2Gi")])
    ended = pod("ended", containers=[container(cpu="4")]) | {"status": {"phase": "Succeeded"}}
    wanting = pod(containers=[container(**requests)])
    assert crowded_reason(wanting, NODE, [other, ended]) == reason


def test_pods_are_counted() -> None:
    others = [pod(str(number)) for number in range(3)]
    assert crowded_reason(pod(), NODE, others) == said("1 Too many pods")
    assert crowded_reason(pod(), {"metadata": {"name": "new"}}, others) == ""


def test_two_that_shun_each_other() -> None:
    shy, other = pod(**terms("podAntiAffinity")), pod("other", app="api")
    assert crowded_reason(shy, NODE, [other]) == ""
    assert crowded_reason(shy, NODE, [pod("o")]) == said(
        "1 node(s) didn't match pod anti-affinity rules"
    )
    assert crowded_reason(pod(), NODE, [shy]) == said(
        "1 node(s) didn't satisfy existing pods anti-affinity rules"
    )
    elsewhere = pod("o", namespace="n")
    assert crowded_reason(shy, NODE, [elsewhere]) == ""
    everywhere = pod(**terms("podAntiAffinity", namespaceSelector={}))
    assert crowded_reason(everywhere, NODE, [elsewhere]) != ""
    zoned = pod(**terms("podAntiAffinity", topologyKey="zone"))
    assert crowded_reason(zoned, NODE, [pod("o")]) == ""


def test_those_that_want_company() -> None:
    wanting = pod(app="api", **terms("podAffinity"))
    assert crowded_reason(wanting, NODE, [pod("o")]) == ""
    assert crowded_reason(wanting, NODE, []) == said(
        "1 node(s) didn't match pod affinity rules", FINAL
    )
    first_of_its_kind = pod(**terms("podAffinity"))
    assert crowded_reason(first_of_its_kind, NODE, []) == ""


def test_spreading_over_one_node() -> None:
    rule = {"topologyKey": HOSTNAME, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": WEB}  # fmt: skip
    others = [pod("1"), pod("2")]
    assert crowded_reason(pod(topologySpreadConstraints=[rule]), NODE, others) == ""
    several = rule | {"minDomains": 2}
    assert crowded_reason(pod(topologySpreadConstraints=[several]), NODE, []) == ""
    unspread = said("1 node(s) didn't match pod topology spread constraints")
    assert crowded_reason(pod(topologySpreadConstraints=[several]), NODE, others) == unspread
    zoned = rule | {"topologyKey": "zone"}
    assert crowded_reason(pod(topologySpreadConstraints=[zoned]), NODE, []) == said(
        "1 node(s) didn't match pod topology spread constraints (missing required label)", FINAL
    )
    soft = zoned | {"whenUnsatisfiable": "ScheduleAnyway"}
    assert crowded_reason(pod(topologySpreadConstraints=[soft]), NODE, []) == ""


async def test_a_second_pod_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    spec = engine_pod() | terms("podAntiAffinity")
    async with running(tmp_path, kubelet=True) as cluster:
        for name in ("one", "two"):
            await cluster.create(PODS, name, metadata={"labels": {"app": "web"}}, spec=spec)

        async def unfit() -> str:
            listed = [condition_of(entry, "PodScheduled") for entry in await cluster.pods()]
            return next((entry["message"] for entry in listed if entry and "message" in entry), "")

        assert "didn't match pod anti-affinity rules" in await cluster.until(unfit)
        placed = [entry for entry in await cluster.pods() if entry["spec"].get("nodeName")]
        (first,) = [str(entry["metadata"]["name"]) for entry in placed]
        await cluster.client.delete(PODS, Key("default", first))

        async def follows() -> bool:
            return [entry["spec"].get("nodeName") for entry in await cluster.pods()] == ["sandbox"]

        await cluster.until(follows)


async def test_devices_that_a_node_is_given(tmp_path: Path) -> None:
    """What is added to the node's status stays, and lets pods in that wait for it."""
    gpu = {"nvidia.com/gpu": "1"}
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "p", spec=engine_pod(resources={"limits": gpu}))

        async def waits() -> bool:
            (found,) = await cluster.pods()
            condition = condition_of(found, "PodScheduled") or {}
            return "Insufficient nvidia.com/gpu" in condition.get("message", "")

        await cluster.until(waits)
        status = {"status": {"allocatable": gpu, "capacity": gpu}}
        await cluster.client.patch(NODES, Key("", "sandbox"), status, "status")

        async def placed() -> bool:
            (found,) = await cluster.pods()
            return "nodeName" in found["spec"]

        await cluster.until(placed)
        node = await cluster.client.get(NODES, Key("", "sandbox"))
        assert (node["status"]["allocatable"]["nvidia.com/gpu"], node["status"]["allocatable"]["cpu"]) == (
            "1", "1k",
        )  # fmt: skip
