"""Rules of ResourceQuotas.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors, resourcenames
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.godiff import compact
from kthena_sandbox.schema.quantities import parse_quantity

Document = dict[str, Any]
_PODS = frozenset({"pods"})
_OF_SCOPE = {
    "BestEffort": _PODS,
    "CrossNamespacePodAffinity": _PODS | resourcenames.COMPUTE,
    "NotBestEffort": _PODS | resourcenames.COMPUTE,
    "NotTerminating": _PODS | resourcenames.COMPUTE,
    "PriorityClass": _PODS | resourcenames.COMPUTE,
    "Terminating": _PODS | resourcenames.COMPUTE,
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
}
_CONFLICTS = (
    frozenset({"BestEffort", "NotBestEffort"}),
    frozenset({"Terminating", "NotTerminating"}),
)
_CHOOSING = frozenset({"PriorityClass", "VolumeAttributesClass"})
_ONLY_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_NO_VALUES = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
_VALUES = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"


def quota_rules(quota: Document) -> list[FieldError]:
    """A ResourceQuota."""
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    found = _amounts(spec.get("hard") or {}, "spec.hard")
    found += _scopes(spec)
    if spec.get("scopeSelector") is not None:
        found += _selector(spec)
    found += _amounts(status.get("hard") or {}, "status.hard")
    return found + _amounts(status.get("used") or {}, "status.used")


def _amounts(amounts: dict[str, Any], path: str) -> list[FieldError]:
    found = []
    for name, text in sorted(amounts.items()):
        place = f"{path}[{name}]"
        found += resourcenames.quota_name_rules(name, place)
        value = parse_quantity(str(text))
        if value is None:  # another text has not come so far
            continue
        if value < 0:
            found.append(errors.invalid(place, text, "must be greater than or equal to 0"))
        if resourcenames.is_whole(name) and value % 1:
            found.append(errors.invalid(place, text, "must be an integer"))
    return found


def _misplaced(scope: str, spec: Document) -> list[str]:
    """What the scope says nothing about."""
    known = _OF_SCOPE.get(scope, resourcenames.QUOTA)
    hard = set(spec.get("hard") or {})
    return sorted((hard & resourcenames.QUOTA) - known)


def _scopes(spec: Document) -> list[FieldError]:
    scopes, path = spec.get("scopes") or [], "spec.scopes"
    found = []
    for scope in scopes:
        if scope not in _OF_SCOPE:
            found.append(errors.invalid(path, scopes, "unsupported scope"))
        found += [
            errors.invalid(path, scopes, "unsupported scope applied to resource")
            for _ in _misplaced(scope, spec)
        ]
    return found + _conflicts(set(scopes), scopes, path)


def _conflicts(scopes: set[str], shown: Any, path: str) -> list[FieldError]:
    return [
        errors.invalid(path, shown, "conflicting scopes") for pair in _CONFLICTS if pair <= scopes
    ]


def _selector(spec: Document) -> list[FieldError]:
    path = "spec.scopeSelector.matchExpressions"
    entries = spec["scopeSelector"].get("matchExpressions") or []
    order = ("ScopeName", "Operator", "Values")
    fields = ("scopeName", "operator", "values")
    shown = compact({
        "MatchExpressions": [
            {name: entry.get(field) for name, field in zip(order, fields, strict=True)} for entry in entries
        ]
    })  # fmt: skip
    found = []
    for entry in entries:
        scope = entry.get("scopeName", "")
        if scope not in _OF_SCOPE:
            found.append(errors.invalid(f"{path}.scopeName", scope, "unsupported scope"))
        detail = "unsupported scope applied to resource"
        found += [errors.invalid_shown(path, shown, detail) for _ in _misplaced(scope, spec)]
        found += _requirement(entry, scope, path)
    scopes = {entry.get("scopeName", "") for entry in entries}
    return found + _conflicts(scopes, spec.get("scopes"), path)


def _requirement(entry: Document, scope: str, path: str) -> list[FieldError]:
    operator, values = entry.get("operator", ""), entry.get("values")
    found = []
    if scope in _OF_SCOPE and scope not in _CHOOSING and operator != "Exists":
        found.append(errors.invalid(f"{path}.operator", operator, _ONLY_EXISTS))
    if operator in {"In", "NotIn"} and not values:
        found.append(errors.required(f"{path}.values", _NO_VALUES))
    elif operator in {"Exists", "DoesNotExist"} and values:
        found.append(errors.invalid(f"{path}.values", values, _VALUES))
    elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
        found.append(errors.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return found
