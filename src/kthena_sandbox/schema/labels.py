"""Label selectors (`metav1.LabelSelector`): against labels, and as one line."""

from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema.reading import maps, table_of, text, texts


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


def selector_text(selector: Mapping[str, Any]) -> str:
    """A label selector in its one-line form, requirements in the order of their keys."""
    labels = table_of(selector, "matchLabels")
    found = [(str(key), f"{key}={value}") for key, value in labels.items()]
    for entry in maps(selector, "matchExpressions"):
        key = text(entry, "key")
        values = ",".join(sorted(texts(entry, "values")))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        found.append((key, forms.get(text(entry, "operator"), f"!{key}")))
    return ",".join(shown for _, shown in sorted(found))
