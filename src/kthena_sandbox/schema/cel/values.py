"""What CEL does with all values: equality, order, arithmetic, access, conversions (the specification's "Standard Definitions")."""

import math
from datetime import timedelta
from typing import Any

from kthena_sandbox.schema.cel.kinds import (
    CelError,
    Duration,
    Optional,
    Timestamp,
    Uint,
    no_overload,
)

_ORDERED = (str, bool, bytes, Duration, Timestamp)
_LIMIT = 2**63


def is_number(value: Any) -> bool:
    """Whether a value is an int, a uint or a double."""
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
    if isinstance(left, Optional):
        same = left.present == right.present
        return same and equal(left.content, right.content)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """`<`, for two values of one ordered type. Raises CelError."""
    both_numbers = is_number(left) and is_number(right)
    if both_numbers or (type(left) is type(right) and isinstance(left, _ORDERED)):
        return bool(left < right)
    raise no_overload()


def contains(value: Any, container: Any) -> bool:
    """`in` a list or the keys of a map. Raises CelError."""
    if isinstance(container, list):
        return any(equal(value, entry) for entry in container)
    if isinstance(container, dict):
        return any(equal(value, key) for key in container)
    raise no_overload()


def calculate(operator: str, left: Any, right: Any) -> Any:
    """`+ - * / %`. Raises CelError."""
    if isinstance(left, Duration | Timestamp) or isinstance(right, Duration | Timestamp):
        return _of_times(operator, left, right)
    if type(left) is not type(right) or isinstance(left, bool):
        raise no_overload()
    if operator == "+" and isinstance(left, str | list | bytes):
        return left + right
    if isinstance(left, int):
        return _limited(type(left), _whole(operator, left, right))
    if isinstance(left, float) and operator != "%":
        return _real(operator, left, right)
    raise no_overload()


def _of_times(operator: str, left: Any, right: Any) -> Any:
    """A moment keeps the offset with which it was written."""
    if operator == "+" and isinstance(left, Duration) and isinstance(right, Timestamp):
        left, right = right, left
    if operator not in {"+", "-"} or not isinstance(left, Duration | Timestamp):
        raise no_overload()
    if isinstance(right, Duration):
        step = right.nanoseconds if operator == "+" else -right.nanoseconds
        moved = left.nanoseconds + step
        return Duration(moved) if isinstance(left, Duration) else Timestamp(moved, left.offset)
    if operator == "-" and isinstance(left, Timestamp) and isinstance(right, Timestamp):
        return Duration(left.nanoseconds - right.nanoseconds)
    raise no_overload()


def _limited(kind: type[int], value: int) -> int:
    least, most = (0, 2 * _LIMIT) if kind is Uint else (-_LIMIT, _LIMIT)
    if not least <= value < most:
        raise CelError("unsigned integer overflow" if kind is Uint else "integer overflow")
    return kind(value)


def _divided(left: int, right: int) -> tuple[int, int]:
    """Quotient and remainder as Go has them: towards zero."""
    quotient = abs(left) // abs(right)
    quotient = quotient if (left < 0) == (right < 0) else -quotient
    return quotient, left - quotient * right


def _whole(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            return int(left) + int(right)
        case "-":
            return int(left) - int(right)
        case "*":
            return int(left) * int(right)
        case _:
            if right == 0:
                raise CelError("division by zero" if operator == "/" else "modulus by zero")
            return _divided(int(left), int(right))[operator == "%"]


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
                return left * math.inf  # which is no number for zero
            return left / right


def negated(value: Any) -> Any:
    """`-value`. Raises CelError."""
    if isinstance(value, Duration):
        return Duration(-value.nanoseconds)
    if not is_number(value) or isinstance(value, Uint):
        raise no_overload()
    return -value


def select(value: Any, name: str) -> Any:
    """`value.name`; of an optional value it is one too. Raises CelError."""
    if isinstance(value, Optional):
        return found(value, name)
    value = getattr(value, "cel_fields", value)
    if not isinstance(value, dict):
        raise no_overload(name)
    if name not in value:
        raise CelError(f"no such key: {name}")
    return value[name]


def item(value: Any, index: Any) -> Any:
    """`value[index]`. Raises CelError."""
    if isinstance(value, Optional):
        return found(value, index)
    if isinstance(value, list) and is_number(index) and index == int(index):
        if not 0 <= index < len(value):
            raise CelError(f"index out of bounds: {index}")
        return value[int(index)]
    if isinstance(value, dict) and isinstance(index, str | int | float):
        if index not in value:
            raise CelError(f"no such key: {index}")
        return value[index]
    raise no_overload()


def found(value: Any, index: Any) -> Optional:
    """`value.?index` and `value[?index]`: none where there is nothing. Raises CelError."""
    if isinstance(value, Optional):
        return found(value.content, index) if value.present else value
    if isinstance(value, dict):
        return Optional(True, value[index]) if index in value else Optional()
    if isinstance(value, list) and is_number(index):
        inside = 0 <= index < len(value)
        return Optional(True, value[int(index)]) if inside else Optional()
    raise no_overload()


def has(value: Any, name: str) -> bool:
    """`has(value.name)`. Raises CelError."""
    if isinstance(value, Optional):
        return value.present and has(value.content, name)
    if not isinstance(value, dict):
        raise no_overload()
    return name in value


def entries(value: Any) -> list[tuple[Any, Any]]:
    """What a macro goes through: a list with its places, a map with its keys. Raises CelError."""
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(value.items())
    raise CelError("expression of type that is not iterable in a comprehension")


def is_zero(value: Any) -> bool:
    """Whether a value is the one that a type has where nothing is said."""
    if isinstance(value, Duration | Timestamp):
        return value.nanoseconds == 0
    return value is None or value in ("", 0, False, b"", [], {})


def span(nanoseconds: int) -> timedelta:
    """For Python's dates, which know microseconds."""
    return timedelta(microseconds=nanoseconds // 1000)
