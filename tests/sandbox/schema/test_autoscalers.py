"""HorizontalPodAutoscalers in both versions, as a kube-apiserver 1.34 converts, defaults and refuses them."""

from typing import Any

import pytest

from kthena_sandbox.schema import structural
from kthena_sandbox.schema.autoscalers import to_new, to_old
from kthena_sandbox.schema.builtin import BUILTIN

Document = dict[str, Any]
OLD, NEW = (
    next(kind for kind in BUILTIN if (kind.plural, kind.version) == ("horizontalpodautoscalers", version))
    for version in ("v1", "v2")
)  # fmt: skip
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
CPU = {"type": "Resource",
       "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}  # fmt: skip
PODS = {"type": "Pods",
        "pods": {"metric": {"name": "x", "selector": {"matchLabels": {"a": "b"}}},
                 "target": {"type": "AverageValue", "averageValue": "1500m"}}}  # fmt: skip
OBJECT = {"type": "Object",
          "object": {"describedObject": {"kind": "K", "name": "n", "apiVersion": "v1"},
                     "metric": {"name": "x"}, "target": {"type": "Value", "value": "10"}}}  # fmt: skip
EXTERNAL = {"type": "External",
            "external": {"metric": {"name": "q"},
                         "target": {"type": "AverageValue", "averageValue": "30"}}}  # fmt: skip
BEHAVIOR = {
    "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]},
    "scaleDown": {"selectPolicy": "Max",
                  "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
}  # fmt: skip
PREFIX = "autoscaling.alpha.kubernetes.io/"


def whole(**spec: Any) -> Document:
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
            "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5} | spec,
            "status": {"desiredReplicas": 0, "currentMetrics": None}}  # fmt: skip


def messages(kind: Any, **spec: Any) -> list[str]:
    document = whole(**spec) | {"apiVersion": kind.api_version}
    filled = structural.default(structural.prune(document, kind.schema)[0], kind.schema)
    return [error.message for error in structural.validate(filled, kind.schema)]


def test_what_v1_has_no_field_for_stands_in_annotations() -> None:
    old = to_old(whole(metrics=[CPU, PODS, OBJECT, EXTERNAL], behavior=BEHAVIOR))
    assert old["spec"] == {
        "scaleTargetRef": TARGET,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
    }
    assert old["status"] == {"currentReplicas": 0, "desiredReplicas": 0}
    assert old["metadata"]["annotations"] == {
        f"{PREFIX}behavior": (
            '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods",'
            '"Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":null,'
            '"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}'
        ),
        f"{PREFIX}metrics": (
            '[{"type":"Pods","pods":{"metricName":"x","targetAverageValue":"1500m","selector":{"matchLabels":{"a":"b"}}}},'
            '{"type":"Object","object":{"target":{"kind":"K","name":"n","apiVersion":"v1"},"metricName":"x","targetValue":"10"}},'
            '{"type":"External","external":{"metricName":"q","targetAverageValue":"30"}}]'
        ),
    }
    assert to_new(old) == whole(metrics=[PODS, OBJECT, EXTERNAL, CPU], behavior=BEHAVIOR)


def test_conditions_and_values_of_now_go_the_same_way() -> None:
    current = {"type": "Resource",
               "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "5m"}}}  # fmt: skip
    condition = {"type": "AbleToScale", "status": "True", "reason": "R", "message": "m",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    new = whole(metrics=[CPU])
    new["status"] = {
        "desiredReplicas": 3,
        "currentReplicas": 2,
        "currentMetrics": [current],
        "conditions": [condition],
    }
    old = to_old(new)
    assert old["status"] == {
        "currentReplicas": 2,
        "desiredReplicas": 3,
        "currentCPUUtilizationPercentage": 12,
    }
    assert old["metadata"]["annotations"] == {
        f"{PREFIX}conditions": (
            '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"R","message":"m"}]'
        ),
        f"{PREFIX}current-metrics": (
            '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":12,"currentAverageValue":"5m"}}]'
        ),
    }
    assert to_new(old) == new


def test_annotations_that_say_nothing_go() -> None:
    old = to_old(whole(metrics=[CPU]))
    old["metadata"] = {"name": "h", "annotations": {f"{PREFIX}metrics": "x", "own": "y"}}
    assert to_new(old)["metadata"]["annotations"] == {"own": "y"}
    assert to_new(old)["spec"]["metrics"] == [CPU]


def test_defaults() -> None:
    assert NEW.schema is not None
    spec = structural.default(
        whole(behavior={"scaleDown": {"selectPolicy": "Disabled"}}), NEW.schema
    )["spec"]
    assert (spec["minReplicas"], spec["metrics"][0]["resource"]["target"]) == (
        1, {"type": "Utilization", "averageUtilization": 80},
    )  # fmt: skip
    assert spec["behavior"] == {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15},
                                 {"type": "Percent", "value": 100, "periodSeconds": 15}]},
        "scaleDown": {"selectPolicy": "Disabled",
                      "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    }  # fmt: skip
    assert OLD.schema is not None
    old = structural.default({"spec": {"maxReplicas": 5}}, OLD.schema)
    assert old["spec"]["targetCPUUtilizationPercentage"] == 80


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, []),
        ({"scaleTargetRef": {"kind": "ReplicationController", "name": "r", "apiVersion": "v1"}}, []),
        ({"scaleTargetRef": {"kind": "a/b", "apiVersion": "apps"}},
         ["spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'",
          "spec.scaleTargetRef.name: Required value",
          'spec.scaleTargetRef.apiVersion: Invalid value: "apps": apiVersion must specify API group']),
        ({"maxReplicas": 0},
         ["spec.maxReplicas: Invalid value: 0: must be greater than 0",
          "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]),
        ({"minReplicas": 0},
         ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
          "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"]),
        ({"metrics": [{"type": "Resource"}]},
         ["spec.metrics[0].resource: Required value: must populate information for the given metric source"]),
        ({"metrics": [CPU | {"pods": PODS["pods"]}]},
         ["spec.metrics[0].pods: Forbidden: must populate the given metric source only"]),
        ({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Odd"}}}]},
         ['spec.metrics[0].resource.target.type: Invalid value: "Odd": must be either Utilization, Value, or AverageValue',
          "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"]),
        ({"metrics": [{"type": "External", "external": {"metric": {"name": "q"},
                                                        "target": {"type": "Value", "value": "1", "averageValue": "2"}}}]},
         ["spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"]),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Odd", "value": 0, "periodSeconds": 1801}]}}},
         ['spec.behavior.scaleUp.policies[0].type: Unsupported value: "Odd": supported values: "Percent", "Pods"',
          "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
          "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800"]),
    ],
)  # fmt: skip
def test_rules(spec: Document, said: list[str]) -> None:
    assert messages(NEW, **spec) == said


def test_of_v1_is_spoken_as_of_v2() -> None:
    assert messages(OLD, targetCPUUtilizationPercentage=0) == [
        "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0"
    ]
