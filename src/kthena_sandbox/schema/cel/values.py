"""What CEL does with values: equality, order, arithmetic, and the functions of its standard library that CRDs use.

Values are those of JSON, and durations.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import re2

_DURATION = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+|0)")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
                "h": 3600 * 10**9}  # fmt: skip


class CelError(Exception):
    """An expression has no value; the message says why, in the words of cel-go."""


class Duration(NamedTuple):
    """A span of time."""

    nanoseconds: int


def is_number(value: Any) -> bool:
    """Whether a value is an int or a double."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """`==`: numbers by value, everything else by type and content."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """`<`, for two values of one ordered type. Raises CelError."""
    both_numbers = is_number(left) and is_number(right)
    if both_numbers or (type(left) is type(right) and isinstance(left, str | bool | Duration)):
        return bool(left < right)
    raise CelError("no such overload")


def contains(value: Any, container: Any) -> bool:
    """`in` a list or the keys of a map. Raises CelError."""
    if isinstance(container, list):
        return any(equal(value, entry) for entry in container)
    if isinstance(container, dict):
        return value in container if isinstance(value, str) else False
    raise CelError("no such overload")


def _divided(left: int, right: int) -> tuple[int, int]:
    """Quotient and remainder as Go has them: towards zero."""
    if right == 0:
        raise CelError("division by zero")
    quotient = abs(left) // abs(right)
    quotient = quotient if (left < 0) == (right < 0) else -quotient
    return quotient, left - quotient * right


def calculate(operator: str, left: Any, right: Any) -> Any:
    """`+ - * / %`. Raises CelError."""
    if type(left) is not type(right) or isinstance(left, bool):
        raise CelError("no such overload")
    if operator == "+" and isinstance(left, str | list):
        return left + right
    if isinstance(left, Duration) and operator in "+-":
        step = right.nanoseconds if operator == "+" else -right.nanoseconds
        return Duration(left.nanoseconds + step)
    if isinstance(left, int):
        return _whole(operator, left, right)
    if isinstance(left, float) and operator != "%":
        return _real(operator, left, right)
    raise CelError("no such overload")


def _whole(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return _divided(left, right)[0]
        case _:
            return _divided(left, right)[1]


def _real(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            if right == 0:
                raise CelError("division by zero")
            return left / right


def select(value: Any, name: str) -> Any:
    """`value.name`. Raises CelError."""
    if not isinstance(value, dict):
        raise CelError(f"no such overload: {name}")
    if name not in value:
        raise CelError(f"no such key: {name}")
    return value[name]


def item(value: Any, index: Any) -> Any:
    """`value[index]`. Raises CelError."""
    if isinstance(value, list) and isinstance(index, int) and not isinstance(index, bool):
        if not 0 <= index < len(value):
            raise CelError(f"index out of bounds: {index}")
        return value[index]
    if isinstance(value, dict) and isinstance(index, str):
        return select(value, index)
    raise CelError("no such overload")


def entries(value: Any) -> list[Any]:
    """What a macro goes through: the items of a list, the keys of a map. Raises CelError."""
    if isinstance(value, list | dict):
        return list(value)
    raise CelError("expression of type that is not iterable in a comprehension")


def size(value: Any) -> int:
    """The length of a text, list or map. Raises CelError."""
    if isinstance(value, str | list | dict):
        return len(value)
    raise CelError("no such overload: size")


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    try:
        return re2.compile(text)
    except re2.error as error:
        raise CelError(f"error parsing regexp: {error}") from error


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def duration(text: Any) -> Duration:
    """A duration as Go writes it. Raises CelError."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise CelError(f"time: invalid duration {text!r}")
    total = sum(
        round(float(amount) * _NANOSECONDS[unit]) for amount, unit in _PART.findall(found[2])
    )
    return Duration(-total if found[1] == "-" else total)


def _int(value: Any) -> int:
    try:
        return int(value) if not isinstance(value, list | dict | None) else _no_overload()
    except ValueError as error:
        raise CelError(f"type conversion error from {value!r} to int") from error


def _no_overload() -> Any:
    raise CelError("no such overload")


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else _no_overload()


def _double(value: Any) -> float:
    try:
        return float(value) if is_number(value) or isinstance(value, str) else _no_overload()
    except ValueError as error:
        raise CelError(f"type conversion error from {value!r} to double") from error


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": size, "duration": duration, "int": _int, "string": _string, "double": _double,
    "matches": _matches, "dyn": lambda value: value,
}  # fmt: skip
_TEXT: Mapping[str, Callable[..., Any]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__,
    "matches": _matches, "split": str.split, "lowerAscii": str.lower, "upperAscii": str.upper,
    "trim": str.strip, "replace": str.replace, "indexOf": str.find,
}  # fmt: skip
METHODS = frozenset({*_TEXT, "size"})


def call_method(name: str, target: Any, arguments: list[Any]) -> Any:
    """`target.name(arguments)`. Raises CelError."""
    if name == "size" and not arguments:
        return size(target)
    texts = isinstance(target, str) and all(isinstance(entry, str | int) for entry in arguments)
    if name not in _TEXT or not texts:
        raise CelError(f"no such overload: {name}")
    try:
        return _TEXT[name](target, *arguments)
    except TypeError as error:
        raise CelError(f"no such overload: {name}") from error
