from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from tests.sandbox.house import Cluster, engine_pod, make_kubelet, running, running_api

from kthena_sandbox.controllers.conditions import condition_of, is_true
from kthena_sandbox.engine import Engine, EngineSettings
from kthena_sandbox.kinds import EVENTS, LEASES, NODES, PODS, Document, Key
from kthena_sandbox.kubelet.addresses import ANNOTATION, POD_NETWORK
from kthena_sandbox.mirror import Mirror

POD = Key("default", "engine")


async def _pod(cluster: Cluster) -> Document:
    return await cluster.client.get(PODS, POD)


def _state(pod: Document) -> Any:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return statuses[0].get("state") or {}


def _ready(cluster: Cluster) -> Callable[[], Awaitable[Document | None]]:
    async def look() -> Document | None:
        pod = await _pod(cluster)
        return pod if is_true(pod, "Ready") else None

    return look


def _unready(cluster: Cluster) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return not is_true(await _pod(cluster), "Ready")

    return look


def _waiting_for(cluster: Cluster, reason: str) -> Callable[[], Awaitable[Any]]:
    async def look() -> Any:
        waiting = _state(await _pod(cluster)).get("waiting") or {}
        return waiting if waiting.get("reason") == reason else None

    return look


def _event(cluster: Cluster, reason: str) -> Callable[[], Awaitable[str]]:
    async def look() -> str:
        events = await cluster.client.list(EVENTS, "default")
        return next((str(event["message"]) for event in events if event["reason"] == reason), "")

    return look


def _about(cluster: Cluster, name: str) -> Callable[[], Awaitable[list[Document]]]:
    async def look() -> list[Document]:
        events = await cluster.client.list(EVENTS, "default")
        return [event for event in events if event["involvedObject"]["name"] == name]

    return look


async def test_a_pod_on_a_node_that_is_not_there_can_be_deleted(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"nodeName": "nowhere"})
        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)


async def test_the_node_says_where_logs_are(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:

        async def registered() -> Document | None:
            node = await cluster.client.find(NODES, Key("", "sandbox"))
            return node if node and is_true(node, "Ready") else None

        node = await cluster.until(registered)
        assert {"type": "InternalIP", "address": "127.0.0.1"} in node["status"]["addresses"]
        assert node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] > 0
        await cluster.client.delete(NODES, Key("", "sandbox"))
        await cluster.until(registered)

        async def renewed() -> Document | None:
            return await cluster.client.find(LEASES, Key("kube-node-lease", "sandbox"))

        lease = await cluster.until(renewed)
        assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseDurationSeconds"]) == (
            "sandbox", 40,
        )  # fmt: skip


async def test_a_known_image_runs_on_an_address_of_its_own(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())
        pod = await cluster.until(_ready(cluster))
        status = pod["status"]
        assert (pod["spec"]["nodeName"], status["phase"]) == ("sandbox", "Running")
        assert ip_address(status["podIP"]) in POD_NETWORK
        assert status["podIPs"] == [{"ip": status["podIP"]}]
        (container,) = status["containerStatuses"]
        assert (container["ready"], container["started"], container["restartCount"]) == (
            True, True, 0,
        )  # fmt: skip
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            models = (await client.get(f"http://{status['podIP']}:8000/v1/models")).json()
        assert [card["id"] for card in models["data"]] == ["m"]
        assert await cluster.until(_event(cluster, "Scheduled")) == (
            "Successfully assigned default/engine to sandbox"
        )
        assert await cluster.until(_event(cluster, "Started")) == "Started container engine"


async def test_an_engine_is_ready_soon_after_its_creation(tmp_path: Path) -> None:
    """Once in ten times will do: the machine may have other things to do."""
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        taken = [float("inf")]
        while min(taken) >= 1.5 and len(taken) <= 10:
            began = trio.current_time()
            await cluster.create(PODS, "engine", spec=engine_pod())
            await cluster.until(_ready(cluster))
            taken.append(trio.current_time() - began)
            await cluster.client.delete(PODS, POD)
            await cluster.gone(PODS, POD)
        assert min(taken) < 1.5


async def test_images_arguments_and_environment_configure_the_engine(tmp_path: Path) -> None:
    spec = engine_pod(
        image="ghcr.io/faust-benchou/sglang-inference-sim:0.1.1",
        args=["--served-model-name", "$(MODEL_NAME)-served", "--unheard-of"],
        env=[{"name": "MODEL_NAME", "value": "inner"}],
        ports=[{"containerPort": 30000}],
    )
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        pod = await cluster.until(_ready(cluster))
        url = f"http://{pod['status']['podIP']}:30000"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            assert (await client.get("/v1/models")).json()["data"][0]["id"] == "inner-served"
            assert "sglang:num_running_reqs" in (await client.get("/metrics")).text
        logs = await _logs(cluster)
        assert logs.startswith("INFO: not simulated: --unheard-of\nINFO: sglang engine for inner")


async def _logs(cluster: Cluster, **params: str) -> str:
    async with httpx.AsyncClient(base_url=cluster.url, trust_env=False, timeout=60) as client:
        answer = await client.get(PODS.path(*POD, "log"), params=params)
    return answer.text


async def test_an_unknown_image_stays_pending_and_says_why(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod(image="nginx:1"))
        waiting = await cluster.until(_waiting_for(cluster, "ErrImagePull"))
        assert "it runs these itself: kthena/mock-engine" in waiting["message"]
        pod = await _pod(cluster)
        assert pod["status"]["phase"] == "Pending"
        assert not is_true(pod, "Ready")
        assert "Failed to pull image" in await cluster.until(_event(cluster, "Failed"))
        assert "is waiting to start: trying and failing to pull image" in await _logs(cluster)


async def test_a_pod_with_an_address_stands_for_a_server_elsewhere(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster, trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        annotated = {"annotations": {ANNOTATION: "127.0.0.1"}}
        spec = engine_pod(image="my/server:1", ports=[{"containerPort": port}])
        await cluster.create(PODS, "engine", metadata=annotated, spec=spec)
        pod = await cluster.until(_ready(cluster))
        assert (pod["status"]["phase"], pod["status"]["podIP"]) == ("Running", "127.0.0.1")
        assert await _logs(cluster) == (
            "INFO: the log of the server at 127.0.0.1 is not here, but with it\n"
        )
        await listener.aclose()

        await cluster.until(_unready(cluster))
        message = await cluster.until(_event(cluster, "Unhealthy"))
        assert message == (
            f"Readiness probe failed: dial tcp 127.0.0.1:{port}: connect: connection refused"
        )
        nursery.cancel_scope.cancel()


async def test_a_server_elsewhere_is_ready_while_its_probe_succeeds(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster, trio.open_nursery() as nursery:
        engine = Engine(EngineSettings(host="127.0.0.1", port=0, models=("m",)))
        port = (await nursery.start(engine.run)).port
        probe = {
            "httpGet": {"path": "/health", "port": port},
            "periodSeconds": 1,
            "failureThreshold": 1,
        }
        spec = engine_pod(image="vllm/vllm-openai:v1", args=[], readinessProbe=probe)
        annotated = {"annotations": {ANNOTATION: "127.0.0.1"}}
        await cluster.create(PODS, "engine", metadata=annotated, spec=spec)
        await cluster.until(_ready(cluster))
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            faults = f"http://127.0.0.1:{port}/mock/faults"
            await client.post(faults, json={"unhealthy": True})
            message = await cluster.until(_event(cluster, "Unhealthy"))
            assert message == "Readiness probe failed: HTTP probe failed with statuscode: 503"
            await cluster.until(_unready(cluster))  # the event comes first
            await client.delete(faults)
        await cluster.until(_ready(cluster))
        nursery.cancel_scope.cancel()


async def test_a_server_elsewhere_may_move(tmp_path: Path) -> None:
    spec = {"containers": [{"name": "engine", "image": "vllm"}]}
    moved = {"metadata": {"annotations": {ANNOTATION: "127.0.0.2"}}}
    async with running(tmp_path, kubelet=True) as cluster:
        metadata = {"annotations": {ANNOTATION: "127.0.0.1"}}
        await cluster.create(PODS, "engine", spec=spec, metadata=metadata)
        assert (await cluster.until(_ready(cluster)))["status"]["podIP"] == "127.0.0.1"
        await cluster.client.patch(PODS, POD, moved)

        async def there() -> Document | None:
            pod = await _pod(cluster)
            at = pod["status"]["podIP"] == "127.0.0.2"
            return pod if at and is_true(pod, "Ready") else None

        pod = await cluster.until(there)
        assert "running" in _state(pod)
        assert "127.0.0.2 is not here" in await _logs(cluster)
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1
        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)


async def test_a_server_elsewhere_may_become_a_pod(tmp_path: Path) -> None:
    metadata = {"annotations": {ANNOTATION: "127.0.0.2"}}
    spec = engine_pod(image="vllm", ports=[])
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec, metadata=metadata)
        assert (await cluster.until(_ready(cluster)))["status"]["podIP"] == "127.0.0.2"
        (container,) = (await _pod(cluster))["spec"]["containers"]
        change = {
            "metadata": {"annotations": {ANNOTATION: None}},
            "spec": {"containers": [container | {"image": "kthena/mock-engine"}]},
        }
        await cluster.client.patch(PODS, POD, change)

        async def ours() -> Document | None:
            pod = await _pod(cluster)
            at = ip_address(pod["status"]["podIP"]) in POD_NETWORK
            return pod if at and is_true(pod, "Ready") else None

        assert _state(await cluster.until(ours))["running"]


async def test_a_pod_may_become_a_server_elsewhere(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())
        address = (await cluster.until(_ready(cluster)))["status"]["podIP"]
        annotated = {"metadata": {"annotations": {ANNOTATION: address[:-1] + "nowhere"}}}
        await cluster.client.patch(PODS, POD, annotated)
        waiting = await cluster.until(_waiting_for(cluster, "InvalidAddress"))
        assert waiting["message"].endswith("is not an IP address")
        await cluster.client.patch(PODS, POD, {"metadata": {"annotations": {ANNOTATION: None}}})
        assert (await cluster.until(_ready(cluster)))["status"]["podIP"] == address


async def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        annotated = {"annotations": {ANNOTATION: "gpu-box"}}
        await cluster.create(PODS, "engine", metadata=annotated, spec=engine_pod(image="my/server"))
        waiting = await cluster.until(_waiting_for(cluster, "InvalidAddress"))
        assert waiting["message"] == (
            "annotation sandbox.kthena.io/address: 'gpu-box' is not an IP address"
        )
        assert "podIP" not in (await _pod(cluster))["status"]


async def test_another_image_replaces_the_container(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod(image="nginx:1"))
        await cluster.until(_waiting_for(cluster, "ErrImagePull"))

        async def change(image: str) -> None:
            containers = (await _pod(cluster))["spec"]["containers"]
            changed = {"spec": {"containers": [containers[0] | {"image": image}]}}
            await cluster.client.patch(PODS, POD, changed)

        await change("kthena/mock-engine:v1")
        await cluster.until(_ready(cluster))
        await change("kthena/mock-engine:v2")

        async def replaced() -> Document | None:
            (status,) = (await _pod(cluster))["status"]["containerStatuses"]
            new = status["image"] == "kthena/mock-engine:v2" and status["ready"]
            return status if new else None

        status = await cluster.until(replaced)
        assert (status["restartCount"], status["lastState"]["terminated"]["exitCode"]) == (1, 137)
        assert await cluster.until(_event(cluster, "Killing")) == (
            "Container engine definition changed, will be restarted"
        )
        assert "Shutting down" in await _logs(cluster, previous="true")


async def test_a_readiness_probe_decides(tmp_path: Path) -> None:
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1,
             "failureThreshold": 1}  # fmt: skip
    spec = engine_pod(readinessProbe=probe, ports=[{"name": "http", "containerPort": 8000}])
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        pod = await cluster.until(_ready(cluster))
        url = f"http://{pod['status']['podIP']}:8000"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            await client.post("/mock/faults", json={"unhealthy": True})

            async def unready() -> Document | None:
                found = await _pod(cluster)
                return None if is_true(found, "Ready") else found

            pod = await cluster.until(unready)
            assert (condition_of(pod, "Ready") or {})["reason"] == "ContainersNotReady"
            await client.delete("/mock/faults")
        await cluster.until(_ready(cluster))


async def test_a_failed_liveness_probe_restarts_the_engine(tmp_path: Path) -> None:
    probe = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1,
             "failureThreshold": 1}  # fmt: skip
    spec = engine_pod(livenessProbe=probe, readinessProbe=probe)
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        pod = await cluster.until(_ready(cluster))
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            faults = f"http://{pod['status']['podIP']}:8000/mock/faults"
            await client.post(faults, json={"unhealthy": True})

        async def restarted() -> bool:
            container = (await _pod(cluster))["status"]["containerStatuses"][0]
            return bool(container["restartCount"] == 1 and container["ready"])

        await cluster.until(restarted)
        assert "m on http" in await _logs(cluster, previous="true")


async def test_an_engine_that_is_killed_again_and_again_is_given_time(tmp_path: Path) -> None:
    probe = {"httpGet": {"path": "/nowhere", "port": 8000}, "failureThreshold": 1}
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod(livenessProbe=probe))

        async def waiting() -> Document | None:
            pod = await _pod(cluster)
            reason = (_state(pod).get("waiting") or {}).get("reason")
            return pod if reason == "CrashLoopBackOff" else None

        pod = await cluster.until(waiting)
        (status,) = pod["status"]["containerStatuses"]
        # Two seconds and three restarts where the first second went by between two looks.
        pause = {2: "1s", 3: "2s", 4: "4s"}[status["restartCount"]]
        assert status["state"]["waiting"]["message"] == (
            f"back-off {pause} restarting failed container=engine pod=engine_default({pod['metadata']['uid']})"
        )
        assert status["containerID"] != ""


async def test_an_engine_that_cannot_start_crashes_in_a_loop(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod(args=["--port", "many"]))
        await cluster.until(_waiting_for(cluster, "CrashLoopBackOff"))
        assert "must be a port from 0 to 65535: 'many'" in await _logs(cluster)


async def test_two_engines_on_one_port_of_a_pod(tmp_path: Path) -> None:
    second = {"name": "second", "image": "kthena/mock-engine"}
    spec = engine_pod()
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec={"containers": [*spec["containers"], second]})

        async def crashed() -> Any:
            statuses = (await _pod(cluster)).get("status", {}).get("containerStatuses") or []
            return [entry for entry in statuses if entry["restartCount"]]

        (status, *_) = await cluster.until(crashed)
        assert "Address already in use" in status["lastState"]["terminated"]["message"]


async def test_an_environment_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    source = {"configMapKeyRef": {"name": "a", "key": "b"}}
    spec = engine_pod(env=[{"name": "X", "valueFrom": source}])
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        waiting = await cluster.until(_waiting_for(cluster, "CreateContainerConfigError"))
        assert waiting["message"] == 'configmap "a" not found'


def _initial_states(pod: Document) -> list[Document]:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or []
    return [entry["state"] for entry in statuses]


async def test_a_pod_waits_for_an_init_container_that_cannot_run(tmp_path: Path) -> None:
    initial = [{"name": "first", "image": "busybox"}, {"name": "second", "image": "busybox"}]
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"initContainers": initial})

        async def refused() -> Document | None:
            pod = await _pod(cluster)
            states = _initial_states(pod)
            return pod if states and states[0]["waiting"]["reason"] == "ErrImagePull" else None

        pod = await cluster.until(refused)
        assert _initial_states(pod)[1] == {"waiting": {"reason": "PodInitializing"}}
        assert _state(pod) == {"waiting": {"reason": "PodInitializing"}}
        assert pod["status"]["phase"] == "Pending"
        condition = condition_of(pod, "Initialized")
        assert condition is not None
        assert (condition["status"], condition["reason"], condition["message"]) == (
            "False", "ContainersNotInitialized",
            "containers with incomplete status: [first second]",
        )  # fmt: skip


async def test_a_sidecar_starts_first_and_counts_for_readiness(tmp_path: Path) -> None:
    ready = {"httpGet": {"path": "/health", "port": 8001}, "periodSeconds": 1}
    sidecar = {"name": "beside", "image": "kthena/mock-engine", "args": ["--model", "b", "--port", "8001"],
               "restartPolicy": "Always", "startupProbe": ready, "readinessProbe": ready}  # fmt: skip
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"initContainers": [sidecar]})
        pod = await cluster.until(_ready(cluster))
        (first,) = pod["status"]["initContainerStatuses"]
        (second,) = pod["status"]["containerStatuses"]
        assert (first["ready"], first["started"]) == (True, True)
        began = [entry["state"]["running"]["startedAt"] for entry in (first, second)]
        assert began == sorted(began)
        assert "INFO: vllm engine for b" in await _logs(cluster, container="beside")
        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)


async def test_what_is_prepared_elsewhere_is_left_out(tmp_path: Path) -> None:
    initial = [{"name": "download", "image": "models/download:1"}]
    spec = {"containers": [{"name": "engine", "image": "vllm"}], "initContainers": initial}
    async with running(tmp_path, kubelet=True) as cluster:
        metadata = {"annotations": {ANNOTATION: "127.0.0.1"}}
        await cluster.create(PODS, "engine", metadata=metadata, spec=spec)
        pod = await cluster.until(_ready(cluster))
        (state,) = _initial_states(pod)
        assert (state["terminated"]["reason"], state["terminated"]["exitCode"]) == ("Completed", 0)
        assert await _logs(cluster, container="download") == (
            "INFO: nothing is run for a server at 127.0.0.1\n"
        )


async def test_a_command_that_is_not_run(tmp_path: Path) -> None:
    probe = {"exec": {"command": ["cat", "/tmp/healthy"]}, "periodSeconds": 1}
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 0.1"]}}}
    spec = engine_pod(readinessProbe=probe | {"failureThreshold": 1}, lifecycle=hook)
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        assert await cluster.until(_event(cluster, "Unhealthy")) == (
            "Readiness probe failed: exec: the sandbox runs kthena-router in its own containers, and "
            "sleep, but not: cat /tmp/healthy"
        )
        await cluster.client.delete(PODS, POD)
        await cluster.gone(PODS, POD)
        assert not await _event(cluster, "FailedPreStopHook")()


async def test_a_node_selector_that_fits_no_node_leaves_the_pod_unscheduled(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod() | {"nodeSelector": {"gpu": "a100"}})

        async def unschedulable() -> bool:
            condition = condition_of(await _pod(cluster), "PodScheduled") or {}
            return condition.get("reason") == "Unschedulable"

        await cluster.until(unschedulable)
        labels = {"metadata": {"labels": {"gpu": "a100"}}}
        await cluster.client.patch(NODES, Key("", "sandbox"), labels)
        await cluster.until(_ready(cluster))


async def test_a_cordoned_node_takes_no_pods_until_it_is_uncordoned(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        node = Key("", "sandbox")
        labels = {"metadata": {"labels": {"cordoned": "once"}}}
        await cluster.client.patch(NODES, node, {"spec": {"unschedulable": True}} | labels)
        # By the label the scheduler cannot place them before it has seen the cordon.
        spec = engine_pod() | {"nodeSelector": {"cordoned": "once"}}

        async def refused(name: str) -> bool:
            cordoned = "0/1 nodes are available: 1 node(s) were unschedulable."
            found = await _about(cluster, name)()
            return any(event["message"].startswith(cordoned) for event in found)

        for name in ("engine", "second"):
            await cluster.create(PODS, name, spec=spec)
            await cluster.until(partial(refused, name))
        events = await cluster.client.list(EVENTS, "default")
        assert [event["reason"] for event in events] == ["FailedScheduling"] * len(events)
        assert {event["count"] for event in events} == {1}
        await cluster.client.patch(NODES, node, {"spec": {"unschedulable": None}})
        await cluster.until(_ready(cluster))


async def test_a_pod_waits_for_its_gates(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        gate = {"schedulingGates": [{"name": "example.com/quota"}]}
        await cluster.create(PODS, "engine", spec=engine_pod() | gate)
        await cluster.create(PODS, "second", spec=engine_pod(ports=[{"containerPort": 8001}]))
        await cluster.until(_about(cluster, "second"))
        pod = await _pod(cluster)
        assert "nodeName" not in pod["spec"]
        assert condition_of(pod, "PodScheduled")["reason"] == "SchedulingGated"  # type: ignore[index]
        opened = {"spec": {"schedulingGates": None}}
        await cluster.client.patch(PODS, Key("default", "engine"), opened)
        await cluster.until(_ready(cluster))
        scheduled = condition_of(await _pod(cluster), "PodScheduled") or {}
        assert (scheduled["status"], "reason" in scheduled) == ("True", False)


async def test_the_events_of_a_pod_are_listed_in_their_order(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())

        async def four() -> list[Document] | None:
            events = await cluster.client.list(EVENTS, "default")
            return events if len(events) == 4 else None  # the scheduler's may come after them

        events = await cluster.until(four)
        assert [event["reason"] for event in events] == [
            "Scheduled", "Pulled", "Created", "Started",
        ]  # fmt: skip


async def test_a_deleted_pod_finishes_its_requests_first(tmp_path: Path) -> None:
    spec = engine_pod(args=["--model", "m", "--inter-token-latency", "100ms"])
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        pod = await cluster.until(_ready(cluster))
        url = f"http://{pod['status']['podIP']}:8000"
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
            client.stream(
                "POST", "/v1/completions", json={"model": "m", "prompt": "x", "stream": True}
            ) as stream,
        ):
            await cluster.client.delete(PODS, POD)
            assert (await stream.aread()).endswith(b"data: [DONE]\n\n")
        await cluster.gone(PODS, POD)
        with pytest.raises(OSError, match="failed"):
            await trio.open_tcp_stream(pod["status"]["podIP"], 8000)


async def test_a_forced_deletion_does_not_wait(tmp_path: Path) -> None:
    spec = engine_pod(args=["--model", "m", "--time-to-first-token", "600s"])
    spec["terminationGracePeriodSeconds"] = 600
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=spec)
        pod = await cluster.until(_ready(cluster))
        engine = httpx.AsyncClient(
            base_url=f"http://{pod['status']['podIP']}:8000", trust_env=False, timeout=None
        )

        async def ask() -> None:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):  # closed or reset
                await engine.post("/v1/completions", json={"model": "m", "prompt": "x"})

        async def asked() -> bool:
            return bool((await engine.get("/mock/stats")).json()["running"])

        async with engine, trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await cluster.until(asked)
            await cluster.client.delete(PODS, POD)

            async def leaving() -> bool:
                return "deletionTimestamp" in (await _pod(cluster))["metadata"]

            await cluster.until(leaving)
            await cluster.client.delete(PODS, POD, gracePeriodSeconds=0)
            await cluster.gone(PODS, POD)


async def test_logs_are_followed_to_their_end(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())
        pod = await cluster.until(_ready(cluster))
        said = b""
        async with (
            httpx.AsyncClient(base_url=cluster.url, trust_env=False, timeout=None) as client,
            client.stream("GET", PODS.path(*POD, "log"), params={"follow": "true"}) as stream,
        ):
            await client.get(f"http://{pod['status']['podIP']}:8000/health")
            await cluster.client.delete(PODS, POD)
            said = await stream.aread()
        assert said.splitlines()[1:] == [
            b'INFO: "GET /health HTTP/1.1" 200', b"INFO: Shutting down",
        ]  # fmt: skip
        await cluster.gone(PODS, POD)


async def test_a_log_is_followed_as_far_as_its_reader_wants(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True) as cluster:
        await cluster.create(PODS, "engine", spec=engine_pod())
        pod = await cluster.until(_ready(cluster))
        url = f"http://{pod['status']['podIP']}:8000/health"
        async with httpx.AsyncClient(base_url=cluster.url, trust_env=False, timeout=60) as client:
            first = await _logs(cluster)
            params = {"follow": "true", "limitBytes": str(len(first) + 5)}
            async with client.stream("GET", PODS.path(*POD, "log"), params=params) as stream:
                await client.get(url)
                assert (await stream.aread()).decode() == first + "INFO:"


async def test_engines_outlive_the_kubelets_client_and_a_new_kubelet_takes_them_up(
    tmp_path: Path,
) -> None:
    async with running_api(tmp_path) as cluster:
        for restarts in (0, 1):
            async with trio.open_nursery() as nursery:
                pods = Mirror(cluster.client, PODS)
                await nursery.start(make_kubelet(cluster, pods, tmp_path).run)
                nursery.start_soon(pods.run)
                if not restarts:
                    await cluster.create(PODS, "engine", spec=engine_pod())

                async def running_again(restarts: int = restarts) -> Document | None:
                    pod = await _pod(cluster)
                    status = (pod.get("status") or {}).get("containerStatuses") or [{}]
                    counted = status[0].get("restartCount") == restarts
                    return pod if counted and is_true(pod, "Ready") else None

                pod = await cluster.until(running_again)
                address = pod["status"]["podIP"]
                async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
                    answer = await client.get(f"http://{address}:8000/health")
                assert answer.status_code == 200
                nursery.cancel_scope.cancel()
