"""Objects against the `x-kubernetes-validations` of their schema, in the words of apiextensions-apiserver 0.33."""

from collections.abc import Iterator, Mapping
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.cel.kinds import CelError, optional
from kthena_sandbox.schema.cel.rules import Rule
from kthena_sandbox.schema.cel.schematypes import typed
from kthena_sandbox.schema.compiled import MISSING, Node
from kthena_sandbox.schema.correlating import Past
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

    *old* is None for a new object. What an update leaves as it was is only asked about changes again.
    """
    if not node.has_rules:
        return
    if nameless or any(error.reason in _BLOCKING for error in found):
        yield errors.invalid("", None, _UNCHECKED)
        return
    yield from _check(value, MISSING if old is None else old, node, "")


def _check(
    value: Any, old: Any, node: Node, path: str, *, kept: bool = False
) -> Iterator[FieldError]:
    """*kept*: what is around the value is as it was."""
    if not node.has_rules or value is None:
        return
    known = None if old is MISSING else old
    kept = kept or (known is not None and value == known)
    for rule in node.rules:
        if _is_asked(rule, known, kept=kept):
            yield from _asked(rule, value, known, node, path)
    past = Past(old, node)
    if isinstance(value, dict):
        for name, entry in value.items():
            known_field = name in node.properties
            child = node.properties[name] if known_field else node.additional
            if child is not None:
                below = _below(path, name) if known_field else f"{path}[{name}]"
                yield from _check(entry, past.field(name), child, below, kept=kept)
    elif isinstance(value, list) and node.items is not None:
        for index, entry in enumerate(value):
            below = f"{path}[{index}]"
            yield from _check(entry, past.entry(entry), node.items, below, kept=kept)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_asked(rule: Rule, known: Any, *, kept: bool) -> bool:
    if rule.about_change:
        return known is not None
    return not kept or (rule.optional and known is not None)


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
