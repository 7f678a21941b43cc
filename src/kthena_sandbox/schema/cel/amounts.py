"""Quantities, semantic versions and named formats ("Quantity library", "Semver library", "Format library")."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from kthena_sandbox.schema.cel.kinds import CelError, Optional, no_overload
from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.nets import url
from kthena_sandbox.schema.formats import is_of_format
from kthena_sandbox.schema.names import (
    dns1035_problems,
    label_problems,
    label_value_problems,
    qualified_problems,
    subdomain_problems,
)
from kthena_sandbox.schema.quantities import parse_quantity

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount as resources have it."""

    amount: Decimal
    cel_type = "kubernetes.Quantity"


@dataclass(frozen=True, slots=True)
class Semver:
    """A version; the label of what was built does not count."""

    numbers: tuple[int, int, int]
    before: tuple[str, ...]
    cel_type = "kubernetes.Semver"

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts as versions do: those before a release come first, numbers before words."""
        parts = tuple(
            (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.before
        )
        return (self.numbers, not self.before, parts)


@dataclass(frozen=True, slots=True)
class Format:
    """A named format; *problems* says why a text does not have it."""

    problems: Callable[[str], list[str]]
    cel_type = "kubernetes.NamedFormat"


def _quantity(text: Any) -> Quantity:
    amount = parse_quantity(text) if isinstance(text, str) else None
    if amount is None:
        why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        raise CelError(why)
    return Quantity(amount)


def _is_quantity(text: Any) -> bool:
    if not isinstance(text, str):
        raise no_overload("isQuantity")
    return parse_quantity(text) is not None


def _sign(target: Any) -> int:
    """A function and no method, whatever the documentation says."""
    return _compared(target.amount, 0)


def _as_integer(target: Quantity) -> int:
    if target.amount != target.amount.to_integral_value() or abs(target.amount) >= 2**63:
        raise CelError("cannot convert value to integer")
    return int(target.amount)


def _amount(value: Any) -> Decimal:
    return value.amount if isinstance(value, Quantity) else Decimal(value)


def _compared(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _semver(text: Any, normalised: object = False) -> Semver:
    if not isinstance(text, str):
        raise no_overload("semver")
    shown = _normalised(text) if normalised is True else text
    found = _SEMVER.fullmatch(shown)
    if found is None:
        raise CelError(f"Semver parse error during conversion from string: {text!r}")
    major, minor, patch = (int(part) for part in found.groups()[:3])
    return Semver((major, minor, patch), tuple(found[4].split(".")) if found[4] else ())


def _normalised(text: str) -> str:
    """Without a `v`, with all three numbers, none of which starts with a nought."""
    numbers, mark, rest = re.match(r"([0-9.]*)([-+]?)(.*)", text.removeprefix("v")).groups()  # type: ignore[union-attr]
    parts = [part.lstrip("0") or "0" for part in numbers.split(".")]
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) + mark + rest


def _is_semver(text: Any, normalised: object = False) -> bool:
    try:
        _semver(text, normalised)
    except CelError:
        return False
    return True


def _formatted(name: str) -> Callable[[str], list[str]]:
    return lambda text: [] if is_of_format(text, name) else [f"must be a valid {name}"]


def _uri(text: str) -> list[str]:
    try:
        url(text)
    except CelError as error:
        return [str(error)]
    return []


FORMATS: Mapping[str, Format] = {
    "dns1123Label": Format(label_problems),
    "dns1123Subdomain": Format(subdomain_problems),
    "dns1035Label": Format(dns1035_problems),
    "dns1123LabelPrefix": Format(lambda text: label_problems(_prefix(text))),
    "dns1123SubdomainPrefix": Format(lambda text: subdomain_problems(_prefix(text))),
    "dns1035LabelPrefix": Format(lambda text: dns1035_problems(_prefix(text))),
    "labelValue": Format(label_value_problems),
    "qualifiedName": Format(qualified_problems),
    "uri": Format(_uri),
    "uuid": Format(_formatted("uuid")),
    "byte": Format(_formatted("byte")),
    "date": Format(_formatted("date")),
    "datetime": Format(_formatted("datetime")),
}


def _prefix(text: str) -> str:
    """A prefix may end with a hyphen, after which a name goes on."""
    return f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text


def _named(name: str) -> Optional:
    return Optional(True, FORMATS[name]) if name in FORMATS else Optional()


def _validate(target: Format, text: Any) -> Optional:
    """What is wrong with the text, or none."""
    if not isinstance(text, str):
        raise no_overload("validate")
    problems = target.problems(text)
    return Optional(True, problems) if problems else Optional()


LIBRARY = Library(
    {
        "quantity": _quantity, "isQuantity": _is_quantity, "sign": _sign, "semver": _semver, "isSemver": _is_semver,
        "format.named": _named,
        **{f"format.{name}": partial(FORMATS.__getitem__, name) for name in FORMATS},
    },
    {
        (Quantity, "isInteger"): lambda target: target.amount == target.amount.to_integral_value(),
        (Quantity, "asInteger"): _as_integer,
        (Quantity, "asApproximateFloat"): lambda target: float(target.amount),
        (Quantity, "isGreaterThan"): lambda target, other: target.amount > other.amount,
        (Quantity, "isLessThan"): lambda target, other: target.amount < other.amount,
        (Quantity, "compareTo"): lambda target, other: _compared(target.amount, other.amount),
        (Quantity, "add"): lambda target, other: Quantity(target.amount + _amount(other)),
        (Quantity, "sub"): lambda target, other: Quantity(target.amount - _amount(other)),
        (Semver, "major"): lambda target: target.numbers[0],
        (Semver, "minor"): lambda target: target.numbers[1],
        (Semver, "patch"): lambda target: target.numbers[2],
        (Semver, "isGreaterThan"): lambda target, other: target.order > other.order,
        (Semver, "isLessThan"): lambda target, other: target.order < other.order,
        (Semver, "compareTo"): lambda target, other: _compared(target.order, other.order),
        (Format, "validate"): _validate,
    },
    """
    quantity: (string) -> kubernetes.Quantity
    isQuantity: (string) -> bool
    sign: (kubernetes.Quantity) -> int
    isInteger: kubernetes.Quantity.() -> bool
    asInteger: kubernetes.Quantity.() -> int
    asApproximateFloat: kubernetes.Quantity.() -> double
    isGreaterThan: kubernetes.Quantity.(kubernetes.Quantity) -> bool
    isLessThan: kubernetes.Quantity.(kubernetes.Quantity) -> bool
    compareTo: kubernetes.Quantity.(kubernetes.Quantity) -> int
    add: kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity
    add: kubernetes.Quantity.(int) -> kubernetes.Quantity
    sub: kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity
    sub: kubernetes.Quantity.(int) -> kubernetes.Quantity
    semver: (string) -> kubernetes.Semver
    semver: (string, bool) -> kubernetes.Semver
    isSemver: (string) -> bool
    isSemver: (string, bool) -> bool
    isGreaterThan: kubernetes.Semver.(kubernetes.Semver) -> bool
    isLessThan: kubernetes.Semver.(kubernetes.Semver) -> bool
    compareTo: kubernetes.Semver.(kubernetes.Semver) -> int
    major: kubernetes.Semver.() -> int
    minor: kubernetes.Semver.() -> int
    patch: kubernetes.Semver.() -> int
    format.named: (string) -> optional_type(kubernetes.NamedFormat)
    validate: kubernetes.NamedFormat.(string) -> optional_type(list(string))
    """
    + "\n".join(f"format.{name}: () -> kubernetes.NamedFormat" for name in FORMATS),
)  # fmt: skip
