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
_NONE_OF = "unable to fetch metrics from {0} metrics API: no {0} metrics API ({0}.metrics.k8s.io) registered"
_WORDS = {
    "Resource": "resource", "ContainerResource": "container resource", "Pods": "pods",
    "Object": "object", "External": "external",
}  # fmt: skip


class State(NamedTuple):
    """What a condition says."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True)
class Failure:
    """Why a metric has no value: the reason, as conditions and events have it, the words, and what it is a value of."""

    reason: str
    message: str
    what: str


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
    match kind:
        case "Resource" | "ContainerResource":
            what = f"{name} {_WORDS[kind]}"
            text = f"unable to get metrics for resource {name}: {_NO_RESOURCES}"
            if not at(source, "target.averageValue"):
                text = f"failed to get {name} utilization: {text}"
        case "Object":
            what = _WORDS[kind]
            about = f"{at(source, 'describedObject.kind')} on {namespace} {at(source, 'describedObject.name')}"
            text = f"unable to get metric {name}: {about}/{_NONE_OF.format('custom')}"
        case "External":
            what = _WORDS[kind]
            text = f"unable to get external metric {namespace}/{name}/nil: {_NONE_OF.format('external')}"
        case _:
            what = _WORDS[kind]
            text = f"unable to get metric {name}: {_NONE_OF.format('custom')}"
    return Failure(f"FailedGet{kind}Metric", text, what)


def invalid(found: list[Failure]) -> str:
    """What is said of all of them together."""
    first = f"failed to get {found[0].what} metric value: {found[0].message}"
    return f"invalid metrics ({len(found)} invalid out of {len(found)}), first error is: {first}"


def without_values(status: Document, found: list[Failure]) -> Document:
    """The status with metrics that have no value."""
    return status | {"currentMetrics": [{"type": ""} for _ in found]}


def seen(status: Document, size: int, now: datetime) -> Document:
    """The status of one whose target has been found."""
    text = "the HPA controller was able to get the target's current scale"
    shown = with_state(status, "AbleToScale", State("True", "SucceededGetScale", text), now)
    return shown | {"currentReplicas": size}


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
