"""Label selectors as text: read as the labels package of apimachinery reads them, and refused in its words."""

import re

from kthena_sandbox.apiserver.errors import bad_request
from kthena_sandbox.apiserver.selectors import Requirement
from kthena_sandbox.schema import names

_TOKENS = re.compile(r"==|!=|[()!,=<>]|[^\s()!,=<>]+")
_SYMBOLS = frozenset({"==", "!=", "(", ")", "!", ",", "=", "<", ">", ""})
_OPERATORS = {"=": "in", "==": "in", "!=": "notin", "<": "<", ">": ">"}
_PATH = "<nil>"  # requirements of a selector in text have no path, which Go shows so


def parse_labels(selector: str) -> tuple[Requirement, ...]:
    """Read `a=b,c!=d,e in (x,y),f,!g`. Raises ApiError 400."""
    try:
        return tuple(_Parser(_TOKENS.findall(selector)).requirements())
    except ValueError as error:
        raise bad_request(str(error)) from error


class _Parser:
    """Raises ValueError with what was found and what was expected."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]
        self._place = 0

    def _next(self) -> str:
        """The next token, "" at the end."""
        mark = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return mark

    @property
    def _ahead(self) -> str:
        return self._tokens[self._place]

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        if self._ahead == "":
            return found
        if self._ahead in _SYMBOLS - {"!"}:
            raise ValueError(_found(self._ahead, "!, identifier, or 'end of string'"))
        while True:
            try:
                found.append(self._requirement())
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from error
            mark = self._next()
            if mark == "":
                return found
            if mark != ",":
                raise ValueError(_found(mark, "',' or 'end of string'"))
            if self._ahead in _SYMBOLS - {"!"}:
                raise ValueError(_found(self._ahead, "identifier after ','"))

    def _requirement(self) -> Requirement:
        absent = self._ahead == "!"
        if absent:
            self._next()
        key = self._next()
        if key in _SYMBOLS:
            raise ValueError(_found(key, "identifier"))
        if problems := names.qualified_problems(key):
            raise ValueError(f'{_PATH}: Invalid value: "{key}": {"; ".join(problems)}')
        if absent:
            return Requirement(key, "!")
        if self._ahead in {"", ","}:
            return Requirement(key, "exists")
        operator = self._next()
        if operator in {"in", "notin"}:
            return Requirement(key, operator, _checked(key, self._values()))
        if operator not in _OPERATORS:
            raise ValueError(_found(operator, "in, notin, =, ==, !=, gt, lt"))
        return self._compared(key, _OPERATORS[operator])

    def _compared(self, key: str, operator: str) -> Requirement:
        value = "" if self._ahead in {"", ","} else self._next()
        if value and value in _SYMBOLS:
            raise ValueError(_found(value, "identifier"))
        if operator in "<>" and not re.fullmatch(r"[+-]?\d+", value):
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise ValueError(f'values[0]: Invalid value: "{value}": {why}')
        return Requirement(key, operator, _checked(key, {value}))

    def _values(self) -> set[str]:
        if (mark := self._next()) != "(":
            raise ValueError(f"found '{mark}' expected: '('")
        if self._ahead == ")":
            self._next()
            return {""}
        if self._ahead in _SYMBOLS - {","}:
            raise ValueError(_found(self._ahead, "',', ')' or identifier"))
        values: set[str] = set()
        while True:
            values.add("" if self._ahead in {",", ")"} else self._next())
            mark = self._next()
            if mark == ")":
                return values
            if mark != ",":
                raise ValueError(_found(mark, "',' or ')'"))


def _found(mark: str, expected: str) -> str:
    return f"found '{mark}', expected: {expected}"


def _checked(key: str, values: set[str]) -> frozenset[str]:
    for index, value in enumerate(sorted(values)):
        if problems := names.label_value_problems(value):
            shown = f'values[{index}][{key}]: Invalid value: "{value}"'
            raise ValueError(f"{shown}: {'; '.join(problems)}")
    return frozenset(values)
