"""What is wrong with rules in CEL when a definition is written: their words, their types, and what belongs to them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.cel.checking import check
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.cel.rules import REASONS, asks_of_change
from kthena_sandbox.schema.cel.schematypes import schema_type
from kthena_sandbox.schema.cel.types import BOOL, DYN, STRING, Type, optional_of
from kthena_sandbox.schema.fielderrors import FieldError

Schema = Mapping[str, Any]
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\['((?:[^'\\]|\\.)+)'\]")


def rule_definition_errors(schema: Schema, path: str) -> list[FieldError]:
    """What is wrong with the rules of one schema."""
    found: list[FieldError] = []
    own = schema_type(schema, "selfType", root=path.endswith("openAPIV3Schema")) or DYN
    listed = schema.get("x-kubernetes-validations")
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        rule = entry if isinstance(entry, dict) else {}
        found += _errors(rule, schema, own, f"{path}.x-kubernetes-validations[{index}]")
    return found


def _errors(rule: Mapping[str, Any], schema: Schema, own: Type, place: str) -> Iterator[FieldError]:
    text, reason = str(rule.get("rule", "")), rule.get("reason")
    if not text.strip():
        yield errors.required(f"{place}.rule", "rule is not specified")
    if "\n" in str(rule.get("message", "")):
        detail = "must not contain line breaks"
        yield errors.invalid(f"{place}.message", rule["message"], detail)
    if reason and reason not in REASONS:
        yield errors.not_supported(f"{place}.reason", reason, REASONS)
    if (where := rule.get("fieldPath")) and not _leads_somewhere(str(where), schema):
        yield errors.invalid(f"{place}.fieldPath", where, "must be a valid path")
    if not text.strip():
        return
    if rule.get("optionalOldSelf") is not None and not asks_of_change(text):
        detail = "may not be set if oldSelf is not used in rule"
        yield errors.invalid(f"{place}.optionalOldSelf", rule["optionalOldSelf"], detail)
    variables = {"self": own, "oldSelf": optional_of(own) if rule.get("optionalOldSelf") else own}
    if why := _misfit(text, variables, BOOL, "cel expression must evaluate to a bool"):
        yield errors.invalid_shown(f"{place}.rule", _shown(rule), why)
    yield from _message_errors(rule, variables, place)


def _message_errors(
    rule: Mapping[str, Any], variables: Mapping[str, Type], place: str
) -> Iterator[FieldError]:
    expression = rule.get("messageExpression")
    if not expression:
        return
    where = f"{place}.messageExpression"
    if not str(expression).strip():
        yield errors.required(where, "messageExpression must be non-empty if specified")
        return
    wanted = "messageExpression must evaluate to a string"
    if why := _misfit(str(expression), variables, STRING, wanted):
        before = "" if why == wanted else "messageExpression "
        yield errors.invalid_shown(where, _shown(rule), f"{before}{why}")


def _misfit(text: str, variables: Mapping[str, Type], wanted: Type, otherwise: str) -> str:
    """Why an expression cannot be asked, or is of another type than wanted; "" where all is well."""
    try:
        found = check(text, variables)
    except CelSyntaxError as error:
        return f"compilation failed: {error}"
    return "" if found == wanted else otherwise


def _shown(rule: Mapping[str, Any]) -> str:
    """As Go writes the rule in JSON."""
    listed = {
        "Rule": rule.get("rule", ""), "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""), "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""), "OptionalOldSelf": rule.get("optionalOldSelf"),
    }  # fmt: skip
    text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _leads_somewhere(path: str, schema: Schema) -> bool:
    at, here = 0, schema
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            return False
        fields, more = here.get("properties") or {}, here.get("additionalProperties")
        below = fields.get(found[1] or found[2], more)
        if not isinstance(below, dict):
            return False
        at, here = found.end(), below
    return True
