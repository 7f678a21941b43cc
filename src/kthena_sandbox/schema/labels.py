"""Label selectors (`metav1.LabelSelector`) against labels."""

from collections.abc import Mapping
from typing import Any


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether the selector matches; an empty one matches everything."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(entry or {}, labels) for entry in selector.get("matchExpressions") or [])


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    present = requirement.get("key") in labels
    value = labels.get(requirement.get("key", ""))
    values = requirement.get("values") or []
    match requirement.get("operator"):
        case "In":
            return present and value in values
        case "NotIn":
            return not present or value not in values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case _:
            return False
