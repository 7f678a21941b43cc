"""The guide with the router as a Deployment in the sandbox: pods as processes, a Service's address, port-forward."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from tests.support.stack import ROOT, Stack, free_ports, kubectls, open_stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH"),
]
EXAMPLES = ROOT / "examples" / "kthena-router"
NEWEST = kubectls()[-1:]
SMALL = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B!"
LARGE = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-7B!"
APPS = ("deepseek-r1-1-5b", "deepseek-r1-7b")
ROUTER = ("kthena-router", "-n", "kthena-system")
MORE_PORTS = """
import sys, yaml
path = sys.argv[1]
service = yaml.safe_load(open(path))
service["spec"]["ports"] = [
    {"name": "http", "port": 8080, "targetPort": 8080, "protocol": "TCP"},
    {"name": "http-8081", "port": 8081, "targetPort": 8081, "protocol": "TCP"},
]
yaml.safe_dump(service, open(path, "w"))
"""


def text_of(address: str, port: int) -> str:
    """Ask on a connection of its own."""
    body = {
        "model": "deepseek-r1",
        "prompt": "What is Kubernetes?",
        "max_tokens": 100,
        "temperature": 0,
    }
    connection = HTTPConnection(address, port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    assert answer.status == 200, said
    return str(json.loads(said)["choices"][0]["text"])


def eventually(address: str, port: int) -> str:
    """Return the answer of the first request that is served."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return text_of(address, port)
        except (AssertionError, OSError, HTTPException):
            assert time.monotonic() < deadline
            time.sleep(0.05)


class Asker:
    """Asks again and again, and keeps what went wrong."""

    def __init__(self, address: str, port: int) -> None:
        self.place = (address, port)
        self.asked = 0
        self.failures: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        ended = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(ended,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            self.asked += 1
            try:
                text_of(*self.place)
            except (AssertionError, OSError, HTTPException) as error:
                self.failures.append(repr(error))


@contextmanager
def forwarded(stack: Stack, kubectl: str, *arguments: str) -> Iterator[None]:
    command = [kubectl, "port-forward", "--address", "127.0.0.1", *arguments]
    with subprocess.Popen(
        command, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for argument in arguments:
            if ":" in argument:
                assert process.stdout.readline().startswith("Forwarding from 127.0.0.1:")
        yield
        process.terminate()


@dataclass
class Guide:
    """The guide's commands, each with what it is to say."""

    stack: Stack
    kubectl: str
    folder: Path

    def run(self, *arguments: str, text: str | None = None, editor: str = "") -> str:
        return self.stack.kubectl(*arguments, binary=self.kubectl, text=text, editor=editor)

    def rolled_out(self) -> None:
        self.run("rollout", "status", "deployment", *ROUTER, "--timeout=60s")

    def enable_gateway_api(self) -> None:
        manifests = self.run("kustomize", str(ROOT / "deploy" / "kubernetes"))
        before = manifests.replace("--enable-gateway-api=true", "--enable-gateway-api=false")
        assert before != manifests
        self.run("apply", "-f", "-", text=before)
        self.rolled_out()
        edit = "sed -i s/--enable-gateway-api=false/--enable-gateway-api=true/"
        edited = self.run("edit", "deployment", *ROUTER, editor=edit)
        assert edited == "deployment.apps/kthena-router edited\n"
        self.rolled_out()
        default = ("gateway/default", "-n", "kthena-system")
        deadline = time.monotonic() + 10
        while "default" not in self.run("get", "gateway", "-A", "-o", "name"):
            assert time.monotonic() < deadline
        self.run("wait", "--for=condition=Programmed", *default, "--timeout=30s")
        shown = self.run("get", "gateway", "-n", "kthena-system").splitlines()
        table = [line.split() for line in shown]
        assert table[0] == ["NAME", "CLASS", "ADDRESS", "PROGRAMMED", "AGE"]
        assert [table[1][0], table[1][1], table[1][3]] == ["default", "kthena-router", "True"]

    def deploy_models(self) -> None:
        self.run("apply", "-f", str(EXAMPLES / "deepseek-default-route.yaml"))
        for name in ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b"):
            self.run("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        for app in APPS:
            self.run("wait", "--for=condition=ready", "pod", "-l", f"app={app}", "--timeout=300s")

    def open_second_port(self) -> None:
        self.run("apply", "-f", str(EXAMPLES / "gateway-8081.yaml"))
        self.run("get", "gateway", "kthena-gateway-8081", "-n", "default")
        script = self.folder / "edit.py"
        script.write_text(MORE_PORTS)
        edited = self.run("edit", "service", *ROUTER, editor=f"{sys.executable} {script}")
        assert edited == "service/kthena-router edited\n"
        self.run("apply", "-f", str(EXAMPLES / "deepseek-route-8081.yaml"))

    def address(self) -> str:
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        return self.run("get", "service", *ROUTER, "-o", path)

    def clean_up(self) -> None:
        for name in ("deepseek-default-route", "deepseek-route-8081"):
            self.run("delete", "modelroute", name, "-n", "default")
        self.run("delete", "gateway", "kthena-gateway-8081", "-n", "default")
        for kind in ("modelserver", "deployment"):
            for app in APPS:
                self.run("delete", kind, app, "-n", "default")

    def remove_router(self) -> None:
        """At once, for the test to end soon."""
        self.run("delete", "deployment", *ROUTER)
        pods = ("pod", "-n", "kthena-system", "-l", "app=kthena-router")
        self.run("delete", *pods, "--force", "--grace-period=0")


@pytest.mark.parametrize("kubectl", NEWEST, ids=os.path.basename)
def test_guide_with_the_router_as_a_deployment(tmp_path: Path, kubectl: str) -> None:
    with open_stack(tmp_path, "--no-router") as stack:
        guide = Guide(stack, kubectl, tmp_path)
        guide.enable_gateway_api()
        guide.deploy_models()
        guide.open_second_port()
        address = guide.address()
        assert address.startswith("127.4.")
        assert eventually(address, 8080) == SMALL
        assert eventually(address, 8081) == LARGE
        ports = free_ports(2)
        service = ("-n", "kthena-system", "service/kthena-router")
        with forwarded(stack, kubectl, *service, f"{ports[0]}:8080", f"{ports[1]}:8081"):
            assert text_of("127.0.0.1", ports[0]) == SMALL
            assert text_of("127.0.0.1", ports[1]) == LARGE
        guide.clean_up()
        guide.remove_router()


@pytest.mark.parametrize("kubectl", NEWEST, ids=os.path.basename)
def test_a_rolling_update_of_the_router_loses_no_request(tmp_path: Path, kubectl: str) -> None:
    with open_stack(tmp_path, "--no-router") as stack:
        guide = Guide(stack, kubectl, tmp_path)
        guide.run("apply", "-k", str(ROOT / "deploy" / "kubernetes"))
        guide.run("scale", "deployment", *ROUTER, "--replicas=2")
        guide.deploy_models()
        guide.rolled_out()
        address = guide.address()
        assert eventually(address, 8080) == SMALL
        asker = Asker(address, 8080)
        with asker.asking():
            guide.run("rollout", "restart", "deployment", *ROUTER)
            guide.rolled_out()
            guide.run("set", "env", "deployment", *ROUTER, "ACCESS_LOG_FORMAT=json")
            guide.rolled_out()
        assert asker.failures == []
        assert asker.asked > 100
        log = guide.run("logs", "-n", "kthena-system", "-l", "app=kthena-router", "--tail=500")
        assert '"model_name":"deepseek-r1"' in log
        guide.remove_router()
