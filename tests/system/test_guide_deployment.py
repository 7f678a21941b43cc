"""The guide with the router as a Deployment in the sandbox: pods as processes, a Service's address, port-forward."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.asking import Asker, eventually, text_of
from tests.support.helm import CHART, Helm, helms, settings
from tests.support.stack import ROOT, Stack, free_ports, kubectls, open_stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH"),
]
EXAMPLES = ROOT / "examples" / "kthena-router"
NEWEST = kubectls()[-1:]
SMALL = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B!"
LARGE = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-7B!"
APPS = ("deepseek-r1-1-5b", "deepseek-r1-7b")
ROUTER = ("kthena-router", "-n", "kthena-system")
PODS = ("-n", "kthena-system", "-l", "app=kthena-router")
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

    def install_with_helm(self, binary: str) -> None:
        """The guide's first way to enable the Gateway API: during the installation."""
        helm = Helm(binary, self.stack.environment)
        place = ("-n", "kthena-system", "--create-namespace")
        helm.run("install", "kthena", str(CHART), *place, *settings(gatewayAPI__enabled="true"))
        self.rolled_out()
        self.default_gateway_is_there()

    def enable_gateway_api(self) -> None:
        """The guide's second way: in a router that is already deployed."""
        manifests = self.run("kustomize", str(ROOT / "deploy" / "kubernetes"))
        before = manifests.replace("--enable-gateway-api=true", "--enable-gateway-api=false")
        assert before != manifests
        self.run("apply", "-f", "-", text=before)
        self.rolled_out()
        edit = "sed -i s/--enable-gateway-api=false/--enable-gateway-api=true/"
        edited = self.run("edit", "deployment", *ROUTER, editor=edit)
        assert edited == "deployment.apps/kthena-router edited\n"
        self.rolled_out()
        self.default_gateway_is_there()

    def default_gateway_is_there(self) -> None:
        default = ("gateway/default", "-n", "kthena-system")
        deadline = time.monotonic() + 60
        while "default" not in self.run("get", "gateway", "-A", "-o", "name"):
            assert time.monotonic() < deadline
        self.run("wait", "--for=condition=Programmed", *default, "--timeout=60s")
        shown = self.run("get", "gateway", "-n", "kthena-system").splitlines()
        table = [line.split() for line in shown]
        assert table[0] == ["NAME", "CLASS", "ADDRESS", "PROGRAMMED", "AGE"]
        assert [table[1][0], table[1][1], table[1][3]] == ["default", "kthena-router", "True"]

    def deploy_models(self) -> None:
        self.run("apply", "-f", str(EXAMPLES / "deepseek-default-route.yaml"))
        for name in ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b"):
            self.run("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        for app in APPS:
            self.stack.wait_for_pods(app, self.kubectl)

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
@pytest.mark.parametrize("helm", ["", *helms()], ids=lambda path: Path(path).name or "edit")
def test_guide_with_the_router_as_a_deployment(tmp_path: Path, kubectl: str, helm: str) -> None:
    with open_stack(tmp_path, "--no-router") as stack:
        guide = Guide(stack, kubectl, tmp_path)
        if helm:
            guide.install_with_helm(helm)
        else:
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
            before = guide.run("get", "pods", *PODS, "-o", "name").split()
            guide.run("set", "env", "deployment", *ROUTER, "ACCESS_LOG_FORMAT=json")
            guide.rolled_out()
        assert asker.failures == []
        assert asker.asked > 50
        guide.run("wait", "--for=delete", "-n", "kthena-system", *before, "--timeout=60s")
        log = guide.run("logs", *PODS, "--tail=500")
        assert '"model_name":"deepseek-r1"' in log
        guide.remove_router()
