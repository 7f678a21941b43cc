"""Warnings about objects that may be written all the same, in the words of a kube-apiserver 1.34."""

from typing import Any

import pytest

from kthena_sandbox.apiserver import cautions

Document = dict[str, Any]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"type": "ExternalName", "externalName": "a.b"}, []),
        ({"type": "NodePort", "externalName": "a.b"}, ['spec.externalName is ignored when spec.type is not "ExternalName"']),
        ({"clusterIP": "None", "sessionAffinity": "ClientIP"}, ["spec.SessionAffinity is ignored for headless services"]),
        ({"clusterIP": "None", "sessionAffinity": "None"}, []),
    ],
)  # fmt: skip
def test_what_a_service_makes_no_use_of(spec: Document, said: list[str]) -> None:
    assert cautions.of_service({"spec": spec}, None) == said


def test_what_people_write_by_mistake_in_pods() -> None:
    container = {
        "name": "m",
        "ports": [{"containerPort": 80}, {"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        "resources": {"requests": {"memory": "1500m"}},
    }
    spec = {
        "containers": [container],
        "hostAliases": [{"ip": "10.1.1.1"}, {"ip": "10.1.1.1"}],
        "imagePullSecrets": [{"name": ""}],
        "nodeSelector": {"beta.kubernetes.io/os": "linux"},
    }
    pod = {"metadata": {"name": "w.x"}, "spec": spec}
    named = (
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
        "a DNS label is recommended: [must not contain dots]"
    )
    assert cautions.of_pod(pod, None) == [
        named,
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        'spec.hostAliases[1].ip: duplicate ip "10.1.1.1"',
        'spec.imagePullSecrets[0].name: invalid empty name ""',
        'spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be an integer',
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
    ]
    assert cautions.of_pod(pod, pod) == []


def test_templates_are_warned_of_when_they_change() -> None:
    def workload(name: str, secret: str) -> Document:
        template = {"spec": {"imagePullSecrets": [{"name": secret}]}}
        return {"metadata": {"name": name}, "spec": {"template": template}}

    empty = ['spec.template.spec.imagePullSecrets[0].name: invalid empty name ""']
    assert cautions.of_template(workload("w", ""), None) == empty
    assert cautions.of_template(workload("w", ""), workload("w", "p")) == empty
    assert cautions.of_template(workload("w", ""), workload("w", "")) == []
    assert cautions.of_template(workload("w.x", "p"), workload("w.x", "q")) == []
