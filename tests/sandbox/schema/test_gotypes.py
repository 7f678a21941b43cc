import json
from typing import Any

import pytest

from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.gotypes import corrupt_base64, wrong_type

TYPES = {kind.kind: kind for kind in BUILTIN if kind.group != "events.k8s.io"}


def containers(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "a"} | fields]}}}}


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("Deployment", {"spec": {"replicas": "3"}},
         "string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ("Deployment", {"spec": {"replicas": 1.5}},
         "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ("Deployment", {"spec": {"replicas": 2**31}},
         "number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ("Deployment", {"spec": []}, "array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        ("Deployment", containers(env=[{"name": "A", "value": True}]),
         "bool into Go struct field EnvVar.spec.template.spec.containers.env.value of type string"),
        ("Deployment", containers(args=[1]),
         "number into Go struct field Container.spec.template.spec.containers.args of type string"),
        ("Deployment", containers(ports={"containerPort": 1}),
         "object into Go struct field Container.spec.template.spec.containers.ports of type []v1.ContainerPort"),
        ("Deployment", containers(ports=["8080"]),
         "string into Go struct field Container.spec.template.spec.containers.ports of type v1.ContainerPort"),
        ("Deployment", containers(imagePullPolicy=False),
         "bool into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy"),
        ("ConfigMap", {"data": {"a.b": 1}}, "number into Go struct field ConfigMap.data of type string"),
        ("ConfigMap", {"data": []}, "array into Go struct field ConfigMap.data of type map[string]string"),
        ("Service", {"spec": {"ports": [{"targetPort": True}]}},
         "bool into Go struct field ServicePort.spec.ports.targetPort of type int32"),
    ],
)  # fmt: skip
def test_wrong_types_in_the_words_of_go(kind: str, document: dict[str, Any], expected: str) -> None:
    found = wrong_type(TYPES[kind], document)
    assert found is not None
    assert found.json == f"json: cannot unmarshal {expected}"


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("Deployment", {"spec": {"replicas": "3"}}, "unrecognized type: int32"),
        ("ConfigMap", {"data": {"a": 1}}, "cannot convert int64 to string"),
        ("ConfigMap", {"data": {"a": True}}, "unrecognized type: string"),
        ("ConfigMap", {"data": []}, "cannot restore map from slice"),
        ("Deployment", containers(args="x"), "cannot restore slice from string"),
        ("Deployment", {"spec": 1}, "cannot restore struct from: int64"),
    ],
)
def test_wrong_types_in_the_words_of_the_converter(
    kind: str, document: dict[str, Any], expected: str
) -> None:
    found = wrong_type(TYPES[kind], document)
    assert found is not None
    assert found.converted == expected


def test_a_text_that_is_no_quantity() -> None:
    found = wrong_type(TYPES["Deployment"], containers(resources={"limits": {"cpu": "lots"}}))
    assert found is not None
    assert found.json == (
        "quantities must match the regular expression "
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spec": None},
        containers(resources={"limits": {"cpu": 1, "memory": "1Gi", "x": 0.5}}),
        containers(unknown=1, securityContext={"runAsUser": 2**40, "privileged": True}),
        {"spec": {"replicas": 3.0, "strategy": {"rollingUpdate": {"maxSurge": 1}}}},
        {"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}}},
    ],
)
def test_what_fits(document: dict[str, Any]) -> None:
    assert wrong_type(TYPES["Deployment"], json.loads(json.dumps(document))) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [("", None), ("YWJj", None), ("YQ==", None), ("YWI=\n", None), ("YWJj\nYQ==", None), ("YWJ", 0),
     ("YWJjZA", 4), ("not base64", 3), ("YQ=", 2), ("=", 0), ("YWI=x", 3)],
)  # fmt: skip
def test_where_base64_is_corrupt(text: str, at: int | None) -> None:
    assert corrupt_base64(text) == at
