"""Table rows of HorizontalPodAutoscalers."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.autoscalers import OLD, to_new
from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import at, maps, text, whole

Document = dict[str, Any]
_SHOWN = 2
_UNKNOWN = "<unknown>"


def autoscaler(entry: Document, now: datetime) -> list[Any]:
    """HorizontalPodAutoscaler, in both versions alike."""
    if entry.get("apiVersion") == OLD:
        entry = to_new(entry)
    least = at(entry, "spec.minReplicas")
    return [
        name_of(entry),
        f"{text(entry, 'spec.scaleTargetRef.kind')}/{text(entry, 'spec.scaleTargetRef.name')}",
        _targets(maps(entry, "spec.metrics"), maps(entry, "status.currentMetrics")),
        "<unset>" if least is None else str(least),
        whole(entry, "spec.maxReplicas"),
        whole(entry, "status.currentReplicas"),
        age_of(entry, now),
    ]


def _targets(metrics: list[Document], states: list[Document]) -> str:
    shown = [
        _target(metric, states[index] if index < len(states) else {})
        for index, metric in enumerate(metrics)
    ]
    if not shown:
        return "<none>"
    more = f" + {len(shown) - _SHOWN} more..." if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _target(metric: Document, state: Document) -> str:
    kind = text(metric, "type")
    field = kind[:1].lower() + kind[1:]
    target, current = at(metric, f"{field}.target") or {}, at(state, f"{field}.current") or {}
    if kind in {"Resource", "ContainerResource"}:
        return f"{text(metric, f'{field}.name')}: {_raw_or_share(target, current)}"
    if kind in {"Object", "External"} and target.get("averageValue") is not None:
        return f"{current.get('averageValue', _UNKNOWN)}/{target['averageValue']} (avg)"
    name = "averageValue" if kind == "Pods" else "value"
    return f"{current.get(name, _UNKNOWN)}/{target.get(name, '')}"


def _raw_or_share(target: Document, current: Document) -> str:
    if target.get("averageValue") is not None:
        return f"{current.get('averageValue', _UNKNOWN)}/{target['averageValue']}"
    share, used = target.get("averageUtilization"), current.get("averageUtilization")
    wanted = "<auto>" if share is None else f"{share}%"
    return f"{_UNKNOWN if used is None else f'{used}%'}/{wanted}"
