"""Rules and defaults of HorizontalPodAutoscalers.

They are asked only about objects whose fields have the types of the schema.
"""

from collections.abc import Callable
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.autoscalers import cpu_metric, metrics_told, to_new
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.quantities import parse_quantity
from kthena_sandbox.schema.references import reference_rules

Document = dict[str, Any]
_USUAL_PERCENTAGE = 80
_PERCENT: Document = {"type": "Percent", "value": 100, "periodSeconds": 15}
_USUAL: dict[str, Document] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, _PERCENT],
    },
    "scaleDown": {"selectPolicy": "Max", "policies": [_PERCENT]},
}  # fmt: skip
_TARGETS = {"Utilization", "Value", "AverageValue"}
_MOST_WINDOW, _MOST_PERIOD = 3600, 1800
_RAW_OR_SHARE = "must set either a target raw value or a target utilization"


def autoscaler_defaults(autoscaler: Document) -> Document:
    """One of v2: the share of CPU where it has no metrics, and the whole of a behaviour of which it says something."""
    spec = autoscaler.get("spec")
    if not isinstance(spec, dict):
        return autoscaler
    metrics = {} if spec.get("metrics") else {"metrics": [cpu_metric(_USUAL_PERCENTAGE)]}
    filled, behavior = spec | metrics, spec.get("behavior")
    if isinstance(behavior, dict):
        filled["behavior"] = {
            name: usual | _without_tolerance(behavior.get(name) or {})
            for name, usual in _USUAL.items()
        }
    return _without_zero(autoscaler) | {"spec": filled}


def _without_zero(autoscaler: Document) -> Document:
    """No replicas are not written down."""
    status = autoscaler.get("status")
    if not isinstance(status, dict) or status.get("currentReplicas") != 0:
        return autoscaler
    kept = {name: value for name, value in status.items() if name != "currentReplicas"}
    return autoscaler | {"status": kept}


def _without_tolerance(rules: Any) -> Any:
    """The field of a feature that is off in Kubernetes 1.34."""
    if not isinstance(rules, dict):
        return rules
    return {name: value for name, value in rules.items() if name != "tolerance"}


def old_autoscaler_defaults(autoscaler: Document) -> Document:
    """One of v1: the share of CPU where it has no metrics."""
    spec = autoscaler.get("spec")
    if not isinstance(spec, dict) or metrics_told(autoscaler):
        return autoscaler
    return autoscaler | {"spec": {"targetCPUUtilizationPercentage": _USUAL_PERCENTAGE} | spec}


def old_autoscaler_rules(autoscaler: Document) -> list[FieldError]:
    """One of v1, about which is spoken as of v2."""
    return autoscaler_rules(to_new(autoscaler))


def autoscaler_rules(autoscaler: Document) -> list[FieldError]:
    """One of v2."""
    spec = autoscaler.get("spec") or {}
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    found = []
    if least < 1:
        detail = "must be greater than or equal to 1"
        found.append(errors.invalid("spec.minReplicas", least, detail))
    if most < 1:
        found.append(errors.invalid("spec.maxReplicas", most, "must be greater than 0"))
    if most < least:
        detail = "must be greater than or equal to `minReplicas`"
        found.append(errors.invalid("spec.maxReplicas", most, detail))
    target = spec.get("scaleTargetRef") or {}
    found += reference_rules(target, "spec.scaleTargetRef")
    found += _version(target.get("apiVersion", ""), "spec.scaleTargetRef.apiVersion")
    metrics = spec.get("metrics") or []
    for index, metric in enumerate(metrics):
        found += _metric(metric or {}, f"spec.metrics[{index}]")
    outside = any((metric or {}).get("type") in {"Object", "External"} for metric in metrics)
    if least == 0 and not outside:
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        found.append(errors.forbidden("spec.metrics", detail))
    for name, rules in (spec.get("behavior") or {}).items():
        found += _scaling(rules or {}, f"spec.behavior.{name}")
    return found + _status(autoscaler.get("status") or {})


def _status(status: Document) -> list[FieldError]:
    return [
        errors.invalid(f"status.{field}", status[field], "must be greater than or equal to 0")
        for field in ("currentReplicas", "desiredReplicas")
        if (status.get(field) or 0) < 0
    ]


def _version(version: str, path: str) -> list[FieldError]:
    if version.count("/") > 1:
        return [errors.invalid(path, version, f"unexpected GroupVersion string: {version}")]
    if version == "v1" or (version.partition("/")[1] and not version.startswith("/")):
        return []
    return [errors.invalid(path, version, "apiVersion must specify API group")]


def _metric(metric: Document, path: str) -> list[FieldError]:
    kind = metric.get("type", "")
    found = []
    if not kind:
        found.append(errors.required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        found.append(errors.not_supported(f"{path}.type", kind, sorted(_SOURCES)))
    for field, rules in _SOURCES.values():
        if metric.get(field) is not None:
            found += rules(metric[field], f"{path}.{field}")
    if kind not in _SOURCES:
        return [*found, errors.not_supported(f"{path}.type", kind, sorted(_SOURCES))]
    own = _SOURCES[kind][0]
    if metric.get(own) is None:
        detail = "must populate information for the given metric source"
        found.append(errors.required(f"{path}.{own}", detail))
    for field, _ in _SOURCES.values():
        if field != own and metric.get(field) is not None:
            detail = "must populate the given metric source only"
            found.append(errors.forbidden(f"{path}.{field}", detail))
    return found


def _resource(source: Document, path: str) -> list[FieldError]:
    if not source.get("name"):
        return [
            errors.required(f"{path}.name", "must specify a resource name"),
            *_raw_or_share(source, path),
        ]
    return _raw_or_share(source, path)


def _container_resource(source: Document, path: str) -> list[FieldError]:
    said = {"name": "must specify a resource name", "container": "must specify a container"}
    missing = [
        errors.required(f"{path}.{field}", why)
        for field, why in said.items()
        if not source.get(field)
    ]
    return missing + _raw_or_share(source, path)


def _raw_or_share(source: Document, path: str) -> list[FieldError]:
    target, place = source.get("target") or {}, f"{path}.target"
    found = _target(target, place)
    share, raw = (target.get(field) for field in ("averageUtilization", "averageValue"))
    if share is None and raw is None:
        found.append(errors.required(f"{place}.averageUtilization", _RAW_OR_SHARE))
    if share is not None and raw is not None:
        detail = "may not set both a target raw value and a target utilization"
        found.append(errors.forbidden(f"{place}.averageValue", detail))
    return found


def _pods(source: Document, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    found = _identifier(source, path) + _target(target, f"{path}.target")
    if not _is_positive(target.get("averageValue")):
        detail = "must specify a positive target averageValue"
        found.append(errors.required(f"{path}.target.averageValue", detail))
    return found


def _object(source: Document, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    found = reference_rules(source.get("describedObject") or {}, f"{path}.describedObject")
    found += _identifier(source, path) + _target(target, f"{path}.target")
    if target.get("value") is None and target.get("averageValue") is None:
        detail = "must set either a target value or averageValue"
        found.append(errors.required(f"{path}.target.averageValue", detail))
    return found


def _external(source: Document, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    found = _identifier(source, path) + _target(target, f"{path}.target")
    given = [target.get(field) is not None for field in ("value", "averageValue")]
    if not any(given):
        detail = "must set either a target value for metric or a per-pod target"
        found.append(errors.required(f"{path}.target.averageValue", detail))
    if all(given):
        detail = "may not set both a target value for metric and a per-pod target"
        found.append(errors.forbidden(f"{path}.target.value", detail))
    return found


_SOURCES: dict[str, tuple[str, Callable[[Document, str], list[FieldError]]]] = {
    "Object": ("object", _object),
    "External": ("external", _external),
    "Pods": ("pods", _pods),
    "Resource": ("resource", _resource),
    "ContainerResource": ("containerResource", _container_resource),
}


def _identifier(source: Document, path: str) -> list[FieldError]:
    name = (source.get("metric") or {}).get("name", "")
    if not name:
        return [errors.required(f"{path}.metric.name", "must specify a metric name")]
    problems = names.segment_problems(name)
    return [errors.invalid(f"{path}.metric.name", name, why) for why in problems]


def _target(target: Document, path: str) -> list[FieldError]:
    kind, share = target.get("type", ""), target.get("averageUtilization")
    found = []
    if not kind:
        found.append(errors.required(f"{path}.type", "must specify a metric target type"))
    if kind not in _TARGETS:
        detail = "must be either Utilization, Value, or AverageValue"
        found.append(errors.invalid(f"{path}.type", kind, detail))
    found += [
        errors.invalid(f"{path}.{field}", target[field], "must be positive")
        for field in ("value", "averageValue")
        if target.get(field) is not None and not _is_positive(target[field])
    ]
    if share is not None and share < 1:
        detail = "must be greater than 0"
        found.append(errors.invalid(f"{path}.averageUtilization", share, detail))
    return found


def _is_positive(quantity: Any) -> bool:
    found = None if quantity is None else parse_quantity(str(quantity))
    return found is not None and found > 0


def _scaling(rules: Document, path: str) -> list[FieldError]:
    window, policy = rules.get("stabilizationWindowSeconds", 0), rules.get("selectPolicy", "Max")
    found = []
    if window < 0:
        detail = "must be greater than or equal to zero"
        found.append(errors.invalid(f"{path}.stabilizationWindowSeconds", window, detail))
    if window > _MOST_WINDOW:
        detail = f"must be less than or equal to {_MOST_WINDOW}"
        found.append(errors.invalid(f"{path}.stabilizationWindowSeconds", window, detail))
    known = ["Disabled", "Max", "Min"]
    if policy not in known:
        found.append(errors.not_supported(f"{path}.selectPolicy", policy, known))
    if not rules.get("policies"):
        found.append(errors.required(f"{path}.policies", "must specify at least one Policy"))
    for index, entry in enumerate(rules.get("policies") or []):
        found += _policy(entry or {}, f"{path}.policies[{index}]")
    return found


def _policy(policy: Document, path: str) -> list[FieldError]:
    kind, value, period = (
        policy.get("type", ""),
        policy.get("value", 0),
        policy.get("periodSeconds", 0),
    )
    found = []
    if kind not in {"Percent", "Pods"}:
        found.append(errors.not_supported(f"{path}.type", kind, ["Percent", "Pods"]))
    if value <= 0:
        found.append(errors.invalid(f"{path}.value", value, "must be greater than zero"))
    if period <= 0:
        found.append(errors.invalid(f"{path}.periodSeconds", period, "must be greater than zero"))
    if period > _MOST_PERIOD:
        detail = f"must be less than or equal to {_MOST_PERIOD}"
        found.append(errors.invalid(f"{path}.periodSeconds", period, detail))
    return found
