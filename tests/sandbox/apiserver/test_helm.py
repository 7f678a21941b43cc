"""The chart that `helm create` writes, with its Ingress and its autoscaler, installed, changed and taken away by real Helms."""

import os
from pathlib import Path

import pytest
from tests.sandbox.kubectl.support import Kubectl, installed
from tests.support.helm import Helm, helms

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not helms(), reason="there is no helm on the PATH"),
    pytest.mark.skipif(not installed(), reason="there is no kubectl on the PATH"),
]
KINDS = "deployment,service,serviceaccount,ingress,hpa"
CHOICES = ("--set", "ingress.enabled=true", "--set", "autoscaling.enabled=true")


@pytest.mark.parametrize("binary", helms(), ids=lambda path: Path(path).name)
def test_a_chart_as_it_is_written(binary: str, kubeconfig: Path, tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
    helm, namespace = Helm(binary, environment), f"charts-{Path(binary).name}"
    kubectl = Kubectl(installed()[-1], environment, namespace)
    chart = tmp_path / "demo"
    helm.run("create", str(chart))
    place = ("--namespace", namespace, "--create-namespace")
    helm.run("install", "demo", str(chart), *place, *CHOICES)
    listed = kubectl.run("get", KINDS, "-l", "app.kubernetes.io/name=demo", "-o", "name").split()
    assert listed == [
        "deployment.apps/demo", "service/demo", "serviceaccount/demo", "ingress.networking.k8s.io/demo",
        "horizontalpodautoscaler.autoscaling/demo",
    ]  # fmt: skip
    helm.run("upgrade", "demo", str(chart), *place, *CHOICES, "--set", "autoscaling.maxReplicas=7")
    assert kubectl.json("get", "hpa", "demo")["spec"]["maxReplicas"] == 7
    helm.run("uninstall", "demo", "--namespace", namespace)
    gone = kubectl.run("get", KINDS, "-l", "app.kubernetes.io/name=demo", "-o", "name")
    assert gone == ""
