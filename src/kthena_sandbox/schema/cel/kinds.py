"""The values of CEL that JSON does not have: uints, durations, time stamps, optional values, types."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class CelError(Exception):
    """An expression has no value; the message says why, in the words of cel-go."""


class Uint(int):
    """A whole number without a sign."""


class Duration(NamedTuple):
    """A span of time."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A moment, counted from 1970 on in UTC, and by how many minutes it was written ahead of that."""

    nanoseconds: int
    offset: int = field(default=0, compare=False)


class TypeValue(NamedTuple):
    """What `type()` says of a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Optional:
    """A value, or none."""

    present: bool = False
    content: Any = None


def optional(value: Any) -> Optional:
    """None of Python's is none of CEL's."""
    return Optional() if value is None else Optional(True, value)


def no_overload(name: str = "") -> CelError:
    """The error of a function that takes no such values."""
    return CelError(f"no such overload: {name}" if name else "no such overload")
