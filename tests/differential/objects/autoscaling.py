"""autoscaling: HorizontalPodAutoscalers in their newer version."""

from typing import Any

from tests.differential.objects.kind import Kind

_HALF = {"type": "Utilization", "averageUtilization": 50}


def _metric(kind: str = "Resource", **source: Any) -> dict[str, Any]:
    return {"spec": {"metrics": [{"type": kind, f"{kind[0].lower()}{kind[1:]}": source}]}}


AUTOSCALING = (
    Kind(
        "horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling/v2",
        {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "one"}, "maxReplicas": 5}},
        patches=(
            {"spec": {"minReplicas": 2}}, {"spec": {"maxReplicas": 7}}, {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}}, {"spec": {"metrics": None}},
            _metric(name="cpu", target=_HALF), _metric(name="memory", target={"type": "AverageValue", "averageValue": "1024Mi"}),
            _metric("Pods", metric={"name": "m"}, target={"type": "AverageValue", "averageValue": "1.5"}),
            _metric("Object", describedObject={"kind": "K", "name": "n"}, metric={"name": "m", "selector": {"matchLabels": {"a": "b"}}}, target={"type": "Value", "value": "3"}),
            _metric("External", metric={"name": "m"}, target={"type": "AverageValue", "averageValue": "3"}), _metric("ContainerResource", name="cpu", container="c", target=_HALF),
        ),
        spoilt=(
            {"spec": {"scaleTargetRef": {"kind": "", "name": "a/b"}}}, {"spec": {"scaleTargetRef": {"apiVersion": "apps"}}}, {"spec": {"maxReplicas": 0}}, {"spec": {"minReplicas": 9}},
            {"spec": {"minReplicas": 0}}, {"spec": {"metrics": [{"type": "Odd"}]}}, {"spec": {"metrics": [{"type": "Resource"}]}}, {"spec": {"metrics": "x"}},
            _metric(name="", target={"type": "Odd"}), _metric(name="cpu", target={"type": "AverageValue", "averageValue": "-1"}), _metric("Pods", metric={"name": "x/y"}, target={}),
            _metric("Object"), _metric("External"), _metric("ContainerResource"), {"spec": {"behavior": {"scaleUp": {"selectPolicy": "Odd", "stabilizationWindowSeconds": 3601}}}},
            {"spec": {"behavior": {"scaleUp": "x"}}},
        ),
        status=True,
    ),
)  # fmt: skip
