"""`'…'.format([…])` of cel-go's strings extension: clauses `%s %d %f %e %b %x %X %o %%`."""

import re
from typing import Any

from kthena_sandbox.schema.cel.kinds import CelError, no_overload
from kthena_sandbox.schema.cel.texts import string, type_of
from kthena_sandbox.schema.cel.values import is_number

_CLAUSE = re.compile(r"%(?:\.(\d+))?(.)", re.DOTALL)
_BASES = {"d": "d", "b": "b", "x": "x", "X": "X", "o": "o"}
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
    digits = 6 if precision is None else int(precision)
    if kind in {"f", "e"} and is_number(value):
        return f"{value:.{digits}{kind}}"
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
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        pairs = sorted((_shown(key), _shown(entry)) for key, entry in value.items())
        return f"{{{', '.join(f'{key}: {entry}' for key, entry in pairs)}}}"
    return string(value)
