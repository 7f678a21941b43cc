"""The entries of `x-kubernetes-validations`, ready to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.evaluating import Code
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.lexing import CelSyntaxError, tokens

REASONS = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `about_change`: it compares with the old value, and holds where there is none.

    `optional`: it is asked also where there is none, and has the old value as an optional one.
    """

    text: str
    code: Code
    about_change: bool
    message: str
    message_code: Code | None
    reason: str
    field_path: str
    optional: bool = False


def asks_of_change(text: str) -> bool:
    """Whether an expression names `oldSelf`."""
    return any(token.kind == "name" and token.text == "oldSelf" for token in tokens(text, []))


def read_rule(document: Mapping[str, Any]) -> Rule:
    """One entry of the list. Raises CelSyntaxError."""
    text = str(document.get("rule", ""))
    expression = document.get("messageExpression")
    optional = bool(document.get("optionalOldSelf"))
    return Rule(
        text.strip(),
        compiled(text),
        not optional and asks_of_change(text),
        str(document.get("message", "")),
        compiled(str(expression)) if expression else None,
        document.get("reason") or REASONS[0],
        str(document.get("fieldPath", "")),
        optional,
    )


def rule_or_refusal(document: Mapping[str, Any]) -> Rule:
    """The rule; for one that cannot be read one that never holds, and says so."""
    try:
        return read_rule(document)
    except CelSyntaxError as error:
        why = str(error)

    def refuse(_: Mapping[str, Any]) -> NoReturn:
        raise CelError(why)

    text = str(document.get("rule", ""))
    return Rule(text, refuse, False, str(document.get("message", "")), None, REASONS[0], "")
