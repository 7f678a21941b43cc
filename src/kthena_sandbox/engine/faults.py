"""Failures on demand: what an engine is told to do wrong, for all its requests or for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

HEADER = "x-mock-fault"


class FaultError(ValueError):
    """A fault that cannot be meant; the text says why."""


def _fault(kind: type, help_text: str, *, engine_only: bool = False) -> Any:
    metadata = {"kind": kind, "help": help_text, "engine_only": engine_only}
    return field(default=None, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Fault:
    """Counts are of events of a stream, times are seconds. A whole answer counts as dying half-way."""

    status: int | None = _fault(int, "answer with this status and an error body")
    stall_before: float | None = _fault(float, "wait before the first byte; `true`: for ever")
    stall_after: int | None = _fault(int, "stop after so many events, for stall-for")
    stall_for: float | None = _fault(float, "how long stall-after stops; default for ever")
    slow_first: float | None = _fault(float, "time to the first token")
    die_before: bool | None = _fault(bool, "cut the connection before the first byte")
    die_after: int | None = _fault(int, "cut the connection after so many events")
    reset: bool | None = _fault(bool, "cut with RST instead of FIN")
    times: int | None = _fault(int, "only for so many requests", engine_only=True)
    close_idle: float | None = _fault(float, "close idle connections after", engine_only=True)
    unhealthy: bool | None = _fault(bool, "/health answers 503", engine_only=True)
    refuse: float | None = _fault(
        float, "refuse connections for; `true`: until cleared over an open one", engine_only=True
    )

    def document(self) -> dict[str, Any]:
        """What is set, by the names that set it."""
        named = {entry.name.replace("_", "-"): getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


NO_FAULT = Fault()
_FIELDS = {entry.name.replace("_", "-"): entry for entry in fields(Fault)}


def read_document(document: Mapping[str, Any]) -> Fault:
    """A fault from JSON, with names as `die-after` or `die_after`. Raises FaultError."""
    values: dict[str, Any] = {}
    for given, value in document.items():
        name = given.replace("_", "-")
        if name not in _FIELDS:
            raise FaultError(f"unknown fault {given!r}: there are {', '.join(_FIELDS)}")
        values[name.replace("-", "_")] = _value(name, value)
    return Fault(**values)


def read_header(value: str) -> Fault:
    """A fault for one request, as in `die-after=3, reset`. Raises FaultError."""
    document: dict[str, Any] = {}
    for part in filter(None, (entry.strip() for entry in value.split(","))):
        name, equals, text = part.partition("=")
        document[name.strip()] = text.strip() if equals else True
    fault = read_document(document)
    for name in fault.document():
        if _FIELDS[name].metadata["engine_only"]:
            raise FaultError(
                f"{name!r} is a fault of the whole engine: set it with POST /mock/faults"
            )
    return fault


def _value(name: str, value: object) -> float | bool:
    kind = _FIELDS[name].metadata["kind"]
    if kind is bool:
        return _boolean(name, value)
    if kind is float and value is True:
        return float("inf")
    try:
        number: float = kind(str(value))
    except ValueError as error:
        raise FaultError(f"{name!r} needs a number, not {value!r}") from error
    if not number >= 0:
        raise FaultError(f"{name!r} cannot be {value!r}")
    if name == "status" and not 400 <= number <= 599:
        raise FaultError(f"'status' is 400 to 599, not {value!r}")
    return number


def _boolean(name: str, value: object) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    text = str(value).lower()
    if text not in words:
        raise FaultError(f"{name!r} is true or false, not {value!r}")
    return words[text]


class FaultBox:
    """The fault of the whole engine, which may be for some requests only."""

    def __init__(self) -> None:
        self.current = NO_FAULT
        self._left: int | None = None

    def set(self, fault: Fault) -> None:
        """Replace it."""
        self.current = fault
        self._left = fault.times

    def clear(self) -> None:
        """Behave."""
        self.set(NO_FAULT)

    def take(self) -> Fault:
        """The fault for the next request."""
        if self._left is None:
            return self.current
        if self._left == 0:
            return NO_FAULT
        self._left -= 1
        return self.current
