"""Rules of ValidatingAdmissionPolicies and of the conditions of webhooks, with the types of their expressions.

Sources: "Validating Admission Policy" of Kubernetes' documentation, and the words of a kube-apiserver 1.34.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.cel.authorization import AUTHORIZER
from kthena_sandbox.schema.cel.checking import check
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.cel.types import (  # fmt: skip
    BOOL,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
)
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.names import qualified_problems
from kthena_sandbox.schema.reading import maps

Document = dict[str, Any]
Variables = Mapping[str, Type]
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_EMPTY = "must be non-empty if specified"
_ONE_NEEDED = "validations or auditAnnotations must contain at least one item"


def _object(name: str, /, **fields: Type) -> Type:
    return Type(name, (), fields)


def _texts(name: str, /, *fields: str) -> Type:
    return _object(name, **dict.fromkeys(fields, STRING))


_KIND = _texts("kubernetes.GroupVersionKind", "group", "version", "kind")
_RESOURCE = _texts("kubernetes.GroupVersionResource", "group", "version", "resource")
_USER = _object(
    "kubernetes.UserInfo", username=STRING, uid=STRING, groups=list_of(STRING),
    extra=map_of(STRING, list_of(STRING)),
)  # fmt: skip
_REQUEST = _object(
    "kubernetes.AdmissionRequest", kind=_KIND, resource=_RESOURCE, subResource=STRING,
    requestKind=_KIND, requestResource=_RESOURCE, requestSubResource=STRING, name=STRING,
    namespace=STRING, operation=STRING, userInfo=_USER, dryRun=BOOL, options=DYN,
)  # fmt: skip
_METADATA = _object(
    "kubernetes.NamespaceMetadata", name=STRING, generateName=STRING, namespace=STRING,
    labels=map_of(STRING, STRING), annotations=map_of(STRING, STRING), UID=STRING,
    creationTimestamp=TIMESTAMP, deletionGracePeriodSeconds=INT, deletionTimestamp=TIMESTAMP,
    generation=INT, resourceVersion=STRING, finalizers=list_of(STRING),
)  # fmt: skip
_NAMESPACE = _object(
    "kubernetes.Namespace", metadata=_METADATA,
    spec=_object("kubernetes.NamespaceSpec", finalizers=list_of(STRING)),
    status=_texts("kubernetes.NamespaceStatus", "phase"),
)  # fmt: skip
_CONDITIONS: Variables = {
    "object": DYN, "oldObject": DYN, "request": _REQUEST, "authorizer": AUTHORIZER,
}  # fmt: skip


def webhook_rules(configuration: Document) -> list[FieldError]:
    """The conditions of a MutatingWebhookConfiguration or ValidatingWebhookConfiguration."""
    found: list[FieldError] = []
    for index, hook in enumerate(maps(configuration, "webhooks")):
        found += _conditions(hook, f"webhooks[{index}]", _CONDITIONS)
    return found


def known_variables(spec: Document, of: Type = DYN, params: Type = DYN) -> dict[str, Type]:
    """What the rules of a policy may name but its own variables; *of* is the type of the object."""
    given = {**_CONDITIONS, "object": of, "oldObject": of, "namespaceObject": _NAMESPACE}
    return given if spec.get("paramKind") is None else {**given, "params": params}


def variables_type(given: Variables, name: str, kind: Type) -> Type:
    """The type of `variables` with one more of them."""
    before = given["variables"].fields if "variables" in given else None
    return Type("kubernetes.variables", (), {**(before or {}), name: kind})


def policy_rules(policy: Document) -> list[FieldError]:
    """A ValidatingAdmissionPolicy."""
    spec = policy.get("spec") or {}
    given = known_variables(spec)
    early = {name: kind for name, kind in given.items() if name != "namespaceObject"}
    found = [*_parameters(spec), *_constraints(spec), *_conditions(spec, "spec", early)]
    for index, variable in enumerate(maps(spec, "variables")):
        found += _variable(variable, f"spec.variables[{index}]", given)
    for index, rule in enumerate(maps(spec, "validations")):
        found += _validation(rule, f"spec.validations[{index}]", given)
    found += _annotations(policy, spec, given)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        found += [errors.required(f"spec.{name}", _ONE_NEEDED) for name in ("validations", "auditAnnotations")]  # fmt: skip
    return found


def _parameters(spec: Document) -> Iterator[FieldError]:
    wanted = spec.get("paramKind")
    if wanted is None:
        return
    version = wanted.get("apiVersion", "")
    if not version:
        yield errors.required("spec.paramKind.apiVersion")
    elif version.count("/") > 1:
        detail = f"unexpected GroupVersion string: {version}"
        yield errors.invalid("spec.paramKind.apiVersion", version, detail)
    if not wanted.get("kind"):
        yield errors.required("spec.paramKind.kind")


def _constraints(spec: Document) -> Iterator[FieldError]:
    if spec.get("matchConstraints") is None:
        yield errors.required("spec.matchConstraints")
    elif not spec["matchConstraints"].get("resourceRules"):
        yield errors.required("spec.matchConstraints.resourceRules")


def _conditions(owner: Document, path: str, given: Variables) -> Iterator[FieldError]:
    for index, condition in enumerate(maps(owner, "matchConditions")):
        place = f"{path}.matchConditions[{index}]"
        text, name = condition.get("expression", ""), condition.get("name", "")
        if text.strip():
            yield from _expression(text, f"{place}.expression", given, BOOL)
        else:
            yield errors.required(f"{place}.expression")
        if not name:
            yield errors.required(f"{place}.name")
        else:
            for why in qualified_problems(name):
                yield errors.invalid(f"{place}.name", name, why)


def _variable(variable: Document, path: str, given: dict[str, Type]) -> Iterator[FieldError]:
    """A variable, which those after it may name."""
    name, text = variable.get("name", ""), variable.get("expression", "")
    if not name:
        yield errors.required(f"{path}.name", "name is not specified")
    elif not _IDENTIFIER.fullmatch(name):
        yield errors.invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not text.strip():
        yield errors.required(f"{path}.expression", "expression is not specified")
        return
    found = DYN
    try:
        found = check(text, given)
    except CelSyntaxError as error:
        yield _not_compiled(f"{path}.expression", text, error)
    given["variables"] = variables_type(given, name, found)


def _not_compiled(path: str, text: str, error: CelSyntaxError) -> FieldError:
    return errors.invalid(path, text, f"compilation failed: {error}")


def _expression(text: str, path: str, given: Variables, *wanted: Type) -> Iterator[FieldError]:
    try:
        found = check(text, given)
    except CelSyntaxError as error:
        yield _not_compiled(path, text, error)
        return
    if found in wanted:
        return
    names = ["null_type" if kind == NULL else str(kind) for kind in wanted]
    shown = names[0] if len(names) == 1 else f"one of [{' '.join(names)}]"
    yield errors.invalid(path, text, f"must evaluate to {shown} but got {found}")


def _validation(rule: Document, path: str, given: Variables) -> Iterator[FieldError]:
    text, message = rule.get("expression", ""), rule.get("message", "")
    if text.strip():
        yield from _expression(text, f"{path}.expression", given, BOOL)
    else:
        yield errors.required(f"{path}.expression", "expression is not specified")
    told = rule.get("messageExpression", "")
    if told and not told.strip():
        yield errors.invalid(f"{path}.messageExpression", told, _EMPTY)
    elif told:
        without = {name: kind for name, kind in given.items() if name != "authorizer"}
        yield from _expression(told, f"{path}.messageExpression", without, STRING)
    if message and not message.strip():
        yield errors.invalid(f"{path}.message", message, _EMPTY)
    elif "\n" in message.strip():
        yield errors.invalid(f"{path}.message", message, "must not contain line breaks")
    reason = rule.get("reason")
    if reason and reason not in {*_REASONS, "Unauthorized"}:
        yield errors.not_supported(f"{path}.reason", reason, _REASONS)


def _annotations(policy: Document, spec: Document, given: Variables) -> Iterator[FieldError]:
    owner, seen = (policy.get("metadata") or {}).get("name", ""), set()
    for index, entry in enumerate(maps(spec, "auditAnnotations")):
        path = f"spec.auditAnnotations[{index}]"
        key, text = entry.get("key", ""), entry.get("valueExpression", "")
        shown = f"{owner}/{key}"
        for why in qualified_problems(shown):
            yield errors.invalid(f"{path}.key", shown, why)
        if text.strip():
            yield from _expression(text, f"{path}.valueExpression", given, STRING, NULL)
        else:
            yield errors.required(f"{path}.valueExpression", "valueExpression is not specified")
        if key in seen:
            yield errors.duplicate(f"{path}.key", key)
        seen.add(key)
