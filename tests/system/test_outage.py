"""The API server dies, connections are cut, the history is compacted: the router serves, and follows when it can."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from tests.support.api_proxy import ApiProxy, open_proxy
from tests.support.stack import ROOT, Stack, free_ports, open_router, open_stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EXAMPLES = ROOT / "examples" / "kthena-router"
FILES = ("LLM-Mock-ds1.5b", "ModelServer-ds1.5b", "deepseek-default-route")
# Soon, on a busy machine: what would hold the router up (a request, a dead connection) takes 20 s at least.
SOON_SECONDS = 15.0
ROUTES = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default/modelroutes"


@dataclass
class Client:
    """Asks for completions without a pause, and keeps what was not answered with 200."""

    stack: Stack
    count: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._over.wait(0.02):
            try:
                answer = self.stack.ask()
                if answer.status_code != 200:
                    self.failures.append(answer.text)
            except httpx.TransportError as error:
                self.failures.append(repr(error))
            self.count += 1

    def stop(self) -> None:
        self._over.set()


@dataclass
class Scene:
    stack: Stack  # its port is the router's
    proxy: ApiProxy  # the router's only way to the API
    router_log: Path

    def add_route(self, model: str) -> None:
        """Make a route at the API itself."""
        body = yaml.safe_load((EXAMPLES / "deepseek-default-route.yaml").read_text())
        body["metadata"]["name"] = body["spec"]["modelName"] = model
        answer = httpx.post(f"{self.stack.api}{ROUTES}", json=body, trust_env=False, timeout=60)
        assert answer.status_code == 201, answer.text

    def serves(self, model: str) -> bool:
        return self.stack.ask(model=model).status_code == 200

    def accepted(self, model: str) -> bool:
        """Return whether the API has heard of the route from the router."""
        found = httpx.get(f"{self.stack.api}{ROUTES}/{model}", trust_env=False, timeout=60).json()
        conditions = found.get("status", {}).get("conditions", ())
        return any(one["type"] == "Accepted" and one["status"] == "True" for one in conditions)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("outage")
    (port,) = free_ports(1)
    files = [part for name in FILES for part in ("--apply", str(EXAMPLES / f"{name}.yaml"))]
    with open_stack(folder, "--no-router", "--state", str(folder / "state"), *files) as stack:
        url = urlsplit(stack.api)
        with open_proxy((str(url.hostname), int(url.port or 0))) as proxy:
            kubeconfig = folder / "through-the-proxy"
            text = stack.kubeconfig.read_text()
            kubeconfig.write_text(text.replace(url.netloc, f"127.0.0.1:{proxy.port}"))
            stack.port = port
            with open_router(folder, kubeconfig, port):
                found = Scene(stack, proxy, folder / "router.log")
                seconds_until(lambda: found.serves("deepseek-r1"), 60)
                yield found


def seconds_until(holds: object, limit: float) -> float:
    """Poll until *holds* is true, and return how long it took."""
    assert callable(holds)
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + limit
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def no_request_fails(scene: Scene) -> Iterator[None]:
    """Let a client ask all the while; the router must be as quiet towards the API as ever."""
    began = time.monotonic()
    client = Client(scene.stack)
    thread = threading.Thread(target=client.run)
    thread.start()
    try:
        yield
    finally:
        client.stop()
        thread.join(60)
    assert [] == client.failures
    assert client.count > 10
    assert scene.proxy.highest_rate(began) < 10


def api_process(stack: Stack) -> int:
    """Return the process id of the API server."""
    parent = stack.process.pid
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(OSError):  # it may be gone by now
            if b"apiserver" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return int(pid)
    return 0


def is_up(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.api}/readyz", trust_env=False, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def test_api_server_that_is_killed_and_returns(scene: Scene) -> None:
    with no_request_fails(scene):
        killed = api_process(scene.stack)
        os.kill(killed, signal.SIGKILL)
        seconds_until(lambda: api_process(scene.stack) not in {0, killed}, 60)
        seconds_until(lambda: is_up(scene.stack), 60)
        scene.add_route("after-the-kill")

        assert seconds_until(lambda: scene.serves("after-the-kill"), 60) < SOON_SECONDS
        assert seconds_until(lambda: scene.accepted("after-the-kill"), 60) < SOON_SECONDS


def test_outage_that_is_longer_than_the_lease(scene: Scene) -> None:
    with no_request_fails(scene):
        scene.proxy.go_away()
        scene.add_route("in-the-outage")
        time.sleep(11)  # by now the pauses are as long as they get, and the Lease is lost
        assert not scene.serves("in-the-outage")
        scene.proxy.come_back()
        returned = time.monotonic()

        seconds_until(lambda: scene.serves("in-the-outage"), 60)
        seconds_until(lambda: scene.accepted("in-the-outage"), 60)
        assert time.monotonic() - returned < SOON_SECONDS


def test_connections_that_are_cut_in_mid_watch(scene: Scene) -> None:
    with no_request_fails(scene):
        for index in range(3):
            seconds_until(lambda: scene.proxy.connections >= 6, 60)  # a watch for each kind
            scene.proxy.cut()
            name = f"cut-{index}"
            scene.add_route(name)

            assert seconds_until(partial(scene.serves, name), 60) < SOON_SECONDS


def test_history_that_is_compacted_in_an_outage(scene: Scene) -> None:
    with no_request_fails(scene):
        scene.proxy.go_away()
        scene.add_route("compacted")
        answer = httpx.post(f"{scene.stack.api}/sandbox/compact", trust_env=False, timeout=60)
        assert answer.status_code == 200
        time.sleep(3)
        scene.proxy.come_back()
        returned = time.monotonic()

        seconds_until(lambda: scene.serves("compacted"), 60)
        assert time.monotonic() - returned < SOON_SECONDS
        assert scene.proxy.listed("modelroutes", returned)  # it was told 410


def test_outages_are_said_briefly(scene: Scene) -> None:
    lines = scene.router_log.read_text().splitlines()

    assert [] == [line for line in lines if "Traceback" in line or "ERROR" in line]
    assert len([line for line in lines if "cannot be reached" in line]) <= 8
