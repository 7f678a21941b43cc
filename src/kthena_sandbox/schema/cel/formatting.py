"""`'…'.format([…])` of cel-go's strings extension: clauses `%s %d %f %e %b %x %X %o %%`."""

import re
from typing import Any

from kthena_sandbox.schema.cel.kinds import CelError, Duration, Timestamp, no_overload
from kthena_sandbox.schema.cel.texts import string, type_of

_CLAUSE = re.compile(r"%(?:\.(\d+))?(.)", re.DOTALL)
_BASES = {"d": "d", "b": "b", "x": "x", "X": "X", "o": "o"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CALLED = {"d": "decimal", "b": "binary", "x": "hex", "X": "hex", "o": "octal"}


def formatted(text: str, arguments: Any) -> str:
    """The text with the arguments in the place of its clauses. Raises CelError."""
    if not isinstance(arguments, list):
        raise no_overload("format")
    left = list(arguments)

    def clause(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        if not left:
            raise CelError(f"index {len(arguments)} out of range")
        return _clause(found[2], found[1], left.pop(0))

    return _CLAUSE.sub(clause, text)


def _clause(kind: str, precision: str | None, value: Any) -> str:
    if kind == "s":
        return _shown(value)
    if kind == "f" and isinstance(value, float):
        return f"{value:,.{6 if precision is None else int(precision)}f}"
    if kind == "e" and isinstance(value, float):  # whose precision does not count
        mantissa, _, exponent = f"{value:.6e}".partition("e")
        return f"{mantissa}\u00d710{exponent.removeprefix('+').translate(_RAISED)}"
    if kind in {"x", "X"} and isinstance(value, str | bytes):
        code = value.encode() if isinstance(value, str) else value
        return code.hex().upper() if kind == "X" else code.hex()
    if kind == "b" and isinstance(value, bool):
        return str(int(value))
    if kind in _BASES and isinstance(value, int) and not isinstance(value, bool):
        return format(value, _BASES[kind])
    if kind not in _BASES and kind not in {"f", "e"}:
        raise CelError(f'error during formatting: could not parse formatting clause: unrecognized formatting clause "{kind}"')  # fmt: skip
    called = _CALLED.get(kind, "fixed-point" if kind == "f" else "scientific")
    what = "integers" if kind in _BASES else "doubles"
    given = type_of(value).name
    raise CelError(
        f"error during formatting: {called} clause can only be used on {what}, was given {given}"
    )


def _shown(value: Any) -> str:
    return _within(value) if value is None or isinstance(value, list | dict) else string(value)


def _within(value: Any) -> str:
    """As it stands in a list or a map."""
    match value:
        case None:
            return "null"
        case list():
            return f"[{', '.join(map(_within, value))}]"
        case dict():
            pairs = sorted((_within(key), _within(entry)) for key, entry in value.items())
            return f"{{{', '.join(f'{key}:{entry}' for key, entry in pairs)}}}"
        case str():
            return f'"{value}"'
        case bytes():
            return f'b"{string(value)}"'
        case float():
            return f"{value:.6f}"
        case Duration():
            return f'duration("{string(value)}")'
        case Timestamp():
            return f'timestamp("{string(value)}")'
    return string(value)
