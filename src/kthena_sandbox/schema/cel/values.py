"""What CEL does with values: equality, order, arithmetic, and the functions of its standard library that CRDs use.

Values are those of JSON, and durations.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial, reduce
from itertools import pairwise
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


def _find(text: str, pattern: str) -> str:
    found = _pattern(pattern).search(text)
    return "" if found is None else str(found[0])


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [str(match[0]) for match in _pattern(pattern).finditer(text)]
    return found if limit < 0 else found[:limit]


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise CelError(f"index out of range: {start}")
    return text[start:end]


def _char_at(text: str, index: int) -> str:
    return "" if index == len(text) else _substring(text, index, index + 1)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": size, "duration": duration, "int": _int, "string": _string, "double": _double,
    "matches": _matches, "dyn": lambda value: value,
}  # fmt: skip
_TEXT: Mapping[str, Callable[..., Any]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__,
    "matches": _matches, "split": str.split, "lowerAscii": str.lower, "upperAscii": str.upper,
    "trim": str.strip, "replace": str.replace, "indexOf": str.find, "lastIndexOf": str.rfind,
    "find": _find, "findAll": _find_all, "substring": _substring, "charAt": _char_at,
}  # fmt: skip


def _position(entries: list[Any], wanted: Any, *, last: bool) -> int:
    places = [index for index, entry in enumerate(entries) if equal(entry, wanted)]
    return places[-1 if last else 0] if places else -1


def _is_sorted(entries: list[Any]) -> bool:
    return all(not less(after, before) for before, after in pairwise(entries))


def _least(entries: list[Any], *, greatest: bool) -> Any:
    if not entries:
        raise CelError(f"{'max' if greatest else 'min'} called on empty list")
    chosen = entries[0]
    for entry in entries[1:]:
        smaller, larger = (chosen, entry) if greatest else (entry, chosen)
        chosen = entry if less(smaller, larger) else chosen
    return chosen


def _sum(entries: list[Any]) -> Any:
    return reduce(lambda left, right: calculate("+", left, right), entries) if entries else 0


def _joined(entries: list[Any], separator: str = "") -> str:
    if not all(isinstance(entry, str) for entry in entries):
        raise CelError("no such overload: join")
    return separator.join(entries)


# "Kubernetes list library" of "Common Expression Language in Kubernetes".
_LIST: Mapping[str, Callable[..., Any]] = {
    "indexOf": partial(_position, last=False), "lastIndexOf": partial(_position, last=True),
    "isSorted": _is_sorted, "join": _joined, "max": partial(_least, greatest=True),
    "min": partial(_least, greatest=False), "sum": _sum,
}  # fmt: skip
METHODS = frozenset({*_TEXT, *_LIST, "size"})


def call_method(name: str, target: Any, arguments: list[Any]) -> Any:
    """`target.name(arguments)`. Raises CelError."""
    if name == "size" and not arguments:
        return size(target)
    if isinstance(target, list) and name in _LIST:
        return _called(name, _LIST[name], target, arguments)
    texts = isinstance(target, str) and all(isinstance(entry, str | int) for entry in arguments)
    if name not in _TEXT or not texts:
        raise CelError(f"no such overload: {name}")
    return _called(name, _TEXT[name], target, arguments)


def _called(name: str, method: Callable[..., Any], target: Any, arguments: list[Any]) -> Any:
    try:
        return method(target, *arguments)
    except TypeError as error:
        raise CelError(f"no such overload: {name}") from error
