"""Kinds that charts and `kubectl create` bring along, through the eyes of kubectl."""

import pytest
from tests.sandbox.kubectl.support import Kubectl

pytestmark = pytest.mark.system

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inside}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 8000}]
"""


def test_ingress(kubectl: Kubectl) -> None:
    created = kubectl.run(
        "create", "ingress", "web", "--class=own", "--rule=a.example.com/path*=web:80,tls=cert"
    )
    assert created == "ingress.networking.k8s.io/web created\n"
    heads, row = kubectl.run("get", "ing").splitlines()
    assert heads.split() == ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"]
    assert row.split()[:5] == ["web", "own", "a.example.com", "80,", "443"]
    described = kubectl.run("describe", "ingress", "web")
    assert "Ingress Class:    own\n" in described
    assert "cert terminates a.example.com" in described
    assert "/path   web:80 (" in described
    assert kubectl.run("get", "ingress", "web", "-o", "jsonpath={.status.loadBalancer}") == "{}"


def test_network_policy(kubectl: Kubectl) -> None:
    applied = kubectl.run("apply", "-f", "-", stdin=POLICY)
    assert "networkpolicy.networking.k8s.io/inside created\n" in applied
    assert (
        "Warning: this sandbox does not enforce NetworkPolicies: all connections go through\n"
        in applied
    )
    heads, row = kubectl.run("get", "netpol").splitlines()
    assert heads.split() == ["NAME", "POD-SELECTOR", "AGE"]
    assert row.split()[:2] == ["inside", "app=web"]
    assert "To Port: 8000/TCP" in kubectl.run("describe", "netpol", "inside")


def test_priority_class(kubectl: Kubectl) -> None:
    name = f"fast-{kubectl.namespace}"
    created = kubectl.run("create", "priorityclass", name, "--value=9", "--description=first")
    assert created == f"priorityclass.scheduling.k8s.io/{name} created\n"
    kubectl.run(
        "run", "p", "--image=i", "--overrides", f'{{"spec": {{"priorityClassName": "{name}"}}}}'
    )
    assert kubectl.run("get", "pod", "p", "-o", "jsonpath={.spec.priority}") == "9"
    row = kubectl.run("get", "pc", name, "--no-headers").split()
    assert row[1:3] == ["9", "false"]
    refused = kubectl.run("create", "priorityclass", "system-own", "--value=1", code=1)
    assert "priority class names with 'system-' prefix are reserved" in refused
