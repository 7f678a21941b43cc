"""The chart's life in the sandbox, with every Helm that is installed and the router's pods as processes."""

import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.support.asking import Asker, eventually, premium_stream
from tests.support.helm import CHART, Helm, helms, settings
from tests.support.stack import ROOT, Stack, kubectls, open_stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not helms(), reason="there is no helm on the PATH"),
    pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH"),
]
EXAMPLES = ROOT / "examples" / "kthena-router"
MODELS = (
    "LLM-Mock-ds1.5b", "ModelServer-ds1.5b", "deepseek-default-route",
    "LLM-Mock-ds7b", "ModelServer-ds7b", "ModelRouteMultiModels",
)  # fmt: skip
SMALL = "This is simulated message from deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B!"
DEFINITIONS = [
    "customresourcedefinition.apiextensions.k8s.io/modelroutes.networking.serving.volcano.sh",
    "customresourcedefinition.apiextensions.k8s.io/modelservers.networking.serving.volcano.sh",
]
ROUTER = ("deployment/kthena-router", "-n", "kthena-system")
SERVICE = ("service/kthena-router", "-n", "kthena-system")
NO_IMAGE = {"image__repository": "example.org/nothing"}
BASE_ARGS = [
    "--port=8080", "--management-port=15021", "--metrics-port=9090",
    "--expose-metrics-on-router-port=false", "--enable-gateway-api=true",
]  # fmt: skip


@dataclass
class Release:
    """Release `kthena` in a sandbox."""

    helm: Helm
    stack: Stack

    def run(self, verb: str, *arguments: str, code: int = 0, **values: Any) -> str:
        words = ("kthena", *arguments, "-n", "kthena-system", *settings(**values))
        return self.helm.run(verb, *words, code=code)

    def install(self, *arguments: str, **values: Any) -> None:
        values = {"gatewayAPI__enabled": "true", **values}
        self.run("install", str(CHART), "--create-namespace", *arguments, **values)

    def upgrade(self, *arguments: str, code: int = 0, **values: Any) -> str:
        return self.run("upgrade", str(CHART), "--reuse-values", *arguments, code=code, **values)

    def kubectl(self, *arguments: str, editor: str = "") -> str:
        return self.stack.kubectl(*arguments, binary=kubectls()[-1], editor=editor)

    def lines(self, *arguments: str) -> list[str]:
        return self.kubectl(*arguments, "-o", "name").splitlines()

    def shown(self, path: str, *what: str) -> str:
        return self.kubectl("get", *what, "-o", f"jsonpath={path}")

    def args(self) -> list[str]:
        found: list[str] = json.loads(self.shown("{..containers[0].args}", *ROUTER))
        return found

    def history(self) -> list[tuple[int, str, str]]:
        """Return number, state and the beginning of the description of each revision."""
        entries: list[dict[str, Any]] = json.loads(self.run("history", "-o", "json"))
        return [(one["revision"], one["status"], one["description"][:16]) for one in entries]

    def leave_alone(self, count: int) -> None:
        """Return when there are only so many pods of the router: those of before have drained."""
        pods = ("get", "pods", "-n", "kthena-system", "-l", "app=kthena-router")
        deadline = time.monotonic() + 60
        while len(self.lines(*pods)) != count:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def left(self, *which: str, namespaced: bool = False) -> list[str]:
        """Return what there is of any kind, but for Events."""
        scope = ("--namespaced=true",) if namespaced else ()
        kinds = self.kubectl("api-resources", "--verbs=list", "-o", "name", *scope).split()
        found = self.lines("get", ",".join(kinds), *which)
        return [one for one in found if not one.startswith("event")]

    def remove_pods(self) -> None:
        """At once, for the test to end soon."""
        pods = ("pod", "-A", "-l", "app=kthena-router")
        self.kubectl("delete", *pods, "--force", "--grace-period=0")


@pytest.fixture(params=helms(), ids=os.path.basename)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Release]:
    with open_stack(tmp_path, "--no-router", secure=True) as stack:
        yield Release(Helm(request.param, stack.environment), stack)


def test_upgrades_and_rollbacks_lose_no_request(release: Release) -> None:
    release.kubectl("delete", *DEFINITIONS)
    release.install("--wait", replicas=2)
    assert DEFINITIONS == [one for one in release.lines("get", "crd") if ".volcano.sh" in one]
    assert "2/2" in release.kubectl("get", *ROUTER)
    for name in MODELS:
        release.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
    slow = '[{"op":"add","path":"/spec/template/spec/containers/0/args","value":["--inter-token-latency=100ms"]}]'
    release.kubectl("patch", "deployment", "deepseek-r1-7b", "--type=json", "-p", slow)
    release.kubectl("rollout", "status", "deployment", "deepseek-r1-7b")
    address = release.shown("{.status.loadBalancer.ingress[0].ip}", *SERVICE)
    assert eventually(address, 8080) == SMALL

    asker = Asker(address, 8080)
    with asker.asking(), ThreadPoolExecutor() as pool:
        stream = pool.submit(premium_stream, address, 8080, 200)
        release.upgrade("--wait", flags__max_connections=500)
        assert release.args() == [*BASE_ARGS, "--max-connections=500"]
        release.leave_alone(2)
        events = stream.result()
        assert (len(events), events[-1]) == (201, b"data: [DONE]")
        atomic = "--atomic" if release.helm.major == 3 else "--rollback-on-failure"
        said = release.upgrade(atomic, "--timeout=12s", code=1, **NO_IMAGE)
        assert "has been rolled back due to" in said
        assert release.args() == [*BASE_ARGS, "--max-connections=500"]
        said = release.upgrade("--wait", "--timeout=3s", code=1, **NO_IMAGE)
        assert "UPGRADE FAILED" in said
        assert json.loads(release.run("status", "-o", "json"))["info"]["status"] == "failed"
        release.run("rollback", "1", "--wait")
        assert release.args() == BASE_ARGS
        release.leave_alone(2)
    assert asker.failures == []
    assert asker.asked > 50
    assert release.history() == [
        (1, "superseded", "Install complete"),
        (2, "superseded", "Upgrade complete"),
        (3, "failed", 'Upgrade "kthena"'),
        (4, "superseded", "Rollback to 2"),
        (5, "failed", 'Upgrade "kthena"'),
        (6, "deployed", "Rollback to 1"),
    ]
    release.remove_pods()


def test_what_helm_tells_and_leaves(release: Release) -> None:
    helm = release.helm
    release.install()
    dry = release.upgrade("--dry-run=server", flags__max_connections=7, service__gatewayPorts="{8081}")  # fmt: skip
    assert '- "--max-connections=7"' in dry
    assert [entry[0] for entry in release.history()] == [1]
    release.upgrade(podDisruptionBudget__enabled="true")

    def get(*what: str) -> str:
        return helm.run("get", *what, "kthena", "-n", "kthena-system")

    assert json.loads(get("values", "-o", "json")) == {
        "networking": {
            "kthenaRouter": {
                "gatewayAPI": {"enabled": True},
                "podDisruptionBudget": {"enabled": True},
            }
        }
    }
    assert get("manifest").count("\nkind: ") == 9
    notes = get("notes")
    assert "The router is Deployment kthena-router in namespace kthena-system." in notes
    assert "helm show crds CHART | kubectl apply --server-side --force-conflicts -f -" in notes
    (listed,) = json.loads(helm.run("list", "-A", "-o", "json"))
    assert (listed["name"], listed["revision"], listed["status"], listed["chart"]) == (
        "kthena", "2", "deployed", "kthena-router-0.1.0",
    )  # fmt: skip

    default = ("gateway/default", "-n", "kthena-system")
    deadline = time.monotonic() + 60
    while "gateway.gateway.networking.k8s.io/default" not in release.lines("get", "gateway", "-A"):
        assert time.monotonic() < deadline
    release.kubectl("wait", "--for=condition=Programmed", *default, "--timeout=60s")
    release.run("uninstall", "--wait")
    assert release.left("-A", "-l", "app.kubernetes.io/managed-by=Helm") == []
    release.remove_pods()
    assert release.left("-n", "kthena-system", namespaced=True) == [
        "configmap/kube-root-ca.crt",
        "serviceaccount/default",
        "lease.coordination.k8s.io/kthena-router",
        "gateway.gateway.networking.k8s.io/default",
    ]
    assert release.lines("get", "gatewayclass") == [
        "gatewayclass.gateway.networking.k8s.io/kthena-router"
    ]
    assert DEFINITIONS == [one for one in release.lines("get", "crd") if ".volcano.sh" in one]


def test_changes_by_hand(release: Release) -> None:
    """Helm 3 merges what it had said, what it says now and what there is; Helm 4 applies on the server's side."""
    release.install()
    edit = "sed -i s/--enable-gateway-api=true/--enable-gateway-api=false/"
    release.kubectl("edit", *ROUTER, editor=edit)
    port = '[{"op":"add","path":"/spec/ports/-","value":{"name":"http-8081","port":8081}}]'
    release.kubectl("patch", *SERVICE, "--type=json", "-p", port)
    assert release.args() == [*BASE_ARGS[:-1], "--enable-gateway-api=false"]

    if release.helm.major == 3:
        release.upgrade(accessLog__format="json")
    else:
        refused = release.upgrade(accessLog__format="json", code=1)
        assert 'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1' in refused
        release.upgrade("--force-conflicts", accessLog__format="json")

    assert release.args() == BASE_ARGS
    assert release.shown("{.spec.ports[*].port}", *SERVICE) == "80 8080 8081"
    release.upgrade(service__gatewayPorts="{8081}")
    assert release.shown("{.spec.ports[*].port}", *SERVICE) == "80 8080 8081"
    release.upgrade("--set-json", "networking.kthenaRouter.service.gatewayPorts=[]")
    left = "80 8080" if release.helm.major == 3 else "80 8080 8081"  # kubectl has said it too
    assert release.shown("{.spec.ports[*].port}", *SERVICE) == left
    release.run("uninstall")
    release.remove_pods()


def test_definitions_are_brought_up_to_date_as_the_readme_says(release: Release) -> None:
    release.kubectl("delete", *DEFINITIONS)
    release.install()
    shown = release.helm.run("show", "crds", str(CHART))
    changed = shown.replace("description: Port of the engine\n", "description: Its port\n")
    assert changed != shown
    command = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    applied = release.stack.kubectl(*command, binary=kubectls()[-1], text=changed)

    assert applied.splitlines() == [f"{name} serverside-applied" for name in DEFINITIONS]
    columns = "{.spec.versions[0].additionalPrinterColumns[1].description}"
    assert release.shown(columns, DEFINITIONS[1]) == "Its port"
    release.run("uninstall")
    release.remove_pods()


def test_tls_on_the_default_port(release: Release, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("router.test")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    files = (f"--cert={certificate}", f"--key={key}")
    release.kubectl("create", "secret", "tls", "kthena-router-tls", *files, "-n", "kthena-system")
    release.install("--wait", tls__enabled="true")

    address = release.shown("{.status.loadBalancer.ingress[0].ip}", *SERVICE)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with (
        socket.create_connection((address, 8080), timeout=10) as plain,
        trusting.wrap_socket(plain, server_hostname="router.test") as secured,
    ):
        secured.sendall(b"GET /healthz HTTP/1.1\r\nHost: router.test\r\nConnection: close\r\n\r\n")
        assert secured.recv(4096).startswith(b"HTTP/1.1 200 ")
    release.run("uninstall")
    release.remove_pods()


def test_two_releases(release: Release) -> None:
    helm = release.helm
    for name, port in (("one", 8080), ("two", 8090)):
        values = settings(gatewayAPI__enabled="true", port=port)
        helm.run("install", name, str(CHART), "-n", name, "--create-namespace", "--wait", *values)
    refused = helm.run("install", "three", str(CHART), "-n", "two", code=1)
    assert 'must equal "three": current value is "two"' in refused
    listed = json.loads(helm.run("list", "-A", "-o", "json"))
    assert [(one["name"], one["namespace"]) for one in listed] == [("one", "one"), ("two", "two")]
    for name in ("one", "two"):
        place = ("gateway/default", "-n", name)
        release.kubectl("wait", "--for=condition=Programmed", *place, "--timeout=60s")

    helm.run("uninstall", "one", "-n", "one")
    roles = [one for one in release.lines("get", "clusterroles") if "/kthena-" in one]
    assert roles == ["clusterrole.rbac.authorization.k8s.io/kthena-router-two"]
    assert "1/1" in release.kubectl("get", "deployment/kthena-router", "-n", "two")
    helm.run("uninstall", "two", "-n", "two")
    release.remove_pods()


def test_kustomization_becomes_a_release(release: Release) -> None:
    release.kubectl("apply", "-k", str(ROOT / "deploy" / "kubernetes"))
    force = () if release.helm.major == 3 else ("--force-conflicts",)
    release.install("--take-ownership", "--wait", *force)

    assert release.shown("{.spec.replicas}", *ROUTER) == "1"
    assert release.args() == BASE_ARGS
    release.run("uninstall")
    assert release.lines("get", "deployments,services,roles", "-n", "kthena-system") == []
    release.remove_pods()
