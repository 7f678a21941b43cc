"""Optional values of CEL, which `oldSelf` is where a rule sets `optionalOldSelf` (CEL's "optional types")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kthena_sandbox.schema.cel.values import CelError

Variables = Mapping[str, Any]
Code = Callable[[Variables], Any]


@dataclass(frozen=True, slots=True)
class Optional:
    """A value, or none."""

    present: bool = False
    content: Any = None


def optional(value: Any) -> Optional:
    """None of Python's is none of CEL's."""
    return Optional() if value is None else Optional(True, value)


def _value(target: Optional) -> Any:
    if not target.present:
        raise CelError("optional.none() dereference")
    return target.content


def _either(target: Optional, other: Any) -> Any:
    if not isinstance(other, Optional):
        raise CelError("no such overload: or")
    return target if target.present else other


OF_OPTIONAL: Mapping[str, Callable[..., Any]] = {
    "hasValue": lambda target: target.present,
    "value": _value,
    "or": _either,
    "orValue": lambda target, other: target.content if target.present else other,
}


def call_optional(name: str, target: Any, arguments: list[Any]) -> Any:
    """`target.name(arguments)`. Raises CelError."""
    if not isinstance(target, Optional):
        raise CelError(f"no such overload: {name}")
    try:
        return OF_OPTIONAL[name](target, *arguments)
    except TypeError as error:
        raise CelError(f"no such overload: {name}") from error


def _opt_map(target: Code, name: str, body: Code) -> Code:
    def mapped(variables: Variables) -> Optional:
        found = target(variables)
        if not isinstance(found, Optional):
            raise CelError("no such overload: optMap")
        return Optional(True, body({**variables, name: found.content})) if found.present else found

    return mapped


def _opt_flat_map(target: Code, name: str, body: Code) -> Code:
    mapped = _opt_map(target, name, body)

    def flat(variables: Variables) -> Optional:
        found = mapped(variables)
        inner = found.content if found.present else found
        if not isinstance(inner, Optional):
            raise CelError("no such overload: optFlatMap")
        return inner

    return flat


OPTIONAL_MACROS: Mapping[str, Callable[..., Code]] = {
    "optMap": _opt_map,
    "optFlatMap": _opt_flat_map,
}
