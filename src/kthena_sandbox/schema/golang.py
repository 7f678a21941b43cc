"""Values and JSON types as Go prints them, since Kubernetes' messages are printed by Go."""

import json
from decimal import Decimal
from typing import Any


def json_type(value: object) -> str:
    """The JSON Schema type of a decoded value; a float without a fraction stays a `number`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b",
    "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def quoted(text: str) -> str:
    """`%q` of a string."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(mark: str) -> str:
    if mark in _ESCAPES:
        return _ESCAPES[mark]
    if mark.isprintable():
        return mark
    code = ord(mark)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """`%v` of an int64 or float64; floats take an exponent from 1e+06 on."""
    if isinstance(value, int):
        return str(value)
    shown = repr(value)
    if shown in {"inf", "-inf", "nan"}:
        return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[shown]
    digits = Decimal(shown).normalize()
    exponent = digits.adjusted()
    if value != 0 and not -4 <= exponent < 6:
        mantissa = digits.scaleb(-exponent).normalize()
        return f"{mantissa:f}e{exponent:+03d}"
    return f"{digits:f}"


def shown(value: Any) -> str:
    """A bad value in a field error, which shows anything but numbers as JSON (apimachinery 0.34)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def syntax(value: Any) -> str:
    """`%#v` of a decoded JSON value."""
    match value:
        case None:
            return "interface {}(nil)"
        case list():
            return f"[]interface {{}}{{{', '.join(syntax(entry) for entry in value)}}}"
        case dict():
            entries = (f"{quoted(key)}:{syntax(value[key])}" for key in sorted(value))
            return f"map[string]interface {{}}{{{', '.join(entries)}}}"
        case _:
            return shown(value)


def plain(value: Any) -> str:
    """`%v` of a decoded JSON value."""
    match value:
        case None:
            return "<nil>"
        case str():
            return value
        case list():
            return f"[{' '.join(plain(entry) for entry in value)}]"
        case dict():
            return f"map[{' '.join(f'{key}:{plain(value[key])}' for key in sorted(value))}]"
        case _:
            return shown(value)


def as_struct(value: dict[str, Any]) -> str:
    """A struct in a field error, whose fields stand in their own order."""
    return json.dumps(value, separators=(",", ":"))
