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
CONTROLLER = """
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: old}}
    spec: {containers: [{name: c, image: i}]}
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


def test_cron_job(kubectl: Kubectl) -> None:
    created = kubectl.run("create", "cronjob", "nightly", "--image=i", "--schedule=0 3 * * *")
    assert created == "cronjob.batch/nightly created\n"
    heads, row = kubectl.run("get", "cj").splitlines()
    assert heads.split() == [
        "NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE",
    ]  # fmt: skip
    assert row.split()[:9] == ["nightly", "0", "3", "*", "*", "*", "<none>", "False", "0"]
    described = kubectl.run("describe", "cronjob", "nightly")
    assert "Successful Job History Limit:  3\n" in described
    made = kubectl.run("create", "job", "now", "--from=cronjob/nightly")
    assert made == "job.batch/now created\n"
    job = kubectl.json("get", "job", "now")
    assert job["metadata"]["ownerReferences"][0]["name"] == "nightly"
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    refused = kubectl.run("create", "cronjob", "c", "--image=i", "--schedule=often", code=1)
    assert "expected exactly 5 fields, found 1: [often]" in refused


def test_autoscaler(kubectl: Kubectl) -> None:
    kubectl.run("create", "deployment", "web", "--image=i")
    scaled = kubectl.run("autoscale", "deployment", "web", "--min=2", "--max=5", "--cpu-percent=70")
    assert "horizontalpodautoscaler.autoscaling/web autoscaled\n" in scaled
    heads, row = kubectl.run("get", "hpa").splitlines()
    assert heads.split() == [
        "NAME",
        "REFERENCE",
        "TARGETS",
        "MINPODS",
        "MAXPODS",
        "REPLICAS",
        "AGE",
    ]
    assert row.split()[:7] == ["web", "Deployment/web", "cpu:", "<unknown>/70%", "2", "5", "0"]
    assert "Min replicas:" in kubectl.run("describe", "hpa", "web")
    old = kubectl.json("get", "horizontalpodautoscalers.v1.autoscaling", "web")
    assert old["spec"]["targetCPUUtilizationPercentage"] == 70


def test_replication_controller(kubectl: Kubectl) -> None:
    kubectl.run("apply", "-f", "-", stdin=CONTROLLER)
    heads, row = kubectl.run("get", "rc").splitlines()
    assert heads.split() == ["NAME", "DESIRED", "CURRENT", "READY", "AGE"]
    assert row.split()[:4] == ["old", "2", "0", "0"]
    assert "scaled" in kubectl.run("scale", "rc", "old", "--replicas=3")
    assert kubectl.json("get", "rc", "old")["spec"]["replicas"] == 3
    assert "Selector:     app=old\n" in kubectl.run("describe", "rc", "old")
