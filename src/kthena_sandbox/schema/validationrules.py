"""Objects against the `x-kubernetes-validations` of their schema, in the words of apiextensions-apiserver 0.33."""

from collections.abc import Iterator, Mapping
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.cel.kinds import CelError, optional
from kthena_sandbox.schema.cel.rules import Rule
from kthena_sandbox.schema.cel.schematypes import typed
from kthena_sandbox.schema.compiled import Node
from kthena_sandbox.schema.fielderrors import FieldError

_BLOCKING = frozenset(
    {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)  # fmt: skip
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)


def rule_errors(
    value: Any, old: Any, node: Node, found: list[FieldError], *, nameless: bool = False
) -> Iterator[FieldError]:
    """What the rules of a whole object do not allow, where *found* does not forbid to ask them.

    *old* is None for a new object. What an update leaves as it was is not asked about again.
    """
    if not node.has_rules:
        return
    if nameless or any(error.reason in _BLOCKING for error in found):
        yield errors.invalid("", None, _UNCHECKED)
        return
    yield from _check(value, old, node, "")


def _check(value: Any, old: Any, node: Node, path: str) -> Iterator[FieldError]:
    if not node.has_rules or value is None or (old is not None and value == old):
        return
    for rule in node.rules:
        if old is not None or not rule.about_change:
            yield from _asked(rule, value, old, node, path)
    if isinstance(value, dict):
        yield from _check_map(value, old if isinstance(old, dict) else {}, node, path)
    elif isinstance(value, list) and node.items is not None:
        before = _by_keys(old, node)
        for index, entry in enumerate(value):
            known = before.get(_key_of(entry, node)) if before else None
            yield from _check(entry, known, node.items, f"{path}[{index}]")


def _check_map(
    value: dict[str, Any], old: dict[str, Any], node: Node, path: str
) -> Iterator[FieldError]:
    for name, entry in value.items():
        child = node.properties.get(name) or node.additional
        if child is not None:
            yield from _check(entry, old.get(name), child, f"{path}.{name}" if path else name)


def _by_keys(old: Any, node: Node) -> dict[Any, Any]:
    """The entries of a list of type map by their keys; entries of other lists have no past."""
    if node.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key_of(entry, node): entry for entry in old}


def _key_of(entry: Any, node: Node) -> tuple[str, ...]:
    present = entry if isinstance(entry, dict) else {}
    return tuple(repr(present.get(name)) for name in node.list_keys)


def _asked(rule: Rule, value: Any, old: Any, node: Node, path: str) -> Iterator[FieldError]:
    try:
        variables = _variables(rule, value, old, node)
        holds = rule.code(variables)
    except CelError as error:
        text = f"{error} evaluating rule: {rule.message or rule.text}"
        yield errors.invalid(path, node.type_name, text)
        return
    if holds is not True:
        yield _broken(rule, variables, node, path)


def _variables(rule: Rule, value: Any, old: Any, node: Node) -> dict[str, Any]:
    if node.typed is not None:
        value, old = (side and typed(side, node.typed) for side in (value, old))
    return {"self": value, "oldSelf": optional(old) if rule.optional else old}


def _broken(rule: Rule, variables: Mapping[str, Any], node: Node, path: str) -> FieldError:
    where = f"{path}{rule.field_path}".lstrip(".") if rule.field_path else path
    text = _message(rule, variables)
    match rule.reason:
        case "FieldValueForbidden":
            return errors.forbidden(where, text)
        case "FieldValueRequired":
            return errors.required(where, text)
        case "FieldValueDuplicate":
            return errors.duplicate(where, node.type_name)
        case _:
            return errors.invalid(where, node.type_name, text)


def _message(rule: Rule, variables: Mapping[str, Any]) -> str:
    if rule.message_code is not None:
        try:
            text = rule.message_code(variables)
        except CelError:
            text = None
        if isinstance(text, str) and text.strip() and "\n" not in text:
            return text
    return rule.message or f"failed rule: {rule.text}"
