"""What Go's encoding/json says of a text that is no JSON."""

import json
from collections.abc import Mapping

_END = "unexpected end of JSON input"
_LITERALS = ("null", "true", "false")
_MEANT: Mapping[str, str] = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
}


def json_problem(text: str) -> str:
    """The error of decoding *text*, empty where it is JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _worded(error)
    return ""


def _worded(error: json.JSONDecodeError) -> str:
    text, start = error.doc, error.pos
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    if start >= len(text) or error.msg.startswith("Unterminated string"):
        return _END
    if error.msg == "Expecting ',' delimiter":
        return _invalid(text[start], _after(text[:start]))
    if error.msg != "Expecting value":
        return _invalid(text[start], _MEANT.get(error.msg, "looking for beginning of value"))
    return _literal(text[start:]) or _invalid(text[start], "looking for beginning of value")


def _literal(rest: str) -> str:
    """A word that begins like a literal fails at the letter that is another one."""
    for literal in _LITERALS:
        if rest[0] != literal[0]:
            continue
        for found, wanted in zip(rest.ljust(len(literal)), literal, strict=False):
            if found != wanted:  # the end counts as a space
                return _invalid(found, f"in literal {literal} (expecting '{wanted}')")
    return ""


def _after(before: str) -> str:
    """Whether what was left open last is an object or an array; texts in quotes do not count."""
    open_ones, quoted, escaped = [""], False, False
    for character in before:
        if escaped or character == "\\":
            escaped = not escaped
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "[{":
            open_ones.append(character)
        elif not quoted and character in "]}":
            open_ones.pop()
    return "after array element" if open_ones[-1] == "[" else "after object key:value pair"


def _invalid(character: str, where: str) -> str:
    shown = character if character.isprintable() else f"\\u{ord(character):04x}"
    return f"invalid character '{shown}' {where}"
