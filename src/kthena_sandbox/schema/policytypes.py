"""Policies against the types of the kinds that they are about: what `status.typeChecking` warns of.

"Type checking" of "Validating Admission Policy", in the words of a kube-controller-manager 1.34.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.admissionrules import known_variables, variables_type
from kthena_sandbox.schema.builtin import DEFINITIONS
from kthena_sandbox.schema.cel.checking import check
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.cel.schematypes import schema_type
from kthena_sandbox.schema.cel.types import DYN, Type
from kthena_sandbox.schema.reading import maps, texts

Document = dict[str, Any]
_MOST_KINDS = 10
_REFERENCE = "#/definitions/"
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_FREE: Document = {"x-kubernetes-int-or-string": True}  # what CEL takes for of any type


def type_warnings(policy: Document, known: Sequence[ResourceType]) -> list[Document]:
    """The expressions that do not fit one of the kinds; *known* are those that are served."""
    spec = policy.get("spec") or {}
    wanted = spec.get("paramKind") or {}
    named = (wanted.get("apiVersion"), wanted.get("kind"))
    given = next((kind for kind in known if (kind.api_version, kind.kind) == named), None)
    params = DYN if given is None else _type_of(given)
    scopes = [(kind, _variables(spec, _type_of(kind), params)) for kind in _concerned(spec, known)]
    found = []
    for index, rule in enumerate(maps(spec, "validations")):
        for field in ("expression", "messageExpression"):
            text = rule.get(field) or ""
            warnings = [why for kind, scope in scopes if (why := _misfit(text, kind, scope))]
            if text and warnings:
                path = f"spec.validations[{index}].{field}"
                found.append({"fieldRef": path, "warning": "\n".join(warnings)})
    return found


def _misfit(text: str, kind: ResourceType, scope: Mapping[str, Type]) -> str:
    try:
        check(text, scope)
    except CelSyntaxError as error:
        return f"{kind.group}/{kind.version}, Kind={kind.kind}: {error}\n"
    return ""


def _concerned(spec: Document, known: Iterable[ResourceType]) -> list[ResourceType]:
    """The kinds that are named one by one, ten at the most."""
    served = {(kind.group, kind.version, kind.plural): kind for kind in known}
    found: dict[tuple[str, str, str], ResourceType] = {}
    for place in _named(spec):
        if place in served and len(found) < _MOST_KINDS:
            found[place] = served[place]
    return sorted(found.values(), key=lambda kind: (kind.group, kind.version, kind.kind))


def _named(spec: Document) -> Iterator[tuple[str, str, str]]:
    for rule in maps(spec, "matchConstraints.resourceRules"):
        groups, versions = texts(rule, "apiGroups"), texts(rule, "apiVersions")
        resources = texts(rule, "resources")
        if "*" in {*groups, *versions, *resources}:
            continue
        for group in groups:
            for version in versions:
                yield from ((group, version, name) for name in sorted(resources))


def _variables(spec: Document, of: Type, params: Type) -> dict[str, Type]:
    """What expressions may name. A variable that has no type of its own, or an object's, may be anything."""
    known = known_variables(spec, of, params)
    for variable in maps(spec, "variables"):
        try:
            found = check(variable.get("expression", ""), known)
        except CelSyntaxError:
            found = DYN
        plain = DYN if found.fields is not None else found
        known["variables"] = variables_type(known, variable.get("name", ""), plain)
    return known


def _type_of(kind: ResourceType) -> Type:
    schema = kind.schema
    if schema is None:
        return DYN
    whole = _inlined(schema)
    if kind.custom:
        own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        metadata = {"metadata": _inlined(DEFINITIONS[_METADATA])}
        whole = whole | {"properties": whole.get("properties", {}) | own | metadata}
    return schema_type(whole, kind.kind) or DYN


def _inlined(schema: Mapping[str, Any]) -> Document:
    """A schema with those to which it refers in their places; none of the built-in kinds is within itself."""
    reference = str(schema.get("$ref", ""))
    if reference:
        return _inlined(DEFINITIONS[reference.removeprefix(_REFERENCE)])
    if schema.get("format") == "int-or-string":
        return _FREE
    if schema.get("format") == "quantity":  # a text or a number, which rules cannot reach
        return {}
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {
            name: _inlined(entry) for name, entry in schema["properties"].items()
        }
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), Mapping):
            found[word] = _inlined(schema[word])
    return found
