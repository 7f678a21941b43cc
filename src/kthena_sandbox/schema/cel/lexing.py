"""Texts of CEL as tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kthena_sandbox.schema.cel.kinds import Uint

TokenKind = Literal["literal", "name", "mark", "end"]
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>(?:[bB][rR]?|[rR][bB]?)?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?)
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_UNKNOWN = re.compile(r"[\"'][^\n]*|[=&|] ?|.", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL
)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong, and at which character."""

    at: int
    text: str

    def shown(self, source: str) -> str:
        """With the line, in the form of cel-go."""
        before = source[: self.at]
        line, column = before.count("\n"), self.at - (before.rfind("\n") + 1)
        shown = (source.split("\n") or [""])[line]
        return (
            f"ERROR: <input>:{line + 1}:{column + 1}: {self.text}\n | {shown}\n | {'.' * column}^"
        )


class CelSyntaxError(Exception):
    """The text is no expression, or one that does not fit its place; the message says why."""

    def __init__(self, issues: list[Issue], source: str) -> None:
        super().__init__("\n".join(issue.shown(source) for issue in issues))
        self.issues = issues


@dataclass(frozen=True, slots=True)
class Token:
    """One token and where it starts: `value` of a literal, otherwise `text`."""

    kind: TokenKind
    text: str
    at: int
    value: Any = None


def tokens(text: str, issues: list[Issue]) -> Iterator[Token]:
    """The tokens and an end; what is none is told in *issues* and left out."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            unknown = _UNKNOWN.match(text, at)
            shown = unknown[0] if unknown else text[at]
            issues.append(Issue(at, f"Syntax error: token recognition error at: '{shown}'"))
            at += len(shown)
            continue
        if found.lastgroup != "space":
            yield _token(str(found.lastgroup), found[0], at, issues)
        at = found.end()
    yield Token("end", "<EOF>", len(text))


def _token(group: str, text: str, at: int, issues: list[Issue]) -> Token:
    if group == "text":
        return Token("literal", text, at, _unquoted(text))
    if group == "number":
        value = _number(text)
        if isinstance(value, int) and not -(2**63) <= value < 2 ** (63 + isinstance(value, Uint)):
            name = "uint" if isinstance(value, Uint) else "int"
            issues.append(Issue(at, f"invalid {name} literal"))
        return Token("literal", text, at, value)
    if text in _LITERALS:
        return Token("literal", text, at, _LITERALS[text])
    return Token("name" if group == "name" else "mark", text, at)


def _number(text: str) -> int | float:
    digits = text.rstrip("uU")
    kind = int if digits == text else Uint
    if text[:2] in {"0x", "0X"}:
        return kind(int(digits, 16))
    return kind(digits) if digits.isdigit() else float(text)


def _unquoted(text: str) -> str | bytes:
    start = re.match(r"[rRbB]*", text)
    prefix = start[0].lower() if start else ""
    text = text[len(prefix) :]
    width = 3 if text[:3] in {'"""', "'''"} else 1
    inner = text[width:-width]
    read = inner if "r" in prefix else _ESCAPE.sub(_unescaped, inner)
    if "b" not in prefix:
        return read
    return inner.encode() if "r" in prefix else _bytes(inner)


def _bytes(inner: str) -> bytes:
    """In bytes hexadecimal and octal numbers stand for bytes, not for characters."""
    parts, at = [], 0
    for found in _ESCAPE.finditer(inner):
        parts.append(inner[at : found.start()].encode())
        code, at = _unescaped(found), found.end()
        byte = found[1][0] == "x" or len(found[1]) == 3
        parts.append(bytes([ord(code)]) if byte else code.encode())
    return b"".join([*parts, inner[at:].encode()])


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)
