"""Logic that may leave errors aside, and the macros that go through lists and maps, with one variable or two."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kthena_sandbox.schema.cel import values
from kthena_sandbox.schema.cel.kinds import CelError, Optional, no_overload

Variables = Mapping[str, Any]
Code = Callable[[Variables], Any]
Names = tuple[str, ...]


def _decide(deciding: bool, codes: Iterator[Callable[[], Any]]) -> bool:
    """*deciding* if one of the results is that, whatever errors the others have. Raises CelError."""
    failed: CelError | None = None
    for code in codes:
        try:
            found = code()
        except CelError as error:
            failed = failed or error
            continue
        if not isinstance(found, bool):
            failed = failed or no_overload()
        elif found is deciding:
            return deciding
    if failed is not None:
        raise failed
    return not deciding


def both(left: Code, right: Code) -> Code:
    """`&&`."""
    return lambda variables: _decide(
        False, iter((lambda: left(variables), lambda: right(variables)))
    )


def either(left: Code, right: Code) -> Code:
    """`||`."""
    return lambda variables: _decide(
        True, iter((lambda: left(variables), lambda: right(variables)))
    )


def _scopes(target: Code, names: Names, variables: Variables) -> list[Variables]:
    """The variables of each step: one name stands for the items of a list or the keys of a map, two for places and items."""
    found = target(variables)
    entries = values.entries(found)
    if len(names) == 1:
        chosen = 0 if isinstance(found, dict) else 1
        return [_Scope(variables, {names[0]: entry[chosen]}) for entry in entries]
    return [_Scope(variables, dict(zip(names, entry, strict=True))) for entry in entries]


class _Scope(Mapping[str, Any]):
    """Variables within others."""

    def __init__(self, outer: Variables, own: dict[str, Any]) -> None:
        self._outer = outer
        self._own = own

    def __getitem__(self, name: str) -> Any:
        return self._own[name] if name in self._own else self._outer[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._outer

    def __iter__(self) -> Iterator[str]:
        yield from {*self._own, *self._outer}

    def __len__(self) -> int:
        return len({*self._own, *self._outer})


def _each(
    target: Code, names: Names, body: Code, variables: Variables
) -> Iterator[Callable[[], Any]]:
    def bound(scope: Variables) -> Callable[[], Any]:
        return lambda: body(scope)

    return (bound(scope) for scope in _scopes(target, names, variables))


def _all(target: Code, names: Names, body: Code) -> Code:
    return lambda variables: _decide(False, _each(target, names, body, variables))


def _exists(target: Code, names: Names, body: Code) -> Code:
    return lambda variables: _decide(True, _each(target, names, body, variables))


def _is_true(found: Any) -> bool:
    if not isinstance(found, bool):
        raise no_overload()
    return found


def _exists_one(target: Code, names: Names, body: Code) -> Code:
    return lambda variables: (
        sum(_is_true(look()) for look in _each(target, names, body, variables)) == 1
    )


def _filter(target: Code, names: Names, body: Code) -> Code:
    (name,) = names
    return lambda variables: [
        scope[name] for scope in _scopes(target, names, variables) if _is_true(body(scope))
    ]


def _map(target: Code, names: Names, *bodies: Code) -> Code:
    return lambda variables: [
        bodies[-1](scope)
        for scope in _scopes(target, names, variables)
        if len(bodies) == 1 or _is_true(bodies[0](scope))
    ]


def _transform_map(target: Code, names: Names, *bodies: Code) -> Code:
    return lambda variables: {
        scope[names[0]]: bodies[-1](scope)
        for scope in _scopes(target, names, variables)
        if len(bodies) == 1 or _is_true(bodies[0](scope))
    }


def _transform_entries(target: Code, names: Names, *bodies: Code) -> Code:
    pieces = _map(target, names, *bodies)

    def made(variables: Variables) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for piece in pieces(variables):
            if repeated := found.keys() & piece.keys():
                raise CelError(f"insert failed: key {min(repeated)} already exists")
            found |= piece
        return found

    return made


def _opt_map(target: Code, names: Names, body: Code) -> Code:
    def mapped(variables: Variables) -> Optional:
        found = target(variables)
        if not isinstance(found, Optional):
            raise no_overload("optMap")
        if not found.present:
            return found
        return Optional(True, body(_Scope(variables, {names[0]: found.content})))

    return mapped


def _opt_flat_map(target: Code, names: Names, body: Code) -> Code:
    mapped = _opt_map(target, names, body)

    def flat(variables: Variables) -> Optional:
        found = mapped(variables)
        inner = found.content if found.present else found
        if not isinstance(inner, Optional):
            raise no_overload("optFlatMap")
        return inner

    return flat


# By name and number of variables.
MACROS: Mapping[tuple[str, int], Callable[..., Code]] = {
    ("all", 1): _all, ("all", 2): _all, ("exists", 1): _exists, ("exists", 2): _exists,
    ("exists_one", 1): _exists_one, ("existsOne", 1): _exists_one, ("existsOne", 2): _exists_one,
    ("filter", 1): _filter, ("map", 1): _map, ("transformList", 2): _map,
    ("transformMap", 2): _transform_map, ("transformMapEntry", 2): _transform_entries,
    ("optMap", 1): _opt_map, ("optFlatMap", 1): _opt_flat_map,
}  # fmt: skip
