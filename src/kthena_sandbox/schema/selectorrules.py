"""What is wrong with a label selector (`metav1.LabelSelector`) of a built-in kind."""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError


def selector_rules(selector: dict[str, Any], path: str) -> list[FieldError]:
    """All rules of a LabelSelector at that path."""
    found = label_rules(selector.get("matchLabels") or {}, f"{path}.matchLabels")
    for index, entry in enumerate(selector.get("matchExpressions") or []):
        found += requirement_rules(entry or {}, f"{path}.matchExpressions[{index}]")
    return found


def label_rules(labels: dict[str, str], path: str) -> list[FieldError]:
    """The keys and values of a map of labels."""
    found = []
    for key in sorted(labels):
        found += [errors.invalid(path, key, why) for why in names.qualified_problems(key)]
        value = labels[key]
        found += [errors.invalid(path, value, why) for why in names.label_value_problems(value)]
    return found


def requirement_rules(entry: dict[str, Any], path: str) -> list[FieldError]:
    """One of the `matchExpressions` of a selector."""
    operator, key, values = entry.get("operator", ""), entry.get("key", ""), entry.get("values")
    found = []
    if operator in {"In", "NotIn"} and not values:
        detail = "must be specified when `operator` is 'In' or 'NotIn'"
        found.append(errors.required(f"{path}.values", detail))
    elif operator in {"Exists", "DoesNotExist"} and values:
        detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        found.append(errors.forbidden(f"{path}.values", detail))
    elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
        found.append(errors.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    found += [errors.invalid(f"{path}.key", key, why) for why in names.qualified_problems(key)]
    for index, value in enumerate(values or []):
        problems = names.label_value_problems(value)
        found += [errors.invalid(f"{path}.values[{index}]", value, why) for why in problems]
    return found
