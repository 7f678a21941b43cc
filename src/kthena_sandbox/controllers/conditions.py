"""Conditions of built-in kinds: set without touching the others, times only when something flips. Pure."""

from collections.abc import Iterable
from datetime import datetime

from kthena_sandbox.kinds import Document


def condition_of(document: Document, kind: str) -> Document | None:
    """The condition of a type in `status.conditions`."""
    conditions = (document.get("status") or {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == kind), None)


def is_true(document: Document, kind: str) -> bool:
    """Whether a condition is there and true."""
    return (condition_of(document, kind) or {}).get("status") == "True"


def with_condition(conditions: Iterable[Document], new: Document) -> list[Document]:
    """The list with *new* in its type's place; its lastTransitionTime stays if its status does."""
    kept = list(conditions)
    for index, old in enumerate(kept):
        if old["type"] == new["type"]:
            same = old["status"] == new["status"]
            since = old.get("lastTransitionTime") if same else new.get("lastTransitionTime")
            kept[index] = new | {"lastTransitionTime": since}
            return kept
    return [*kept, new]


def parse_time(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


def ready_since(pod: Document) -> datetime | None:
    """Since when a pod is ready; None where it is not."""
    condition = condition_of(pod, "Ready")
    if condition is None or condition["status"] != "True":
        return None
    return parse_time(condition["lastTransitionTime"])


def is_available(pod: Document, least_seconds: int, now: datetime) -> bool:
    """Whether a pod has been ready for `minReadySeconds`."""
    since = ready_since(pod)
    return since is not None and (now - since).total_seconds() >= least_seconds
