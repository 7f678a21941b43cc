from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import trio
from tests.support.stack import free_ports
from trio.testing import MockClock

from kthena_sandbox.connections import Connections, as_in_go
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.addresses import AddressPool, NoAddress
from kthena_sandbox.kubelet.commands import refusal, router_arguments, sleep_seconds
from kthena_sandbox.kubelet.containers import Container
from kthena_sandbox.kubelet.environment import arguments_of, expand, variables_of
from kthena_sandbox.kubelet.images import defaults_of, program_of, repository
from kthena_sandbox.kubelet.logs import ContainerLog
from kthena_sandbox.kubelet.logserver import lines, read_options
from kthena_sandbox.kubelet.podstatus import ContainerState, Termination, phase_of
from kthena_sandbox.kubelet.probes import Probe, check, read_probe, refuse, run_probe
from kthena_sandbox.kubelet.references import ConfigError
from kthena_sandbox.kubelet.workloads import UsageError, Workload
from kthena_sandbox.rpc.health import health_check
from kthena_sandbox.rpc.service import Method, RpcApp

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("kthena/mock-engine", "kthena/mock-engine"),
        ("docker.io/kthena/mock-engine:v1", "kthena/mock-engine"),
        ("ghcr.io/a/b:1.2@sha256:abc", "ghcr.io/a/b"),
        ("localhost:5000/a", "localhost:5000/a"),
        ("docker.io/library/nginx:1", "nginx"),
    ],
)
def test_images_are_known_by_repository(image: str, name: str) -> None:
    assert repository(image) == name


def test_known_images_say_which_engine_they_are() -> None:
    assert defaults_of("ghcr.io/llm-d/llm-d-inference-sim:latest") == {}
    assert defaults_of("ghcr.io/faust-benchou/dynamo-mocker-sglang") == {"engine": "sglang"}
    assert program_of("nginx") is None
    assert program_of("docker.io/kthena/mock-engine:v1") == "engine"
    assert program_of("localhost:5000/team/kthena-router:0.1.0") == "router"


def _pool(busy: set[str]) -> AddressPool:
    def free(address: str, ports: Iterable[int]) -> bool:
        return address not in busy

    return AddressPool(free)


def test_every_pod_gets_its_own_address_and_may_keep_it() -> None:
    pool = _pool({"127.1.0.3"})
    assert [pool.take(uid, [8000]) for uid in "abc"] == ["127.1.0.2", "127.1.0.4", "127.1.0.5"]
    pool.give_back("a")
    assert pool.take("d", [], "127.1.0.2") == "127.1.0.2"
    assert pool.take("e", [], "127.1.0.2") == "127.1.0.6"


def test_a_port_that_is_taken_everywhere_is_said() -> None:
    pool = AddressPool(lambda address, ports: False)
    with pytest.raises(NoAddress, match="has port 8000 free"):
        pool.take("a", [8000])


def test_variables_are_expanded_as_kubernetes_does() -> None:
    assert expand("$(A)-$(B)-$$(A)", {"A": "1"}) == "1-$(B)-$(A)"


def _pod_document() -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "a"}}
    return {"metadata": metadata, "spec": {"nodeName": "sandbox"}}


def test_the_environment_of_a_container() -> None:
    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "IP", "valueFrom": field("status.podIP")},
        {"name": "APP", "valueFrom": field("metadata.labels['app']")},
    ]
    container = {"env": env, "command": ["serve", "--port"], "args": ["$(B)"]}
    variables = variables_of(container, _pod_document(), "127.1.0.2", {})
    assert variables == {"A": "1", "B": "12", "IP": "127.1.0.2", "APP": "a"}
    assert arguments_of(container, variables) == ["--port", "12"]
    with pytest.raises(ConfigError):
        variables_of(
            {"env": [{"name": "X", "valueFrom": field("spec.other")}]}, _pod_document(), "", {}
        )


def _state(**changes: Any) -> ContainerState:
    return ContainerState("c", "i", **changes)


def test_phases() -> None:
    failed, done = (Termination(code, "", "", NOW, NOW) for code in (1, 0))
    assert phase_of({}, [_state(), _state(running=NOW)]) == "Pending"
    assert phase_of({}, [_state(running=NOW)]) == "Running"
    assert phase_of({}, [_state(reason="CrashLoopBackOff", restarts=1)]) == "Running"
    assert phase_of({}, [_state(ended=failed), _state(ended=done)]) == "Failed"
    assert phase_of({}, [_state(ended=done)]) == "Succeeded"


def test_probes_are_read() -> None:
    container = {
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"port": "http", "path": "/x"}, "periodSeconds": 3},
        "livenessProbe": {"exec": {"command": ["true"]}},
    }
    assert read_probe(container, "readinessProbe") == Probe(
        scheme="http", port=8000, path="/x", period=3.0
    )
    liveness = read_probe(container, "livenessProbe")
    assert liveness is not None
    assert liveness.command == ("true",)
    assert read_probe(container, "startupProbe") is None


def test_a_grpc_probe_is_read() -> None:
    container = {"readinessProbe": {"grpc": {"port": 9003, "service": "s"}, "timeoutSeconds": 2}}
    assert read_probe(container, "readinessProbe") == Probe(
        scheme="grpc", port=9003, service="s", timeout=2.0
    )


async def test_grpc_probes() -> None:
    methods = health_check({"": True, "ill": False}.get)
    async with trio.open_nursery() as nursery:

        async def serve(methods: dict[str, Method]) -> int:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            app = RpcApp(methods)
            nursery.start_soon(
                trio.serve_listeners, partial(Connections(as_in_go()).serve, app), [listener]
            )
            return int(listener.socket.getsockname()[1])

        async def ask(port: int, service: str = "") -> str:
            return await check(
                Probe(scheme="grpc", port=port, service=service), "127.0.0.1", refuse
            )

        port = await serve(methods)
        assert await ask(port) == ""
        assert await ask(port, "ill") == 'service unhealthy (responded with "NOT_SERVING")'
        assert await ask(port, "other") == "error: health rpc probe failed: unknown service"
        other = await serve({})
        assert await ask(other) == (
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
            "unknown service grpc.health.v1.Health"
        )
        (closed,) = free_ports(1)
        assert await ask(closed) == (
            f'error: failed to connect service at "127.0.0.1:{closed}": '
            f"dial tcp 127.0.0.1:{closed}: connect: connection refused"
        )
        nursery.cancel_scope.cancel()


async def test_a_grpc_probe_of_a_server_that_is_silent(autojump_clock: MockClock) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        assert await check(Probe(scheme="grpc", port=port, timeout=2.0), "127.0.0.1", refuse) == (
            f'timeout: failed to connect service "127.0.0.1:{port}" within 2s: context deadline exceeded'
        )


async def test_thresholds_decide(autojump_clock: MockClock) -> None:
    answers = ["", "bad", "bad", "", "", "bad", "bad", "bad"]
    told: list[str] = []

    async def ask() -> str:
        return answers.pop(0) if answers else await trio.sleep_forever()

    probe = Probe(successes=2, failures=3, period=1.0)
    with trio.move_on_after(60):
        await run_probe(probe, ask, lambda: told.append("passed"), told.append)
    assert told == ["passed", "bad"]


def _log(count: int) -> ContainerLog:
    times = iter(NOW + timedelta(seconds=number) for number in range(count))
    log = ContainerLog(lambda: next(times))
    for number in range(count):
        log.write(f"line {number}")
    return log


def test_logs_are_bounded() -> None:
    log = _log(10_005)
    assert (log.start, log.end) == (5, 10_005)
    assert [line for _, line in log.read(10_003)] == ["line 10003", "line 10004"]


def test_log_options() -> None:
    log = _log(3)
    options = read_options({"timestamps": "true", "sinceSeconds": "2"}, NOW + timedelta(seconds=3))
    assert list(lines(log, 0, options)) == [
        b"2026-01-02T03:04:06.000000000Z line 1\n", b"2026-01-02T03:04:07.000000000Z line 2\n",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="invalid literal"):
        read_options({"tailLines": "x"}, NOW)


async def test_crashes_are_answered_with_growing_pauses(autojump_clock: MockClock) -> None:
    document = {"name": "engine", "image": "kthena/mock-engine", "args": ["--port", "many"]}
    metadata = {"name": "a", "namespace": "default", "uid": "u"}
    seen: list[tuple[float, str]] = []
    container: Container | None = None

    def changed() -> None:
        if container is not None and container.state.reason == "CrashLoopBackOff":
            seen.append((trio.current_time() - began, container.state.message.split()[1]))

    container = Container(
        document, {"metadata": metadata, "spec": {}}, "127.0.0.1",
        wall_clock=lambda: NOW, changed=changed, tell=lambda reason, message, warning: None,
    )  # fmt: skip
    began = trio.current_time()

    async def make(document: Document, say: Callable[[str], None]) -> Workload:
        raise UsageError("cannot start")

    with trio.move_on_after(65):
        await container.run_known(make)
    assert dict(seen) == {0: "1s", 1: "2s", 3: "4s", 7: "8s", 15: "16s", 31: "30s", 61: "30s"}


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["sleep", "10"], 10.0),
        (["/bin/sleep", "0.5s"], 0.5),
        (["/bin/sh", "-c", "sleep 3"], 3.0),
        (["sh", "-c", "sleep 3; rm x"], None),
        (["sh", "-c", "sleep 3 && true"], None),
        (["sleep", "-1"], None),
        (["sleep", "inf"], None),
        (["sleep"], None),
        (["cat", "/tmp/healthy"], None),
    ],
)
def test_commands_that_only_wait(command: list[str], seconds: float | None) -> None:
    assert sleep_seconds(command) == seconds


def test_commands_of_the_router() -> None:
    assert router_arguments(["/usr/bin/kthena-router", "--version"]) == ["--version"]
    assert router_arguments(["python3", "-m", "kthena_router", "--help"]) == ["--help"]
    assert router_arguments(["python", "-c", "pass"]) is None
    assert refusal(["cat", "x"]) == (
        "exec: the sandbox runs kthena-router in its own containers, and sleep, but not: cat x"
    )


async def test_a_command_that_takes_too_long(autojump_clock: object) -> None:
    probe = Probe(scheme="exec", command=("sleep", "3"), timeout=1.0)
    assert await check(probe, "", refuse) == 'command timed out: "sleep 3" timed out after 1s'
    assert await check(replace(probe, timeout=4.0), "", refuse) == ""
