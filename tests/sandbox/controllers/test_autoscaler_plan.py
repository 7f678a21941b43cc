"""The words of a kube-controller-manager 1.34 in a cluster without a metrics server."""

from typing import Any

import pytest

from kthena_sandbox.controllers import autoscaler_plan as planning
from kthena_sandbox.controllers.autoscaler_plan import Decision
from kthena_sandbox.kinds import Document

NO_RESOURCES = (
    "unable to fetch metrics from resource metrics API: the server could not find the requested resource "
    "(get pods.metrics.k8s.io)"
)
NO_CUSTOM = "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
SHARE: Document = {"type": "Utilization", "averageUtilization": 5}
AVERAGE: Document = {"type": "AverageValue", "averageValue": "5"}
ABOVE, BELOW = (
    "Current number of replicas above Spec.MaxReplicas",
    "Current number of replicas below Spec.MinReplicas",
)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, Decision()),
        (1, Decision(2, BELOW)),
        (2, Decision()),
        (3, Decision()),
        (4, Decision(3, ABOVE)),
    ],
)
def test_a_target_is_kept_between_the_limits(size: int, expected: Decision) -> None:
    assert planning.decision({"minReplicas": 2, "maxReplicas": 3}, size) == expected


@pytest.mark.parametrize(
    ("kind", "source", "reason", "message", "first"),
    [
        ("Resource", {"name": "cpu", "target": SHARE}, "FailedGetResourceMetric",
         f"failed to get cpu utilization: unable to get metrics for resource cpu: {NO_RESOURCES}",
         "failed to get cpu resource metric value: "),
        ("Resource", {"name": "memory", "target": AVERAGE}, "FailedGetResourceMetric",
         f"failed to get memory usage: unable to get metrics for resource memory: {NO_RESOURCES}",
         "failed to get memory resource metric value: "),
        ("ContainerResource", {"name": "cpu", "container": "main", "target": SHARE}, "FailedGetContainerResourceMetric",
         f"failed to get cpu utilization: unable to get metrics for resource cpu: {NO_RESOURCES}",
         "failed to get main container metric value: "),
        ("Pods", {"metric": {"name": "m"}, "target": AVERAGE}, "FailedGetPodsMetric",
         f"unable to get metric m: {NO_CUSTOM}",
         "failed to get pods metric value: "),
        ("Object", {"describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "m"}}, "FailedGetObjectMetric",
         f"unable to get metric m: Service on ns s/{NO_CUSTOM}",
         "failed to get object metric value: "),
        ("External", {"metric": {"name": "m"}}, "FailedGetExternalMetric",
         ("unable to get external metric ns/m/nil: unable to fetch metrics from external metrics API: the server could "
          "not find the requested resource (get m.external.metrics.k8s.io)"),
         "failed to get m external metric value: failed to get external metric m: "),
    ],
)  # fmt: skip
def test_metrics_are_missing(
    kind: str, source: dict[str, Any], reason: str, message: str, first: str
) -> None:
    metric = {"type": kind, f"{kind[0].lower()}{kind[1:]}": source}
    (found,) = planning.failures({"metrics": [metric]}, "ns")
    assert (found.reason, found.message) == (reason, message)
    assert (
        planning.invalid([found])
        == f"invalid metrics (1 invalid out of 1), first error is: {first}{message}"
    )
