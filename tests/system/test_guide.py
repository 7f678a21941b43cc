"""The guide's use case, with the real processes and every kubectl that is installed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.stack import ROOT, Stack, free_ports, kubectls, open_stack
from tests.system.port_life import refuses

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EXAMPLES = ROOT / "examples" / "kthena-router"
CHOSEN = [one for one in kubectls() if one.endswith((".1.27", ".1.33"))] or kubectls()[:1]
SMALL = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B!"
LARGE = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-7B!"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with open_stack(tmp_path, secure=True) as found:
        yield found


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


def until_refused(port: int) -> None:
    """Return when a port refuses connections; test_ports tells how soon that is."""
    deadline = time.monotonic() + 60
    while not refuses(port):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(not CHOSEN, reason="there is no kubectl on the PATH")
@pytest.mark.parametrize("kubectl", CHOSEN, ids=os.path.basename)
def test_use_case_of_the_guide(stack: Stack, kubectl: str) -> None:
    (second,) = free_ports(1)

    def run(*arguments: str, text: str | None = None) -> str:
        return stack.kubectl(*arguments, binary=kubectl, text=text)

    for name in ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b"):
        run("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
    for app in ("deepseek-r1-1-5b", "deepseek-r1-7b"):
        stack.wait_for_pods(app, kubectl)
    gateway = (EXAMPLES / "gateway-8081.yaml").read_text().replace("port: 8081", f"port: {second}")
    run("apply", "-f", "-", text=gateway)
    for name in ("deepseek-default-route", "deepseek-route-8081"):
        run("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
    for place in (("default", "kthena-system"), ("kthena-gateway-8081", "default")):
        run(
            "wait",
            "--for=condition=Programmed",
            f"gateway/{place[0]}",
            "-n",
            place[1],
            "--timeout=60s",
        )
    for name in ("deepseek-default-route", "deepseek-route-8081"):
        run("wait", "--for=condition=Accepted", f"modelroute/{name}", "--timeout=60s")

    table = [line.split() for line in run("get", "gateway", "-A").splitlines()]
    assert ["NAMESPACE", "NAME", "CLASS", "ADDRESS", "PROGRAMMED", "AGE"] == table[0]
    assert ["default", "kthena-gateway-8081", "kthena-router", "127.0.0.1", "True"] == table[1][:5]
    assert ["kthena-system", "default", "kthena-router", "127.0.0.1", "True"] == table[2][:5]
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    assert "127.0.0.1" == run("get", "service", "kthena-router", "-n", "kthena-system", "-o", path)
    assert SMALL == text_of(stack.ask())
    assert LARGE == text_of(stack.ask(second))

    run("delete", "modelroute", "deepseek-default-route", "-n", "default")
    run("delete", "modelroute", "deepseek-route-8081", "-n", "default")
    run("delete", "gateway", "kthena-gateway-8081", "-n", "default")
    until_refused(second)
    for kind in ("modelserver", "deployment"):
        for name in ("deepseek-r1-1-5b", "deepseek-r1-7b"):
            run("delete", kind, name, "-n", "default")
    deadline = time.monotonic() + 60
    while 404 != stack.ask().status_code:
        assert time.monotonic() < deadline


@pytest.mark.skipif(not CHOSEN, reason="there is no kubectl on the PATH")
def test_routes_that_serve_nothing_say_why(stack: Stack) -> None:
    route = (EXAMPLES / "deepseek-default-route.yaml").read_text()
    cases = {
        "ParentRefsRequired": route.replace(
            route[route.index("  parentRefs") : route.index("  rules")], ""
        ),
        "NoMatchingParent": route.replace(
            'name: "default"\n    namespace', 'name: "nowhere"\n    namespace'
        ),
    }
    for reason, text in cases.items():
        stack.kubectl("apply", "-f", "-", text=text)
        path = "{.status.conditions[?(@.type=='Accepted')].reason}"
        stack.kubectl(
            "wait",
            f"--for=jsonpath={path}={reason}",
            "modelroute/deepseek-default-route",
            "--timeout=60s",
        )

        assert 404 == stack.ask().status_code
        stack.kubectl("delete", "modelroute", "deepseek-default-route")
