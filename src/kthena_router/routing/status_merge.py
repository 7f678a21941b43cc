"""From the status an object has and the one it should have to the one to write (Gateway API, status contract)."""

from collections.abc import Mapping, Sequence
from typing import Any

from kthena_router.routing.statuses import DesiredStatus
from kthena_router.settings import CONTROLLER_NAME

# Conditions of ours that are only present while they are not fine.
_TRANSIENT = frozenset({"Supported"})


def plan_status(
    current: Mapping[str, Any], desired: DesiredStatus, now: str
) -> dict[str, Any] | None:
    """Return the complete status to write, None when nothing changes or somebody knows a newer generation.

    Condition types and parents of others are kept. lastTransitionTime moves only where a condition's status does.
    """
    if _newest_generation(current) > desired.generation:
        return None
    wanted = {name: value for name, value in desired.status.items() if name != "conditions"}
    if "listeners" in wanted:
        wanted["listeners"] = _merge_listeners(
            current.get("listeners") or [], wanted["listeners"], now
        )
    if "parents" in wanted:
        wanted["parents"] = _merge_parents(current.get("parents") or [], wanted["parents"], now)
    conditions = merge_conditions(
        current.get("conditions") or [], desired.status["conditions"], now
    )
    merged = {**current, **wanted, "conditions": conditions}
    return None if merged == dict(current) else merged


def merge_conditions(
    current: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], now: str
) -> list[dict[str, Any]]:
    """Return *wanted* with times, in the place of those of the same type, the others kept."""
    before = {one["type"]: one for one in current}
    fresh = {one["type"]: _with_time(before.get(one["type"]), one, now) for one in wanted}
    kept = [
        fresh.pop(one["type"], dict(one))
        for one in current
        if one["type"] in fresh or one["type"] not in _TRANSIENT
    ]
    return [*kept, *fresh.values()]


def _with_time(
    before: Mapping[str, Any] | None, wanted: Mapping[str, Any], now: str
) -> dict[str, Any]:
    same = before is not None and before.get("status") == wanted["status"]
    time = before["lastTransitionTime"] if before is not None and same else now
    return {**wanted, "lastTransitionTime": time}


def _merge_listeners(
    current: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], now: str
) -> list[dict[str, Any]]:
    before = {one["name"]: one.get("conditions") or [] for one in current}
    return [
        {**one, "conditions": merge_conditions(before.get(one["name"], []), one["conditions"], now)}
        for one in wanted
    ]


def _merge_parents(
    current: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], now: str
) -> list[dict[str, Any]]:
    others = [dict(one) for one in current if one.get("controllerName") != CONTROLLER_NAME]
    ours = [one for one in current if one.get("controllerName") == CONTROLLER_NAME]
    merged = []
    for one in wanted:
        before = next((old for old in ours if old.get("parentRef") == one["parentRef"]), {})
        conditions = merge_conditions(before.get("conditions") or [], one["conditions"], now)
        merged.append({**one, "conditions": conditions})
    return [*others, *merged]


def _newest_generation(status: Mapping[str, Any]) -> int:
    return max(
        (one.get("observedGeneration") or 0 for one in status.get("conditions") or []), default=0
    )
