"""Which webhooks and policies a write concerns: rules, selectors and conditions. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.labels import selects

Document = dict[str, Any]
Rules = Sequence[Mapping[str, Any]]
NamespaceLabels = Callable[[str], Mapping[str, str]]
_OWN = "admissionregistration.k8s.io"


class ConditionFailed(Exception):
    """A match condition has no value; the text says why."""


def rules_match(rules: Rules, attempt: Attempt, kind: ResourceType) -> bool:
    """Whether one of the rules names the write, when its object is seen as *kind*."""
    return any(_rule_matches(rule, attempt, kind) for rule in rules)


def _rule_matches(rule: Mapping[str, Any], attempt: Attempt, kind: ResourceType) -> bool:
    names = rule.get("resourceNames") or ()
    return (
        _has(rule, "operations", attempt.operation)
        and _has(rule, "apiGroups", kind.group)
        and _has(rule, "apiVersions", kind.version)
        and _in_scope(rule.get("scope") or "*", attempt, kind)
        and any(_is(listed, kind.plural, attempt.subresource) for listed in rule["resources"])
        and (not names or attempt.key.name in names)
    )


def _has(rule: Mapping[str, Any], field: str, value: str) -> bool:
    listed = rule.get(field) or ()
    return "*" in listed or value in listed


def _in_scope(scope: str, attempt: Attempt, kind: ResourceType) -> bool:
    return scope == "*" or (scope == "Namespaced") == kind.namespaced


def _is(listed: str, plural: str, subresource: str) -> bool:
    resource, slash, sub = listed.partition("/")
    if resource not in {"*", plural}:
        return False
    return sub in {"*", subresource} if slash else not subresource


def seen_as(
    match: Mapping[str, Any], rules: Rules, attempt: Attempt, equivalent: Iterable[ResourceType]
) -> ResourceType | None:
    """The kind as which the object is looked at: its own, or with `Equivalent` one of its other versions."""
    if rules_match(rules, attempt, attempt.resource):
        return attempt.resource
    if match.get("matchPolicy") == "Exact":
        return None
    return next((kind for kind in equivalent if rules_match(rules, attempt, kind)), None)


def selectors_match(match: Mapping[str, Any], attempt: Attempt, labels_of: NamespaceLabels) -> bool:
    """Whether namespace and object have the labels."""
    if attempt.resource.group == _OWN:
        return False  # they would lock their own repair out
    wanted = match.get("namespaceSelector") or {}
    if wanted and not _namespace_selected(wanted, attempt, labels_of):
        return False
    wanted = match.get("objectSelector") or {}
    sides = [side for side in (attempt.new, attempt.old) if side and "metadata" in side]
    return not wanted or any(selects(wanted, _labels(side)) for side in sides)


def _labels(document: Document) -> Mapping[str, str]:
    return document["metadata"].get("labels") or {}


def _namespace_selected(
    wanted: Mapping[str, Any], attempt: Attempt, labels_of: NamespaceLabels
) -> bool:
    if (attempt.resource.group, attempt.resource.plural) == ("", "namespaces"):
        return selects(wanted, _labels(attempt.subject))
    if not attempt.resource.namespaced:
        return True
    return selects(wanted, labels_of(attempt.key.namespace))


def conditions_hold(conditions: Iterable[Mapping[str, Any]], variables: Mapping[str, Any]) -> bool:
    """Whether all match conditions are true; one that is false decides. Raises ConditionFailed."""
    failed: list[str] = []
    for condition in conditions:
        try:
            if not compiled(condition["expression"])(variables):
                return False
        except (CelError, CelSyntaxError) as error:
            failed.append(f"match condition {condition['name']!r} failed: {error}")
    if failed:
        raise ConditionFailed("; ".join(failed))
    return True
