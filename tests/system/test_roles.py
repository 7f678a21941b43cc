"""The router with no more rights than deploy/kubernetes gives to its service account, through the guide's steps."""

import time
from pathlib import Path

import httpx
import pytest
import yaml
from tests.support.stack import ROOT, Router, Stack, free_ports, kubectls, open_router, open_stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH"),
]
EXAMPLES = ROOT / "examples" / "kthena-router"
ACCOUNT = "system:serviceaccount:kthena-system:kthena-router"


def _kubeconfig_of_the_router(stack: Stack, folder: Path) -> Path:
    """That of the sandbox with the token of the router's account in place of the administrator's."""
    stack.kubectl("apply", "-f", str(ROOT / "deploy" / "kubernetes" / "rbac.yaml"))
    token = stack.kubectl("create", "token", "kthena-router", "-n", "kthena-system").strip()
    document = yaml.safe_load(stack.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig-of-the-router"
    path.write_text(yaml.safe_dump(document))
    return path


def _answers(router: Router, port: int) -> bool:
    body = {"model": "deepseek-r1", "prompt": "What is Kubernetes?"}
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/completions", json=body, trust_env=False, timeout=60
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def test_its_own_role_is_enough_and_all_it_has(tmp_path: Path) -> None:
    (second,) = free_ports(1)
    with open_stack(tmp_path, "--no-router", secure=True) as stack:
        kubeconfig = _kubeconfig_of_the_router(stack, tmp_path)
        for name in ("LLM-Mock-ds1.5b", "LLM-Mock-ds7b", "ModelServer-ds1.5b", "ModelServer-ds7b"):
            stack.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        gateway = (EXAMPLES / "gateway-8081.yaml").read_text()
        stack.kubectl("apply", "-f", "-", text=gateway.replace("port: 8081", f"port: {second}"))
        for name in ("deepseek-default-route", "deepseek-route-8081"):
            stack.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        for app in ("deepseek-r1-1-5b", "deepseek-r1-7b"):
            stack.wait_for_pods(app)
        with open_router(tmp_path, kubeconfig, stack.port) as router:
            deadline = time.monotonic() + 60
            while not all(_answers(router, port) for port in (stack.port, second)):
                assert time.monotonic() < deadline, router.log
                time.sleep(0.1)
            for space, name in (("kthena-system", "default"), ("default", "kthena-gateway-8081")):
                stack.kubectl("wait", "--for=condition=Programmed", f"gateway/{name}", "-n", space,
                              "--timeout=60s")  # fmt: skip
            lease = stack.kubectl("get", "lease", "kthena-router", "-n", "kthena-system")
            assert "kthena-router" in lease
            for kind, name in (
                ("modelroute", "deepseek-default-route"),
                ("modelserver", "deepseek-r1-7b"),
            ):
                stack.kubectl("wait", f"{kind}/{name}", "--timeout=60s",
                              "--for=jsonpath={.status.conditions[0].status}=True")  # fmt: skip
            stack.kubectl("delete", "-f", "-", text=gateway)
            while _answers(router, second):
                assert time.monotonic() < deadline + 60, router.log
                time.sleep(0.05)
            assert "forbidden" not in router.log.lower()
        for verb, what in (("get", "secrets"), ("delete", "gateways"), ("create", "pods")):
            said = stack.kubectl("auth", "can-i", verb, what, "--as", ACCOUNT, code=1)
            assert said == "no\n"
