"""Table rows of FlowSchemas and PriorityLevelConfigurations."""

from datetime import datetime
from typing import Any

from kthena_sandbox.schema.objectrows import age_of, name_of
from kthena_sandbox.schema.reading import at, maps, text, whole

Document = dict[str, Any]
_NONE = "<none>"


def flow_schema(entry: Document, now: datetime) -> list[Any]:
    """FlowSchema."""
    conditions = maps(entry, "status.conditions")
    dangling = [text(one, "status") for one in conditions if one.get("type") == "Dangling"]
    return [
        name_of(entry),
        text(entry, "spec.priorityLevelConfiguration.name"),
        whole(entry, "spec.matchingPrecedence"),
        text(entry, "spec.distinguisherMethod.type", _NONE),
        age_of(entry, now),
        dangling[0] if dangling else "?",
    ]


def priority_level(entry: Document, now: datetime) -> list[Any]:
    """PriorityLevelConfiguration."""
    queuing = "spec.limited.limitResponse.queuing"
    return [
        name_of(entry),
        text(entry, "spec.type"),
        _shown(entry, "spec.limited.nominalConcurrencyShares"),
        _shown(entry, f"{queuing}.queues"),
        _shown(entry, f"{queuing}.handSize"),
        _shown(entry, f"{queuing}.queueLengthLimit"),
        age_of(entry, now),
    ]


def _shown(entry: Document, path: str) -> Any:
    value = at(entry, path)
    return _NONE if value is None else value
