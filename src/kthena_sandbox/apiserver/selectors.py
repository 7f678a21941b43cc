"""Label selectors and field selectors: parsed once, then matched against objects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.errors import ApiError, bad_request
from kthena_sandbox.resources import ResourceType

Labels = Mapping[str, str]
_SET = re.compile(r"^(?P<key>[^\s!=<>(),]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_PAIR = re.compile(
    r"^(?P<key>[^\s!=<>(),]+)\s*(?P<operator>==|!=|=|<|>)\s*(?P<value>[^\s!=<>(),]*)$"
)
_KEY = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^\s!=<>(),]+)$")
_COMMA = re.compile(r",(?![^(]*\))")

# The fields that a kube-apiserver lets clients select on, by (group, kind).
_POD = ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName")  # fmt: skip
_EVENT = (
    *(f"involvedObject.{name}" for name in
      ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")),
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
_FIELDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): _POD,
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _EVENT,
    ("", "Secret"): ("type",),
    ("", "Namespace"): ("status.phase",),
    ("", "Node"): ("spec.unschedulable",),
    ("", "Service"): ("spec.clusterIP", "spec.type"),
    ("apps", "ReplicaSet"): ("status.replicas",),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        """Whether the labels satisfy it (Kubernetes: a missing label satisfies != and notin)."""
        present = self.key in labels
        match self.operator:
            case "exists":
                return present
            case "!":
                return not present
            case "in":
                return present and labels[self.key] in self.values
            case "notin":
                return not present or labels[self.key] not in self.values
            case _:
                return present and _compare(labels[self.key], self.operator, self.values)


def _compare(label: str, operator: str, values: frozenset[str]) -> bool:
    try:
        left, right = int(label), int(next(iter(values)))
    except ValueError:
        return False
    return left > right if operator == ">" else left < right


def parse_labels(selector: str) -> tuple[Requirement, ...]:
    """Read `a=b,c!=d,e in (x,y),f,!g`. Raises ApiError 400."""
    parts = [part.strip() for part in _COMMA.split(selector)]
    if parts == [""]:
        return ()
    return tuple(_requirement(part, selector) for part in parts)


def _requirement(part: str, selector: str) -> Requirement:
    if found := _SET.match(part):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(found["key"], found["operator"], values)
    if found := _PAIR.match(part):
        operator = {"=": "in", "==": "in", "!=": "notin"}.get(found["operator"], found["operator"])
        return Requirement(found["key"], operator, frozenset({found["value"]}))
    if found := _KEY.match(part):
        return Requirement(found["key"], "!" if found["absent"] else "exists")
    raise _unparsable(selector, part)


def _unparsable(selector: str, part: str) -> ApiError:
    return bad_request(
        f"unable to parse requirement: found '{part}' in '{selector}', "
        "expected: identifier, '!', 'in', 'notin', '=', '==', '!=', '>' or '<'"
    )


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on a field; a missing field counts as empty."""

    path: str
    value: str
    equal: bool

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether the object satisfies it."""
        return (field_text(document, self.path) == self.value) is self.equal


def field_text(document: Mapping[str, Any], path: str) -> str:
    """A field as selectors compare it."""
    if path in {"reportingComponent", "source"}:
        source = document.get("source") or {}
        return str(document.get("reportingComponent") or source.get("component") or "")
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "false" if path in {"spec.unschedulable", "spec.hostNetwork"} else ""
    return str(value)


def parse_fields(selector: str, resource: ResourceType) -> tuple[FieldRequirement, ...]:
    """Read `metadata.name=x,status.phase!=Running`. Raises ApiError 400, also for unknown fields."""
    requirements = []
    for part in filter(None, (part.strip() for part in selector.split(","))):
        found = re.match(r"^([^!=]+?)(==|!=|=)(.*)$", part)
        if found is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        path, operator, value = found.groups()
        _check_field(path, resource)
        requirements.append(FieldRequirement(path, value, operator != "!="))
    return tuple(requirements)


def _check_field(path: str, resource: ResourceType) -> None:
    special = _FIELDS.get((resource.group, resource.kind), ())
    if path in {"metadata.name", "metadata.namespace", *special, *resource.selectable}:
        return
    if special or resource.custom:
        raise bad_request(f"field label not supported: {path}")
    known = 'only "metadata.name", "metadata.namespace"'
    raise bad_request(f'"{path}" is not a known field selector: {known}')


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a collection a request is about."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing but the namespace restricts it."""
        return not self.labels and not self.fields

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether an object is selected."""
        metadata = document["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        labels = metadata.get("labels") or {}
        return all(requirement.matches(labels) for requirement in self.labels) and all(
            requirement.matches(document) for requirement in self.fields
        )


Matches = Callable[[Mapping[str, Any]], bool]
