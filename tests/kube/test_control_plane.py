"""The control plane against a real API server."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.cluster import GATEWAY, NETWORKING, Cluster, open_cluster
from tests.support.kube_api import ScriptedKubeApi, item, page
from trio.testing import MockClock

from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.published import Published
from kthena_router.kube.control_plane import ControlPlane
from kthena_router.routing.gateways import PortStates
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Snapshot
from kthena_router.settings import Settings

CLASS = f"{GATEWAY}/gatewayclasses/kthena-router"
DEFAULT = f"{GATEWAY}/namespaces/kthena-system/gateways/default"


def model_server(name: str = "s", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.serving.volcano.sh/v1alpha1",
        "kind": "ModelServer",
        "metadata": {"name": name},
        "spec": {
            "inferenceEngine": "vLLM",
            "workloadPort": {"port": 8000},
            "workloadSelector": {"matchLabels": {"app": name}},
            **spec,
        },
    }


def model_route(name: str = "r", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.serving.volcano.sh/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": name},
        "spec": {
            "modelName": "m",
            "rules": [{"targetModels": [{"modelServerName": "s"}]}],
            **spec,
        },
    }


def condition(found: dict[str, Any], kind: str) -> tuple[str, str]:
    status = found.get("status")
    for one in status.get("conditions", ()) if isinstance(status, dict) else ():
        if one["type"] == kind:
            return one["status"], one["reason"]
    return "", ""


async def ready(cluster: Cluster) -> None:
    await cluster.until(lambda snapshot: 8080 in snapshot.ports)


async def test_class_and_default_gateway_are_made_and_come_back(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        await ready(cluster)
        made = await cluster.get(DEFAULT)
        await cluster.client.delete(CLASS)
        await cluster.client.delete(DEFAULT)

        again = await cluster.until_object(
            DEFAULT,
            lambda one: (
                one.get("metadata", {}).get("uid", made["metadata"]["uid"])
                != made["metadata"]["uid"]
            ),
        )

        assert (
            "volcano.sh/kthena-router"
            == (await cluster.until_object(CLASS, lambda one: "spec" in one))["spec"][
                "controllerName"
            ]
        )
        assert {"name": "default", "port": 8080, "protocol": "HTTP"}.items() <= again["spec"][
            "listeners"
        ][0].items()
        assert "All" == again["spec"]["listeners"][0]["allowedRoutes"]["namespaces"]["from"]


async def test_gateway_is_programmed_with_its_address(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        found = await cluster.until_object(
            DEFAULT, lambda one: condition(one, "Programmed") == ("True", "Programmed")
        )

        assert [{"type": "IPAddress", "value": "127.0.0.1"}] == found["status"]["addresses"]
        accepted = await cluster.until_object(
            CLASS, lambda one: condition(one, "Accepted")[0] == "True"
        )
        assert ("True", "SupportedVersion") == condition(accepted, "SupportedVersion")


async def test_route_reports_why_it_serves_nothing(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        await cluster.create(f"{NETWORKING}/modelroutes", model_route())

        found = await cluster.until_object(
            f"{NETWORKING}/modelroutes/r", lambda one: bool(one.get("status"))
        )

        assert ("False", "ParentRefsRequired") == condition(found, "Accepted")


async def test_status_is_written_once_and_then_left(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        await cluster.create(f"{NETWORKING}/modelservers", model_server())
        path = f"{NETWORKING}/modelservers/s"
        written = await cluster.until_object(path, lambda one: bool(one.get("status")))
        await cluster.create(f"{NETWORKING}/modelservers", model_server("other"))
        await cluster.until_object(
            f"{NETWORKING}/modelservers/other", lambda one: bool(one.get("status"))
        )

        assert written == await cluster.get(path)


async def test_cut_watches_and_a_compacted_history_lose_nothing(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        await ready(cluster)
        for index, trouble in enumerate(("cut-watches", "compact", "cut-watches")):
            await cluster.client.post(f"/sandbox/{trouble}")
            await cluster.create(f"{NETWORKING}/modelservers", model_server(f"s{index}"))

            snapshot = await cluster.until(
                lambda one, index=index: ObjectKey("default", f"s{index}") in one.backends  # type: ignore[misc]
            )

            assert index + 1 == len(snapshot.backends)


async def test_kind_that_goes_is_forgotten_and_waited_for(tmp_path: Path) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    name = "modelservers.networking.serving.volcano.sh"
    async with open_cluster(tmp_path) as cluster:
        await cluster.create(f"{NETWORKING}/modelservers", model_server())
        await cluster.until(lambda one: bool(one.backends))
        definition = await cluster.get(f"{path}/{name}")
        await cluster.client.delete(f"{path}/{name}")
        await cluster.client.post("/sandbox/cut-watches")
        await cluster.until(lambda one: not one.backends)
        body = {**definition, "metadata": {"name": name}}
        body.pop("status", None)
        await cluster.create(path, body)
        await cluster.until_object(
            f"{NETWORKING}/modelservers", lambda one: one["kind"] == "ModelServerList"
        )
        await cluster.create(f"{NETWORKING}/modelservers", model_server("later"))

        snapshot = await cluster.until(lambda one: bool(one.backends))

        assert [ObjectKey("default", "later")] == list(snapshot.backends)


async def test_fault_in_a_service_is_shown_and_ends_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    server = item("s", "3", spec={})
    api.on("GET", "/apis/networking.serving.volcano.sh/v1alpha1/modelservers", page([server]))
    api.on("GET", "/apis/networking.serving.volcano.sh/v1alpha1/modelroutes", page())
    api.on("GET", "/api/v1/pods", RuntimeError("generator did not stop"), page())
    snapshots: Published[Snapshot] = Published(EMPTY_SNAPSHOT)
    ports: Published[PortStates] = Published({})
    plane = ControlPlane(
        api,
        Settings(),
        snapshots,
        ports,
        addresses=(),
        wall_clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        chance=lambda: 0.0,
    )
    with trio.move_on_after(10):
        await plane.run()

    assert plane.synced.is_set()
    assert [ObjectKey("default", "s")] == list(snapshots.value.backends)
    (error,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "a fault in the control plane, which starts again" == error.getMessage()
    assert "RuntimeError: generator did not stop" in caplog.text


async def test_lease_is_held_and_released(tmp_path: Path) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/kthena-system/leases/kthena-router"
    async with open_cluster(tmp_path, identity="me") as cluster:
        held = await cluster.until_object(path, lambda one: "spec" in one)

        assert ("me", 15) == (held["spec"]["holderIdentity"], held["spec"]["leaseDurationSeconds"])
        cluster.plane.step_aside()
        await cluster.until_object(path, lambda one: "holderIdentity" not in one["spec"])


async def test_requests_to_an_idle_api_are_few(tmp_path: Path) -> None:
    async with open_cluster(tmp_path) as cluster:
        await cluster.until_object(DEFAULT, lambda one: condition(one, "Programmed")[0] == "True")
        counts = [await _requests(cluster)]
        # One renewal of the Lease in two seconds, and the question itself; what the start needs may come before.
        while len(counts) < 10 and (len(counts) < 2 or counts[-1] - counts[-2] > 8):
            await trio.sleep(2)
            counts.append(await _requests(cluster))

        assert counts[-1] - counts[-2] <= 8


async def _requests(cluster: Cluster) -> int:
    text = (await cluster.client.get("/metrics")).text
    lines = [
        line for line in text.splitlines() if "requests_total" in line and not line.startswith("#")
    ]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines)
