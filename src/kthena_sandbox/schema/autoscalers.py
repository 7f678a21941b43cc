"""HorizontalPodAutoscalers in their two versions: in autoscaling/v1 much of what v2 says stands in annotations."""

import json
import re
from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema.reading import at

Document = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]
OLD, NEW = "autoscaling/v1", "autoscaling/v2"
_PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, _CURRENT = f"{_PREFIX}metrics", f"{_PREFIX}current-metrics"
_CONDITIONS, _BEHAVIOR = f"{_PREFIX}conditions", f"{_PREFIX}behavior"
# By the field of a metric: what v1 calls what stands at a path of v2, in the order in which Go writes it.
_AIMS: Mapping[str, Pairs] = {
    "resource": (
        ("name", "name"), ("targetAverageUtilization", "target.averageUtilization"),
        ("targetAverageValue", "target.averageValue"),
    ),
    "pods": (
        ("metricName", "metric.name"), ("targetAverageValue", "target.averageValue"),
        ("selector", "metric.selector"),
    ),
    "object": (
        ("target", "describedObject"), ("metricName", "metric.name"), ("targetValue", "target.value"),
        ("selector", "metric.selector"), ("averageValue", "target.averageValue"),
    ),
    "external": (
        ("metricName", "metric.name"), ("metricSelector", "metric.selector"),
        ("targetValue", "target.value"), ("targetAverageValue", "target.averageValue"),
    ),
    "containerResource": (
        ("name", "name"), ("targetAverageUtilization", "target.averageUtilization"),
        ("targetAverageValue", "target.averageValue"), ("container", "container"),
    ),
}  # fmt: skip
_KINDS = (
    ("averageUtilization", "Utilization"),
    ("averageValue", "AverageValue"),
    ("value", "Value"),
)
_CONDITION = ("type", "status", "lastTransitionTime", "reason", "message")
_RULES = ("StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance")
_POLICY = ("Type", "Value", "PeriodSeconds")


def _of_now(pairs: Pairs) -> Pairs:
    """The same of what is now, in place of what is aimed at."""
    return tuple(
        (re.sub("^target(?=[A-Z])", "current", old), new.replace("target.", "current."))
        for old, new in pairs
    )


_STATES = {field: _of_now(pairs) for field, pairs in _AIMS.items()}


def cpu_metric(percentage: int) -> Document:
    """The metric that v1 has a field for."""
    target = {"type": "Utilization", "averageUtilization": percentage}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def to_new(autoscaler: Document) -> Document:
    """One of v1 in v2."""
    metadata, spec, status = (
        dict(autoscaler.get(name) or {}) for name in ("metadata", "spec", "status")
    )
    told = dict(metadata.pop("annotations", None) or {})
    given = {
        name: _parsed(told.pop(name, "")) for name in (METRICS, _BEHAVIOR, _CONDITIONS, _CURRENT)
    }
    metrics = [_widened(entry, _AIMS) for entry in _listed(given[METRICS])]
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    metrics += [] if percentage is None else [cpu_metric(percentage)]
    spec |= {"metrics": metrics} if metrics else {}
    if isinstance(given[_BEHAVIOR], dict):
        spec["behavior"] = {
            _lower(name): _recased(rules, _lower)
            for name, rules in given[_BEHAVIOR].items()
            if rules
        }
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    used = status.pop("currentCPUUtilizationPercentage", None)
    cpu = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}}
    current = [_widened(entry, _STATES) for entry in _listed(given[_CURRENT])]
    status["currentMetrics"] = current or ([] if used is None else [cpu]) or None
    status |= {"conditions": _listed(given[_CONDITIONS])} if given[_CONDITIONS] else {}
    metadata |= {"annotations": told} if told else {}
    return autoscaler | {"apiVersion": NEW, "metadata": metadata, "spec": spec, "status": status}


def to_old(autoscaler: Document) -> Document:
    """One of v2 in v1."""
    metadata, spec, status = (
        dict(autoscaler.get(name) or {}) for name in ("metadata", "spec", "status")
    )
    told = dict(metadata.pop("annotations", None) or {})
    aims, states = spec.pop("metrics", None) or [], status.pop("currentMetrics", None) or []
    percentage = next(filter(None, map(_percentage, aims)), None)
    others = [entry for entry in aims if percentage is None or _percentage(entry) is None]
    spec |= {} if percentage is None else {"targetCPUUtilizationPercentage": percentage}
    if others:
        told[METRICS] = _written([_narrowed(entry, _AIMS) for entry in others])
    if behavior := spec.pop("behavior", None):
        told[_BEHAVIOR] = _written(_behavior(behavior))
    used = next(filter(None, map(_used, states)), None)
    status |= {} if used is None else {"currentCPUUtilizationPercentage": used}
    if states:
        told[_CURRENT] = _written([_narrowed(entry, _STATES) for entry in states])
    if conditions := status.pop("conditions", None):
        told[_CONDITIONS] = _written([_ordered(entry, _CONDITION) for entry in conditions])
    status = {"currentReplicas": 0} | status
    metadata |= {"annotations": dict(sorted(told.items()))} if told else {}
    return autoscaler | {"apiVersion": OLD, "metadata": metadata, "spec": spec, "status": status}


def metrics_told(autoscaler: Document) -> bool:
    """Whether one of v1 has metrics in its annotations."""
    annotations = (autoscaler.get("metadata") or {}).get("annotations") or {}
    return bool(_listed(_parsed(annotations.get(METRICS, ""))))


def _percentage(metric: Document) -> int | None:
    if at(metric, "resource.name") != "cpu":
        return None
    found: int | None = at(metric, "resource.target.averageUtilization")
    return found


def _used(metric: Document) -> int | None:
    if at(metric, "resource.name") != "cpu":
        return None
    found: int | None = at(metric, "resource.current.averageUtilization")
    return found


def _field(kind: object) -> str:
    return _lower(kind) if isinstance(kind, str) else ""


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _narrowed(metric: Document, pairs: Mapping[str, Pairs]) -> Document:
    field = _field(metric.get("type"))
    found = {old: at(metric, f"{field}.{new}") for old, new in pairs.get(field, ())}
    if "target" in found:
        found["target"] = _ordered(found["target"] or {}, ("kind", "name", "apiVersion"))
    return {"type": metric.get("type"), field: _without_nothing(found)}


def _widened(metric: Document, pairs: Mapping[str, Pairs]) -> Document:
    field = _field(metric.get("type"))
    given = metric.get(field)
    if not isinstance(given, dict) or field not in pairs:
        return {"type": metric.get("type", "")}
    source: Document = {}
    for old, new in pairs[field]:
        if old in given:
            place, _, name = new.partition(".")
            source |= (
                {place: source.get(place, {}) | {name: given[old]}} if name else {place: given[old]}
            )
    if pairs is _AIMS and "target" in source:
        kind = next((kind for name, kind in _KINDS if name in source["target"]), "")
        source["target"] = {"type": kind} | source["target"]
    return {"type": metric["type"], field: source}


def _behavior(behavior: Document) -> Document:
    shown = {}
    for name in ("scaleUp", "scaleDown"):
        rules = behavior.get(name)
        if rules is not None:
            policies = [
                _ordered(_recased(entry, _upper), _POLICY) for entry in rules.get("policies") or []
            ]
            given = _recased(rules, _upper) | {"Policies": policies or None}
            rules = {key: given.get(key) for key in _RULES}
        shown[_upper(name)] = rules
    return shown


def _recased(value: Any, case: Any) -> Any:
    if isinstance(value, list):
        return [_recased(entry, case) for entry in value]
    if not isinstance(value, dict):
        return value
    return {case(name): _recased(entry, case) for name, entry in value.items() if entry is not None}


def _ordered(document: Document, names: tuple[str, ...]) -> Document:
    return _without_nothing({name: document.get(name) for name in names})


def _without_nothing(document: Document) -> Document:
    return {name: value for name, value in document.items() if value not in (None, "")}


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _listed(value: Any) -> list[Document]:
    entries = value if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]
