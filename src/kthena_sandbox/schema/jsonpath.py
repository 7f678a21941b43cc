r"""The JSONPath of printer columns, as k8s.io/client-go/util/jsonpath reads it.

Fields (`.a`, `['a.b']`, `.a\.b`), wildcards, indices and slices, recursive descent, and filters such as
`[?(@.type=="Ready")]`.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]
_FIELD = re.compile(r"\.?((?:\\.|[^.\[\]\\])+)")
_QUOTED = re.compile(r"""\[\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*\]""")
_INDICES = re.compile(r"\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]")
_SLICE = re.compile(r"\[\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(\d*)\s*)?\]")
_FILTER = re.compile(r"\[\?\(((?:[^()'\"]|'[^']*'|\"[^\"]*\")*)\)\]")
_COMPARISON = re.compile(r"(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class JsonPathError(ValueError):
    """The text is no JSONPath that is understood here."""


def compile_path(text: str) -> Callable[[Any], list[Any]]:
    """A function that finds the values of the path in a document. Raises JsonPathError."""
    steps = _parsed(text.strip().removeprefix("$").removeprefix("@"), text)

    def find(document: Any) -> list[Any]:
        found = [document]
        for step in steps:
            found = [value for place in found for value in step(place)]
        return found

    return find


def _parsed(rest: str, text: str) -> list[Step]:
    steps: list[Step] = []
    while rest not in {"", "."}:
        step, length = _next(rest, text)
        steps.append(step)
        rest = rest[length:]
    return steps


def _next(rest: str, text: str) -> tuple[Step, int]:
    if rest.startswith(".."):
        return _descend, 1 if rest[2:3] not in {"", "["} else 2
    for wildcard in ("[*]", ".*", "*"):
        if rest.startswith(wildcard):
            return _children, len(wildcard)
    for pattern, make in _FORMS:
        found = pattern.match(rest)
        if found is not None:
            return make(found), found.end()
    raise JsonPathError(f"unrecognized JSONPath {text}")


def _field(found: re.Match[str]) -> Step:
    name = next(group for group in found.groups() if group is not None)
    name = re.sub(r"\\(.)", r"\1", name)

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _indices(found: re.Match[str]) -> Step:
    wanted = [int(part) for part in found[1].split(",")]

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (value[index] for index in wanted if -len(value) <= index < len(value))

    return step


def _slice(found: re.Match[str]) -> Step:
    first, last, pace = (int(part) if part else None for part in found.groups())

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[first : last : pace or None]

    return step


def _filter(found: re.Match[str]) -> Step:
    holds = _condition(found[1].strip())

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (entry for entry in value if holds(entry))

    return step


def _condition(text: str) -> Callable[[Any], bool]:
    found = _COMPARISON.fullmatch(text)
    if found is None:
        exists = _operand(text)
        return lambda entry: bool(exists(entry))
    left, right = _operand(found[1]), _operand(found[3])
    compare = _OPERATORS[found[2]]

    def holds(entry: Any) -> bool:
        first, second = left(entry), right(entry)
        try:
            return bool(first) and bool(second) and compare(first[0], second[0])
        except TypeError:  # values of different types
            return False

    return holds


def _operand(text: str) -> Callable[[Any], list[Any]]:
    text = text.strip()
    if text.startswith(("@", "$")):
        return compile_path(text)
    if text.startswith("'"):
        return lambda _: [text[1:-1]]
    try:
        value = json.loads(text)
    except ValueError as error:
        raise JsonPathError(f"unrecognized JSONPath operand {text}") from error
    return lambda _: [value]


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _descend(child)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Step]], ...] = (
    (_FILTER, _filter),
    (_QUOTED, _field),
    (_INDICES, _indices),
    (_SLICE, _slice),
    (_FIELD, _field),
)
