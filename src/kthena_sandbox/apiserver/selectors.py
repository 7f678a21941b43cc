"""What objects are selected by: requirements on labels and on fields, and how the latter are written."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.apiserver.errors import bad_request
from kthena_sandbox.resources import ResourceType

Labels = Mapping[str, str]
_TERMS = re.compile(r"((?:\\.|[^,\\])*)(?:,|$)")
_ESCAPED = re.compile(r"\\(.?)")
# The fields that a kube-apiserver lets clients select on, by (group, kind).
_POD = ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName")  # fmt: skip
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT = (
    *(f"involvedObject.{name}" for name in _REFERENCE),
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
_NEW_EVENT = (
    *(f"regarding.{name}" for name in _REFERENCE), "reason", "reportingController", "type",
)  # fmt: skip
# Where an event says who tells it.
_TOLD_BY = frozenset({"reportingComponent", "reportingController", "source"})
_TELLERS = (("reportingComponent", "source"), ("reportingController", "deprecatedSource"))
_FIELDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): _POD,
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _NEW_EVENT,
    ("", "Secret"): ("type",),
    ("", "Namespace"): ("status.phase",),
    ("", "Node"): ("spec.unschedulable",),
    ("", "Service"): ("spec.clusterIP", "spec.type"),
    ("", "ReplicationController"): ("status.replicas",),
    ("batch", "Job"): ("status.successful",),
    ("certificates.k8s.io", "CertificateSigningRequest"): ("spec.signerName",),
    ("resource.k8s.io", "ResourceSlice"): ("spec.driver", "spec.nodeName"),
}

_KEPT_AS = {"status.successful": "status.succeeded"}
# What a field that is not set counts as, where Go's zero value is not an empty text.
_UNSET = {
    "spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0", "status.successful": "0",
}  # fmt: skip


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
    if path in _TOLD_BY:
        found = (
            document.get(teller) or (document.get(source) or {}).get("component")
            for teller, source in _TELLERS
        )  # fmt: skip
        return str(next(filter(None, found), ""))
    value: Any = document
    for name in _KEPT_AS.get(path, path).split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _UNSET.get(path, "") if value is None else str(value)


def parse_fields(selector: str) -> tuple[FieldRequirement, ...]:
    """Read `metadata.name=x,status.phase!=Running`; a backslash takes their meaning from `,`, `=` and itself.

    Raises ApiError 400.
    """
    requirements = []
    for part in filter(None, _TERMS.findall(selector)):
        found = re.match(r"^(.*?)(!=|==|=)(.*)$", part, re.DOTALL)
        if found is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        path, operator, value = found.groups()
        requirements.append(FieldRequirement(path, _unescaped(value), operator != "!="))
    return tuple(requirements)


def _unescaped(value: str) -> str:
    if bare := re.search(r"[,=]", _ESCAPED.sub("", value)):
        raise bad_request(f"invalid field selector: unescaped character in value: {ord(bare[0])}")
    for found in _ESCAPED.finditer(value):
        if found[1] not in {",", "=", "\\"}:
            raise bad_request(f"invalid field selector: invalid escape sequence: {found[0]}")
    return _ESCAPED.sub(r"\1", value)


def check_fields(requirements: Iterable[FieldRequirement], resource: ResourceType) -> None:
    """Raises ApiError 400 for a field that objects of the kind are not selected by."""
    for requirement in requirements:
        _check_field(requirement.path, resource)


def _check_field(path: str, resource: ResourceType) -> None:
    special = _FIELDS.get((resource.group, resource.kind), ())
    general = {"metadata.name", "metadata.namespace"}
    if special and not resource.namespaced:
        general.remove("metadata.namespace")
    if path in {*general, *special, *resource.selectable}:
        return
    if resource.kind == "Job":
        raise bad_request(f'field label "{path}" not supported for Job')
    if resource.group == "resource.k8s.io" and special:
        kind = f"{resource.api_version}, Kind={resource.kind}"
        raise bad_request(f"field label not supported for {kind}: {path}")
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

    @property
    def name(self) -> str:
        """The one name that is selected, "" for any."""
        names = [one.value for one in self.fields if one.path == "metadata.name" and one.equal]
        return names[0] if names else ""

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
