"""Decides what a HorizontalPodAutoscaler does in a cluster without metrics: keep its target between its limits. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kthena_sandbox.controllers.conditions import with_condition
from kthena_sandbox.events import timestamp
from kthena_sandbox.kinds import Document
from kthena_sandbox.schema.reading import at

_NO_RESOURCES = (
    "unable to fetch metrics from resource metrics API: the server could not find the requested resource "
    "(get pods.metrics.k8s.io)"
)
_NO_CUSTOM = "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
_NO_EXTERNAL = (
    "unable to fetch metrics from external metrics API: the server could not find the requested resource "
    "(get {}.external.metrics.k8s.io)"
)


class State(NamedTuple):
    """What a condition says."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True)
class Failure:
    """Why a metric has no value: the reason and the words in conditions and events, and as the first of several."""

    reason: str
    message: str
    first: str


@dataclass(frozen=True)
class Decision:
    """The size to give the target, and why; None where it stays."""

    size: int | None = None
    why: str = ""


def decision(spec: Document, size: int) -> Decision:
    """What to do with a target that is to have *size* pods."""
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if size == 0:
        return Decision()
    if size > most:
        return Decision(most, "Current number of replicas above Spec.MaxReplicas")
    if size < least:
        return Decision(least, "Current number of replicas below Spec.MinReplicas")
    return Decision()


def failures(spec: Document, namespace: str) -> list[Failure]:
    """What a cluster without a metrics server says of each metric."""
    return [_failure(metric, namespace) for metric in spec.get("metrics") or []]


def _failure(metric: Document, namespace: str) -> Failure:
    kind = metric["type"]
    source = metric.get(f"{kind[0].lower()}{kind[1:]}") or {}
    name = source.get("name") or at(source, "metric.name")
    what, text, more = kind.lower(), f"unable to get metric {name}: {_NO_CUSTOM}", ""
    match kind:
        case "Resource" | "ContainerResource":
            what = (
                f"{source['container']} container" if "container" in source else f"{name} resource"
            )
            aim = "usage" if at(source, "target.averageValue") else "utilization"
            text = f"failed to get {name} {aim}: unable to get metrics for resource {name}: {_NO_RESOURCES}"
        case "Object":
            about = source["describedObject"]
            place = f"{about['kind']} on {namespace} {about['name']}"
            text = f"unable to get metric {name}: {place}/{_NO_CUSTOM}"
        case "External":
            what, more = f"{name} external", f"failed to get external metric {name}: "
            text = (
                f"unable to get external metric {namespace}/{name}/nil: {_NO_EXTERNAL.format(name)}"
            )
    return Failure(
        f"FailedGet{kind}Metric", text, f"failed to get {what} metric value: {more}{text}"
    )


def invalid(found: list[Failure]) -> str:
    """What is said of all of them together."""
    count = len(found)
    return f"invalid metrics ({count} invalid out of {count}), first error is: {found[0].first}"


def without_values(status: Document, found: list[Failure]) -> Document:
    """The status with metrics that have no value."""
    return status | {"currentMetrics": [{"type": ""} for _ in found]}


def seen(status: Document, size: int, now: datetime) -> Document:
    """The status of one whose target has been found, before its metrics are looked for."""
    text = "the HPA controller was able to get the target's current scale"
    shown = with_state(status, "AbleToScale", State("True", "SucceededGetScale", text), now)
    return shown | {"currentReplicas": size, "currentMetrics": None}


def rescaled(status: Document, size: int, now: datetime) -> Document:
    """The status once the target has been given another size."""
    text = f"the HPA controller was able to update the target scale to {size}"
    shown = with_state(status, "AbleToScale", State("True", "SucceededRescale", text), now)
    return shown | {"desiredReplicas": size, "lastScaleTime": timestamp(now)}


def with_state(status: Document, kind: str, state: State, now: datetime) -> Document:
    """The status with a condition."""
    condition = {"type": kind, "status": state.status, "reason": state.reason,
                 "message": state.message, "lastTransitionTime": timestamp(now)}  # fmt: skip
    return status | {"conditions": with_condition(status.get("conditions") or [], condition)}
