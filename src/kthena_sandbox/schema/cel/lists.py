"""Lists, sets and optional values: "Kubernetes list library", cel-go's sets extension and optional types."""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from itertools import pairwise
from typing import Any

from kthena_sandbox.schema.cel.kinds import CelError, Optional, no_overload
from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.values import calculate, equal, is_zero, less


def _position(entries: list[Any], wanted: Any, *, last: bool) -> int:
    places = [index for index, entry in enumerate(entries) if equal(entry, wanted)]
    return places[-1 if last else 0] if places else -1


def _is_sorted(entries: list[Any]) -> bool:
    return all(not less(after, before) for before, after in pairwise(entries))


def _least(entries: list[Any], *, greatest: bool) -> Any:
    if not entries:
        raise CelError(f"{'max' if greatest else 'min'} called on empty list")
    chosen = entries[0]
    for entry in entries[1:]:
        smaller, larger = (chosen, entry) if greatest else (entry, chosen)
        chosen = entry if less(smaller, larger) else chosen
    return chosen


def _sum(entries: list[Any]) -> Any:
    return reduce(partial(calculate, "+"), entries) if entries else 0


def _joined(entries: list[Any], separator: str = "") -> str:
    if not all(isinstance(entry, str) for entry in entries):
        raise no_overload("join")
    return separator.join(entries)


def _holds(entries: list[Any], wanted: list[Any]) -> bool:
    return all(any(equal(one, entry) for entry in entries) for one in wanted)


def _equivalent(left: list[Any], right: list[Any]) -> bool:
    return _holds(left, right) and _holds(right, left)


def _intersects(left: list[Any], right: list[Any]) -> bool:
    return any(_holds(left, [one]) for one in right)


def _value(target: Optional) -> Any:
    if not target.present:
        raise CelError("optional.none() dereference")
    return target.content


def _or(target: Optional, other: Any) -> Any:
    if not isinstance(other, Optional):
        raise no_overload("or")
    return target if target.present else other


_LIST: Mapping[str, Callable[..., Any]] = {
    "indexOf": partial(_position, last=False), "lastIndexOf": partial(_position, last=True),
    "isSorted": _is_sorted, "join": _joined, "max": partial(_least, greatest=True),
    "min": partial(_least, greatest=False), "sum": _sum,
}  # fmt: skip
_ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp")
LIBRARY = Library(
    {
        "sets.contains": _holds, "sets.equivalent": _equivalent, "sets.intersects": _intersects,
        "optional.of": lambda value: Optional(True, value), "optional.none": Optional,
        "optional.ofNonZeroValue": lambda value: Optional() if is_zero(value) else Optional(True, value),
    },
    {
        **{(list, name): method for name, method in _LIST.items()},
        (Optional, "hasValue"): lambda target: target.present,
        (Optional, "value"): _value, (Optional, "or"): _or,
        (Optional, "orValue"): lambda target, other: target.content if target.present else other,
    },
    """
    join: list(string).() -> string
    join: list(string).(string) -> string
    indexOf: list(A).(A) -> int
    lastIndexOf: list(A).(A) -> int
    sets.contains: (list(A), list(A)) -> bool
    sets.equivalent: (list(A), list(A)) -> bool
    sets.intersects: (list(A), list(A)) -> bool
    optional.of: (A) -> optional_type(A)
    optional.ofNonZeroValue: (A) -> optional_type(A)
    optional.none: () -> optional_type(A)
    hasValue: optional_type(A).() -> bool
    value: optional_type(A).() -> A
    or: optional_type(A).(optional_type(A)) -> optional_type(A)
    orValue: optional_type(A).(A) -> A
    """
    + "\n".join(
        f"isSorted: list({kind}).() -> bool\nmin: list({kind}).() -> {kind}\nmax: list({kind}).() -> {kind}"
        for kind in _ORDERED
    )
    + "\n".join(f"\nsum: list({kind}).() -> {kind}" for kind in ("int", "uint", "double", "duration")),
)  # fmt: skip
