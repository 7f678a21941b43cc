"""Texts, and conversions to and from them: the standard library, cel-go's strings extension in version 2, and regular expressions."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from math import isfinite, isnan
from typing import Any

import re2

from kthena_sandbox.schema.cel.kinds import (
    CelError,
    Duration,
    Timestamp,
    TypeValue,
    Uint,
    no_overload,
)
from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.times import shown_duration, shown_timestamp
from kthena_sandbox.schema.cel.values import is_number


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    try:
        return re2.compile(text)
    except re2.error as error:
        raise CelError(f"error parsing regexp: {error}") from error


def matches(text: str, pattern: str) -> bool:
    """Whether a part of the text fits. Raises CelError."""
    return _pattern(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    found = _pattern(pattern).search(text)
    return "" if found is None else str(found[0])


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [str(match[0]) for match in _pattern(pattern).finditer(text)]
    return found if limit < 0 else found[:limit]


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    if not 0 <= end <= len(text):
        raise CelError(f"index out of range: {end}")
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    return text[start:end]


def _char_at(text: str, index: int) -> str:
    return "" if index == len(text) else _substring(text, index, index + 1)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit in {0, 1}:
        return [text][:limit]
    if not separator:
        letters = list(text)
        whole = limit < 0 or len(letters) <= limit
        return letters if whole else [*letters[: limit - 1], "".join(letters[limit - 1 :])]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    return text.replace(old, new, limit)


def _index(text: str, part: str, start: int = 0) -> int:
    return text.find(part, start)


def _last_index(text: str, part: str, start: int | None = None) -> int:
    return text.rfind(part) if start is None else text.rfind(part, 0, start + len(part))


def _ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(mark) if mark.isascii() else mark for mark in text)


def _quote(text: str) -> str:
    marks = {"\\": "\\\\", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
             "\t": "\\t", "\v": "\\v"}  # fmt: skip
    return '"' + "".join(marks.get(mark, mark) for mark in text) + '"'


def _real(value: float) -> str:
    """The shortest form, as Go's %g has it: with an exponent from a million on, and below a ten-thousandth."""
    if not isfinite(value):
        return "NaN" if isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    exact = Decimal(repr(value)).normalize()
    _, digits, power = exact.as_tuple()
    exponent = len(digits) + int(power) - 1
    if value == 0 or -4 <= exponent < 6:
        return f"{exact:f}"
    first, *rest = map(str, digits)
    fraction = f".{''.join(rest)}" if rest else ""
    return f"{'-' if value < 0 else ''}{first}{fraction}e{exponent:+03d}"


def string(value: Any) -> str:
    """`string(value)`. Raises CelError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from error
    if isinstance(value, Duration):
        return shown_duration(value)
    if isinstance(value, Timestamp):
        return shown_timestamp(value)
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, str | int):
        return str(value)
    text = getattr(value, "cel_text", None)
    if text is None:
        raise no_overload("string")
    return str(text)


def _int(value: Any) -> int:
    if isinstance(value, Timestamp):
        return value.nanoseconds // 10**9
    if not is_number(value) and not isinstance(value, str):
        raise no_overload("int")
    try:
        return int(value)
    except ValueError as error:
        raise CelError("type conversion error from 'string' to 'int'") from error


def _uint(value: Any) -> Uint:
    number = _int(value)
    if number < 0:
        raise CelError("unsigned integer overflow")
    return Uint(number)


def _double(value: Any) -> float:
    if not is_number(value) and not isinstance(value, str):
        raise no_overload("double")
    try:
        return float(value)
    except ValueError as error:
        raise CelError("type conversion error from 'string' to 'double'") from error


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"true", "True", "TRUE", "t", "1"}:
        return True
    if value in {"false", "False", "FALSE", "f", "0"}:
        return False
    raise CelError("type conversion error from 'string' to 'bool'")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str | bytes):
        raise no_overload("bytes")
    return value.encode() if isinstance(value, str) else value


def size(value: Any) -> int:
    """The length of a text, of bytes, a list or a map. Raises CelError."""
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise no_overload("size")


_TYPES: dict[type, str] = {
    bool: "bool", int: "int", Uint: "uint", float: "double", str: "string", bytes: "bytes", list: "list",
    dict: "map", type(None): "null_type", Duration: "google.protobuf.Duration",
    Timestamp: "google.protobuf.Timestamp", TypeValue: "type",
}  # fmt: skip


def type_of(value: Any) -> TypeValue:
    """`type(value)`."""
    return TypeValue(_TYPES.get(type(value)) or str(getattr(value, "cel_type", "dyn")))


TYPE_NAMES = {
    name: TypeValue(name)
    for name in ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type")
}  # fmt: skip
LIBRARY = Library(
    {
        "size": size, "int": _int, "uint": _uint, "double": _double, "string": string, "bool": _bool,
        "bytes": _bytes, "dyn": lambda value: value, "type": type_of, "matches": matches,
        "strings.quote": _quote,
    },
    {
        **{(kind, "size"): size for kind in (str, bytes, list, dict)},
        (str, "startsWith"): str.startswith, (str, "endsWith"): str.endswith,
        (str, "contains"): str.__contains__, (str, "matches"): matches, (str, "split"): _split,
        (str, "lowerAscii"): _ascii(str.lower), (str, "upperAscii"): _ascii(str.upper),
        (str, "trim"): str.strip, (str, "replace"): _replace, (str, "indexOf"): _index,
        (str, "lastIndexOf"): _last_index, (str, "find"): _find, (str, "findAll"): _find_all,
        (str, "substring"): _substring, (str, "charAt"): _char_at,
    },
    """
    size: (string) -> int
    size: (bytes) -> int
    size: (list(A)) -> int
    size: (map(A, B)) -> int
    size: string.() -> int
    size: bytes.() -> int
    size: list(A).() -> int
    size: map(A, B).() -> int
    int: (int) -> int
    int: (uint) -> int
    int: (double) -> int
    int: (string) -> int
    int: (timestamp) -> int
    uint: (uint) -> uint
    uint: (int) -> uint
    uint: (double) -> uint
    uint: (string) -> uint
    double: (double) -> double
    double: (int) -> double
    double: (uint) -> double
    double: (string) -> double
    string: (string) -> string
    string: (bool) -> string
    string: (int) -> string
    string: (uint) -> string
    string: (double) -> string
    string: (bytes) -> string
    string: (timestamp) -> string
    string: (duration) -> string
    bool: (bool) -> bool
    bool: (string) -> bool
    bytes: (bytes) -> bytes
    bytes: (string) -> bytes
    dyn: (A) -> dyn
    type: (A) -> type(A)
    strings.quote: (string) -> string
    startsWith: string.(string) -> bool
    endsWith: string.(string) -> bool
    contains: string.(string) -> bool
    matches: (string, string) -> bool
    matches: string.(string) -> bool
    split: string.(string) -> list(string)
    split: string.(string, int) -> list(string)
    lowerAscii: string.() -> string
    upperAscii: string.() -> string
    trim: string.() -> string
    replace: string.(string, string) -> string
    replace: string.(string, string, int) -> string
    indexOf: string.(string) -> int
    indexOf: string.(string, int) -> int
    lastIndexOf: string.(string) -> int
    lastIndexOf: string.(string, int) -> int
    find: string.(string) -> string
    findAll: string.(string) -> list(string)
    findAll: string.(string, int) -> list(string)
    substring: string.(int) -> string
    substring: string.(int, int) -> string
    charAt: string.(int) -> string
    format: string.(list(dyn)) -> string
    """,
)  # fmt: skip
