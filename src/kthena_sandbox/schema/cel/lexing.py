"""Texts of CEL as tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

TokenKind = Literal["literal", "name", "mark", "end"]
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[rR]?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<number>0[xX][0-9a-fA-F]+|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+)
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL
)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}


class CelSyntaxError(Exception):
    """The text is no expression, or one that is not supported here; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `value` of a literal, otherwise `text`."""

    kind: TokenKind
    text: str
    value: Any = None


def tokens(text: str) -> Iterator[Token]:
    """The tokens and an end. Raises CelSyntaxError."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise CelSyntaxError(f"token recognition error at: {text[at : at + 10]!r}")
        at = found.end()
        if found.lastgroup != "space":
            yield _token(str(found.lastgroup), found[0])
    yield Token("end", "<EOF>")


def _token(group: str, text: str) -> Token:
    if group == "text":
        return Token("literal", text, _unquoted(text))
    if group == "number":
        return Token("literal", text, _number(text))
    if text in _LITERALS:
        return Token("literal", text, _LITERALS[text])
    return Token("name" if group == "name" else "mark", text)


def _number(text: str) -> int | float:
    if text[:2] in {"0x", "0X"}:
        return int(text, 16)
    return int(text) if text.isdigit() else float(text)


def _unquoted(text: str) -> str:
    raw = text[0] in "rR"
    text = text[1:] if raw else text
    width = 3 if text[:3] in {'"""', "'''"} else 1
    inner = text[width:-width]
    return inner if raw else _ESCAPE.sub(_unescaped, inner)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)
