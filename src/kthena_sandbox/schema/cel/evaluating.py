"""Trees as functions of their variables."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kthena_sandbox.schema.cel import amounts, authorization, lists, nets, texts, times, values
from kthena_sandbox.schema.cel.formatting import formatted
from kthena_sandbox.schema.cel.kinds import CelError, TypeValue, no_overload
from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.macros import MACROS, both, either
from kthena_sandbox.schema.cel.syntax import (
    Call,
    Collection,
    Entry,
    Literal,
    Macro,
    Name,
    Node,
    Select,
    field_name,
    qualified,
)

Variables = Mapping[str, Any]
Code = Callable[[Variables], Any]
_STRINGS = Library(methods={(str, "format"): formatted})
LIBRARIES = (
    texts.LIBRARY, times.LIBRARY, lists.LIBRARY, nets.LIBRARY, amounts.LIBRARY, authorization.LIBRARY,
    _STRINGS,
)  # fmt: skip
_FUNCTIONS = {name: code for library in LIBRARIES for name, code in library.functions.items()}
_METHODS = {place: code for library in LIBRARIES for place, code in library.methods.items()}
NAMES: Mapping[str, TypeValue] = texts.TYPE_NAMES | {
    name: TypeValue(name) for name in ("google.protobuf.Duration", "google.protobuf.Timestamp")
}
_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "_==_": values.equal,
    "_!=_": lambda left, right: not values.equal(left, right),
    "_<_": values.less,
    "_>_": lambda left, right: values.less(right, left),
    "_<=_": lambda left, right: not values.less(right, left),
    "_>=_": lambda left, right: not values.less(left, right),
    "@in": values.contains,
    "_[_]": values.item,
    "_[?_]": values.found,
    "-_": values.negated,
    **{f"_{mark}_": partial(values.calculate, mark) for mark in "+-*/%"},
}


def code_of(node: Node) -> Code:
    """The function of an expression, which raises CelError."""
    match node:
        case Literal(value=value):
            return lambda _: value
        case Name(name=name):
            return _variable(name)
        case Select():
            return _selection(node)
        case Call():
            return _call(node)
        case Collection():
            return _map(node.entries) if node.keyed else _list(node.entries)
        case Macro():
            bodies = [code_of(body) for body in node.bodies]
            return MACROS[node.name, len(node.variables)](
                code_of(node.target), node.variables, *bodies
            )


def _variable(name: str) -> Code:
    def read(variables: Variables) -> Any:
        if name in variables:
            return variables[name]
        if name in NAMES:
            return NAMES[name]
        raise CelError(f"undeclared reference to '{name}' (in container '')")

    return read


def _selection(node: Select) -> Code:
    if (named := qualified(node)) in NAMES:
        return lambda _: NAMES[named]
    operand, name = code_of(node.operand), field_name(node.field)
    take = values.has if node.test else values.found if node.optional else values.select
    return lambda variables: take(operand(variables), name)


def _condition(test: Code, then: Code, other: Code) -> Code:
    def choose(variables: Variables) -> Any:
        found = test(variables)
        if not isinstance(found, bool):
            raise no_overload()
        return then(variables) if found else other(variables)

    return choose


def _negation(code: Code) -> Code:
    def negate(variables: Variables) -> bool:
        found = code(variables)
        if not isinstance(found, bool):
            raise no_overload()
        return not found

    return negate


_LAZY: Mapping[str, Callable[..., Code]] = {
    "_&&_": both, "_||_": either, "_?_:_": _condition, "!_": _negation,
}  # fmt: skip


def _call(node: Call) -> Code:
    arguments = [code_of(argument) for argument in node.arguments]
    if node.function in _LAZY:
        return _LAZY[node.function](*arguments)
    space = "" if node.target is None else qualified(node.target)
    name = f"{space}.{node.function}" if space else node.function
    function = _OPERATORS.get(name) or _FUNCTIONS.get(name)
    if node.target is None or (space and function is not None):
        if function is None:
            raise CelError(f"undeclared reference to '{name}' (in container '')")
        return _applied(name, function, arguments)
    return _method(node.function, code_of(node.target), arguments)


def _applied(name: str, function: Callable[..., Any], arguments: list[Code]) -> Code:
    def call(variables: Variables) -> Any:
        given = [argument(variables) for argument in arguments]
        try:
            return function(*given)
        except (TypeError, AttributeError) as error:
            raise no_overload(name) from error

    return call


def _method(name: str, target: Code, arguments: list[Code]) -> Code:
    def call(variables: Variables) -> Any:
        subject = target(variables)
        given = [argument(variables) for argument in arguments]
        own = getattr(subject, "cel_call", None)
        if own is not None:
            return own(name, given)
        function = _METHODS.get((type(subject), name))
        if function is None:
            raise no_overload(name)
        try:
            return function(subject, *given)
        except (TypeError, AttributeError) as error:
            raise no_overload(name) from error

    return call


def _taken(entry: Entry, value: Any) -> tuple[bool, Any]:
    """Whether an entry is there, and what it is."""
    return (value.present, value.content) if entry.optional else (True, value)


def _list(entries: tuple[Entry, ...]) -> Code:
    coded = [(entry, code_of(entry.value)) for entry in entries]

    def made(variables: Variables) -> list[Any]:
        found = [_taken(entry, code(variables)) for entry, code in coded]
        return [value for present, value in found if present]

    return made


def _map(entries: tuple[Entry, ...]) -> Code:
    coded = [
        (entry, code_of(entry.key), code_of(entry.value))
        for entry in entries
        if entry.key is not None
    ]

    def made(variables: Variables) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for entry, key, code in coded:
            name = key(variables)
            present, value = _taken(entry, code(variables))
            if present:
                found[name] = value
        return found

    return made
