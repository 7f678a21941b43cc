"""Logic that may leave errors aside, and the macros that go through lists and maps."""

from collections.abc import Callable, Mapping
from typing import Any

from kthena_sandbox.schema.cel import values
from kthena_sandbox.schema.cel.values import CelError

Variables = Mapping[str, Any]
Code = Callable[[Variables], Any]


def _decide(deciding: bool, codes: list[Callable[[], Any]]) -> bool:
    """*deciding* if one of the results is that, whatever errors the others have. Raises CelError."""
    failed: CelError | None = None
    for code in codes:
        try:
            found = code()
        except CelError as error:
            failed = failed or error
            continue
        if not isinstance(found, bool):
            failed = failed or CelError("no such overload")
        elif found is deciding:
            return deciding
    if failed is not None:
        raise failed
    return not deciding


def both(left: Code, right: Code) -> Code:
    """`&&`."""
    return lambda variables: _decide(False, [lambda: left(variables), lambda: right(variables)])


def either(left: Code, right: Code) -> Code:
    """`||`."""
    return lambda variables: _decide(True, [lambda: left(variables), lambda: right(variables)])


def _each(target: Code, name: str, body: Code, variables: Variables) -> list[Callable[[], Any]]:
    def bound(entry: Any) -> Callable[[], Any]:
        return lambda: body({**variables, name: entry})

    return [bound(entry) for entry in values.entries(target(variables))]


def _all(target: Code, name: str, body: Code) -> Code:
    return lambda variables: _decide(False, _each(target, name, body, variables))


def _exists(target: Code, name: str, body: Code) -> Code:
    return lambda variables: _decide(True, _each(target, name, body, variables))


def _is_true(found: Any) -> bool:
    if not isinstance(found, bool):
        raise CelError("no such overload")
    return found


def _exists_one(target: Code, name: str, body: Code) -> Code:
    return lambda variables: (
        sum(_is_true(look()) for look in _each(target, name, body, variables)) == 1
    )


def _filter(target: Code, name: str, body: Code) -> Code:
    def chosen(variables: Variables) -> list[Any]:
        found = values.entries(target(variables))
        return [entry for entry in found if _is_true(body({**variables, name: entry}))]

    return chosen


def _map(target: Code, name: str, *bodies: Code) -> Code:
    source = _filter(target, name, bodies[0]) if len(bodies) == 2 else target

    def made(variables: Variables) -> list[Any]:
        return [look() for look in _each(source, name, bodies[-1], variables)]

    return made


MACROS: Mapping[str, Callable[..., Code]] = {
    "all": _all, "exists": _exists, "exists_one": _exists_one, "filter": _filter, "map": _map,
}  # fmt: skip
