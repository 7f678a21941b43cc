"""Pods in the shape of the conformance suites' base manifests: they become Ready, and answer."""

import base64
import ssl
from pathlib import Path
from typing import Any

import httpx
import trio
import trustme
from tests.sandbox.house import Cluster, running

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.echo.calls import SERVICE
from kthena_sandbox.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    INFERENCE_POOLS,
    PODS,
    SECRETS,
    Document,
    Key,
    Kind,
)
from kthena_sandbox.picker.server import SERVICE as PICKER
from kthena_sandbox.rpc.client import call
from kthena_sandbox.rpc.framing import RpcError
from kthena_sandbox.schema.protobuf import block, boolean

ROLES = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")

ECHO = "gcr.io/k8s-staging-gateway-api/echo-basic:v20240412-v1.0.0-394-g40c666fd"
ENVIRONMENT = [
    {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{path}"}}}
    for name, path in (("POD_NAME", "name"), ("NAMESPACE", "namespace"))
]


def workload(name: str, replicas: int, volumes: list[Any] | None = None, **more: Any) -> Document:
    """The spec of a Deployment as the suites write them: no ports, hardly any probes."""
    container = {"name": name, "image": ECHO, "env": ENVIRONMENT} | more
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container], "volumes": volumes or []},
    }
    return {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template,
    }  # fmt: skip


async def until_ready(cluster: Cluster, name: str, count: int) -> list[Document]:
    async def look() -> list[Document] | None:
        pods = await cluster.client.list(PODS, "default", labelSelector=f"app={name}")
        return pods if len(pods) == count and all(is_true(pod, "Ready") for pod in pods) else None

    found: list[Document] = await cluster.until(look)
    return found


async def test_the_base_of_the_suites(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        probe = {"httpGet": {"path": "/", "port": 3000}, "periodSeconds": 1}
        ports = [{"name": "HTTP_PORT", "value": "3002"}, {"name": "H2C_PORT", "value": "3003"}]
        for name, spec in {
            "infra-backend-v1": workload("infra-backend-v1", 2, readinessProbe=probe),
            "other-ports": workload("other-ports", 1, env=[*ENVIRONMENT, *ports]),
            "grpc": workload("grpc", 1, env=[*ENVIRONMENT, {"name": "GRPC_ECHO_SERVER", "value": "1"}]),
        }.items():  # fmt: skip
            await cluster.create(DEPLOYMENTS, name, spec=spec)
        pods = await until_ready(cluster, "infra-backend-v1", 2)
        (other,) = await until_ready(cluster, "other-ports", 1)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            for pod, port in ((pods[0], 3000), (pods[1], 3000), (other, 3002)):
                answer = await client.get(f"http://{pod['status']['podIP']}:{port}/x?uuid=1")
                told = answer.json()
                assert (told["pod"], told["namespace"]) == (pod["metadata"]["name"], "default")
                path = PODS.path("default", pod["metadata"]["name"], "log")
                log = (await client.get(cluster.url + path)).text
                assert "Echoing back request made to /x?uuid=1 to client (127.0.0.1:" in log
        (pod,) = await until_ready(cluster, "grpc", 1)
        async with await trio.open_tcp_stream(pod["status"]["podIP"], 3000) as stream:
            echoed = await call(stream, "a.example.com", f"{SERVICE}/Echo", b"")
        assert b"\x0a\x07default\x22" + bytes([len(pod["metadata"]["name"])]) in echoed


async def test_the_endpoint_picker_sees_what_its_account_may(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        probe = {"grpc": {"port": 9003, "service": "inference-extension"}, "periodSeconds": 1}
        spec = workload(
            "picker", 1, image="registry.example/lwepp:v1.6.0", readinessProbe=probe,
            args=["--pool-name", "p", "--pool-namespace", "default", "--secure-serving=false"],
        )  # fmt: skip
        await cluster.create(DEPLOYMENTS, "picker", spec=spec)
        rules = [
            {"apiGroups": [group], "resources": [resource], "verbs": ["list", "watch"]}
            for group, resource in (("inference.networking.k8s.io", "inferencepools"), ("", "pods"))
        ]
        pool = {
            "selector": {"matchLabels": {"app": "picker"}}, "targetPorts": [{"number": 3000}],
            "endpointPickerRef": {"name": "epp", "port": {"number": 9002}},
        }  # fmt: skip
        await cluster.create(INFERENCE_POOLS, "p", spec=pool)

        async def unwell() -> bool:
            events = await cluster.client.list(EVENTS, "default")
            return any('responded with "NOT_SERVING"' in event["message"] for event in events)

        await cluster.until(unwell)
        await cluster.create(ROLES, "reader", rules=rules)
        subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
        await cluster.create(ROLE_BINDINGS, "reader", subjects=subjects, roleRef=role)
        (pod,) = await until_ready(cluster, "picker", 1)
        address = pod["status"]["podIP"]

        async def picked() -> bytes | None:
            async with await trio.open_tcp_stream(address, 9002) as stream:
                try:
                    asked = block(2, boolean(3, True))  # headers with which the request ends
                    return await call(stream, "x", f"/{PICKER}/Process", asked)
                except RpcError:
                    return None  # it has not seen that its own pod is ready

        assert (
            f"x-gateway-destination-endpoint\x1a{chr(len(address) + 5)}{address}:3000".encode()
            in await cluster.until(picked)
        )


async def test_coredns(tmp_path: Path) -> None:
    corefile = ".:15353 {\n  forward . 8.8.8.8\n}\nfoo.bar.com:15353 {\n  whoami\n}\n"
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        await cluster.create(CONFIG_MAPS, "coredns", data={"Corefile": corefile})
        spec = workload(
            "coredns", 1, [{"name": "conf", "configMap": {"name": "coredns"}}],
            image="registry.k8s.io/coredns/coredns:v1.12.2", args=["-conf", "/root/Corefile"],
            volumeMounts=[{"name": "conf", "mountPath": "/root"}],
        )  # fmt: skip
        await cluster.create(DEPLOYMENTS, "coredns", spec=spec)
        (pod,) = await until_ready(cluster, "coredns", 1)
        query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x03foo\x03bar\x03com\0\0\x01\0\x01"
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as asking:
            await asking.connect((pod["status"]["podIP"], 15353))
            await asking.send(query)
            answer = await asking.recv(512)
        assert answer[:12] == b"\x12\x34\x85\x00\x00\x01\x00\x00\x00\x00\x00\x02"


async def test_a_backend_waits_for_its_certificate(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        files = [
            {"name": name, "value": f"/etc/secret-volume/{file}"}
            for name, file in (("TLS_SERVER_CERT", "crt"), ("TLS_SERVER_PRIVKEY", "key"))
        ]
        items = [{"key": "tls.crt", "path": "crt"}, {"key": "tls.key", "path": "key"}]
        volume = {"name": "secret-volume", "secret": {"secretName": "certificate", "items": items}}
        mounts = [{"name": "secret-volume", "mountPath": "/etc/secret-volume"}]
        spec = workload("tls", 1, [volume], env=[*ENVIRONMENT, *files], volumeMounts=mounts)
        await cluster.create(DEPLOYMENTS, "tls", spec=spec)

        async def missed() -> bool:
            events = await cluster.client.list(EVENTS, "default")
            return any('secret "certificate" not found' in event["message"] for event in events)

        await cluster.until(missed)
        authority = trustme.CA()
        issued = authority.issue_cert("abc.example.com")
        pems = {"tls.crt": issued.cert_chain_pems[0], "tls.key": issued.private_key_pem}
        content = {name: base64.b64encode(pem.bytes()).decode() for name, pem in pems.items()}
        await cluster.create(SECRETS, "certificate", type="kubernetes.io/tls", data=content)
        (pod,) = await until_ready(cluster, "tls", 1)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        async with httpx.AsyncClient(trust_env=False, timeout=60, verify=trusting) as client:
            answer = await client.get(
                f"https://{pod['status']['podIP']}:8443/",
                extensions={"sni_hostname": "abc.example.com"},
            )
        assert answer.json()["tls"]["serverName"] == "abc.example.com"
        await cluster.client.delete(DEPLOYMENTS, Key("default", "tls"))
        await cluster.gone(PODS, Key("default", pod["metadata"]["name"]))
