"""Rules of webhook configurations beside their conditions, and of the bindings of policies, as a kube-apiserver 1.34 words them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.reading import maps, text, texts

Document = dict[str, Any]
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_CHOICES = {
    "failurePolicy": ("Fail", "Ignore"),
    "matchPolicy": ("Equivalent", "Exact"),
    "sideEffects": ("None", "NoneOnDryRun"),
    "reinvocationPolicy": ("IfNeeded", "Never"),
}
_SEGMENTS = 3
_LONGEST = 30
_ACTIONS = ("Audit", "Deny", "Warn")
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the "
    "API response and headers serves no purpose)"
)


def hook_rules(configuration: Document) -> list[FieldError]:
    """What each webhook is called for, and how."""
    return [
        error
        for index, hook in enumerate(maps(configuration, "webhooks"))
        for error in _hook(hook, f"webhooks[{index}]")
    ]


def _hook(hook: Document, path: str) -> Iterator[FieldError]:
    name = text(hook, "name")
    if len(name.split(".")) < _SEGMENTS:
        detail = "should be a domain with at least three segments separated by dots"
        yield errors.invalid(f"{path}.name", name, detail)
    for index, rule in enumerate(maps(hook, "rules")):
        yield from _rule(rule, f"{path}.rules[{index}]")
    for field, known in _CHOICES.items():
        if text(hook, field) and text(hook, field) not in known:
            yield errors.not_supported(f"{path}.{field}", hook[field], known)
        elif field == "sideEffects" and not text(hook, field):
            yield errors.required(f"{path}.{field}", "must specify one of None, NoneOnDryRun")
    seconds = hook.get("timeoutSeconds", 1)
    if not 1 <= seconds <= _LONGEST:
        detail = "the timeout value must be between 1 and 30 seconds"
        yield errors.invalid(f"{path}.timeoutSeconds", seconds, detail)
    yield from _client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    if not hook.get("admissionReviewVersions"):
        detail = "must specify one of v1, v1beta1"
        yield errors.required(f"{path}.admissionReviewVersions", detail)


def _rule(rule: Document, path: str) -> Iterator[FieldError]:
    if not rule.get("operations"):
        yield errors.required(f"{path}.operations")
    for index, operation in enumerate(texts(rule, "operations")):
        if operation not in _OPERATIONS:
            yield errors.not_supported(f"{path}.operations[{index}]", operation, _OPERATIONS)
    for field in ("apiGroups", "apiVersions", "resources"):
        if not rule.get(field):
            yield errors.required(f"{path}.{field}")


def _client(client: Document, path: str) -> Iterator[FieldError]:
    if (client.get("url") is None) == (client.get("service") is None):
        yield errors.required(path, "exactly one of url or service is required")
    elif client.get("url") is not None and urlsplit(client["url"]).scheme != "https":
        detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
        yield errors.invalid(f"{path}.url", urlsplit(client["url"]).scheme, detail)


def policy_binding_rules(binding: Document) -> list[FieldError]:
    """Which policy a binding is about, and what follows where it is broken."""
    found: list[FieldError] = []
    if not text(binding, "spec.policyName"):
        found.append(errors.required("spec.policyName"))
    path, actions = "spec.validationActions", texts(binding, "spec.validationActions")
    if not actions:
        found.append(errors.required(path, "at least one validation action is required"))
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            found.append(errors.not_supported(f"{path}[{index}]", action, _ACTIONS))
        if action in actions[:index]:
            found.append(errors.duplicate(f"{path}[{index}]", action))
    if {"Deny", "Warn"} <= set(actions):
        found.append(errors.invalid(path, actions, _BOTH))
    return found
