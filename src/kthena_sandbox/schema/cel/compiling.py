"""Expressions as functions: a recursive descent over the tokens that returns closures."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kthena_sandbox.schema.cel import values
from kthena_sandbox.schema.cel.lexing import CelSyntaxError, Token, tokens
from kthena_sandbox.schema.cel.libraries import FORMATS, is_ip, validate
from kthena_sandbox.schema.cel.macros import MACROS as _LIST_MACROS, both, either
from kthena_sandbox.schema.cel.optionals import OF_OPTIONAL, OPTIONAL_MACROS, call_optional
from kthena_sandbox.schema.cel.values import CelError

Variables = Mapping[str, Any]
Code = Callable[[Variables], Any]
MACROS: Mapping[str, Callable[..., Code]] = {**_LIST_MACROS, **OPTIONAL_MACROS}
_RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "<": values.less,
    ">": lambda left, right: values.less(right, left),
    "<=": lambda left, right: not values.less(right, left),
    ">=": lambda left, right: not values.less(left, right),
    "in": values.contains,
}
_ESCAPES = (("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/"))


@lru_cache(maxsize=1024)
def compiled(text: str) -> Code:
    """The expression as a function of its variables, which raises CelError. Raises CelSyntaxError."""
    parser = _Parser(list(tokens(text)))
    try:
        code = parser.expression()
    except RecursionError as error:
        raise CelSyntaxError("the expression is nested too deeply") from error
    parser.expect("<EOF>")
    return code


def field_name(name: str) -> str:
    """A field as the object has it: `__namespace__` stands for `namespace`, which CEL reserves."""
    for escaped, mark in _ESCAPES:
        name = name.replace(escaped, mark)
    if name.startswith("__") and name.endswith("__") and len(name) > 4:
        return name[2:-2]
    return name


def _of_field(operand: Code, name: str) -> Code:
    return lambda variables: values.select(operand(variables), name)


def _of_relation(left: Code, operator: str, right: Code) -> Code:
    relation = _RELATIONS[operator]
    return lambda variables: relation(left(variables), right(variables))


def _of_calculation(left: Code, operator: str, right: Code) -> Code:
    return lambda variables: values.calculate(operator, left(variables), right(variables))


def _condition(test: Code, then: Code, other: Code) -> Code:
    def choose(variables: Variables) -> Any:
        found = test(variables)
        if not isinstance(found, bool):
            raise CelError("no such overload")
        return then(variables) if found else other(variables)

    return choose


def _negation(code: Code) -> Code:
    def negate(variables: Variables) -> bool:
        found = code(variables)
        if not isinstance(found, bool):
            raise CelError("no such overload")
        return not found

    return negate


def _minus(code: Code) -> Code:
    def negate(variables: Variables) -> Any:
        found = code(variables)
        if not values.is_number(found):
            raise CelError("no such overload")
        return -found

    return negate


def _variable(name: str) -> Code:
    def read(variables: Variables) -> Any:
        if name not in variables:
            raise CelError(f"undeclared reference to '{name}'")
        return variables[name]

    return read


def _presence(operand: Code, name: str) -> Code:
    def has(variables: Variables) -> bool:
        found = operand(variables)
        if not isinstance(found, dict):
            raise CelError("no such overload")
        return name in found

    return has


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {**values.FUNCTIONS, "isIP": is_ip}


def _function(name: str, arguments: list[Code]) -> Code:
    def call(variables: Variables) -> Any:
        given = [argument(variables) for argument in arguments]
        try:
            return _FUNCTIONS[name](*given)
        except TypeError as error:
            raise CelError(f"no such overload: {name}") from error

    return call


def _method(name: str, target: Code, arguments: list[Code]) -> Code:
    def call(variables: Variables) -> Any:
        given = [argument(variables) for argument in arguments]
        if name == "validate":
            return validate(target(variables), given)
        method = call_optional if name in OF_OPTIONAL else values.call_method
        return method(name, target(variables), given)

    return call


class _Parser:
    """One pass over the tokens. All methods raise CelSyntaxError."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._selected: tuple[Code, str] | None = None  # the field access that was read last

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _take(self, *marks: str) -> str:
        """The next token if it is one of these marks, otherwise ""."""
        token = self._peek()
        return self._next().text if token.kind != "literal" and token.text in marks else ""

    def expect(self, mark: str) -> None:
        """Read what has to come here."""
        token = self._next()
        if token.kind == "literal" or token.text != mark:
            raise CelSyntaxError(f"mismatched input {token.text!r} expecting {mark!r}")

    def expression(self) -> Code:
        """Everything: the ternary has the weakest hold."""
        test = self._chain(("||",), self._conjunction)
        if not self._take("?"):
            return test
        then = self._chain(("||",), self._conjunction)
        self.expect(":")
        other = self.expression()
        self._selected = None
        return _condition(test, then, other)

    def _conjunction(self) -> Code:
        return self._chain(("&&",), self._relation)

    def _relation(self) -> Code:
        return self._chain(tuple(_RELATIONS), self._sum)

    def _sum(self) -> Code:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Code:
        return self._chain(("*", "/", "%"), self._unary)

    def _chain(self, marks: tuple[str, ...], operand: Callable[[], Code]) -> Code:
        code = operand()
        while operator := self._take(*marks):
            right = operand()
            self._selected = None
            if operator in {"&&", "||"}:
                code = (both if operator == "&&" else either)(code, right)
            elif operator in _RELATIONS:
                code = _of_relation(code, operator, right)
            else:
                code = _of_calculation(code, operator, right)
        return code

    def _unary(self) -> Code:
        if mark := self._take("!", "-"):
            code = (_negation if mark == "!" else _minus)(self._unary())
            self._selected = None
            return code
        return self._member()

    def _member(self) -> Code:
        code = self._primary()
        while mark := self._take(".", "["):
            if mark == "[":
                code = self._indexed(code)
                continue
            name = self._name()
            if self._take("("):
                code, self._selected = self._called(code, name), None
            else:
                field = field_name(name)
                code, self._selected = _of_field(code, field), (code, field)
        return code

    def _indexed(self, code: Code) -> Code:
        index = self.expression()
        self.expect("]")
        self._selected = None
        return lambda variables: values.item(code(variables), index(variables))

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise CelSyntaxError(f"mismatched input {token.text!r} expecting a name")
        return token.text

    def _called(self, target: Code, name: str) -> Code:
        if name in MACROS:
            return self._macro(target, name)
        if name not in values.METHODS and name not in OF_OPTIONAL and name != "validate":
            raise CelSyntaxError(f"the function {name!r} is not supported here")
        return _method(name, target, self._arguments(")"))

    def _macro(self, target: Code, name: str) -> Code:
        variable = self._name()
        bodies = []
        while self._take(","):
            bodies.append(self.expression())
        self.expect(")")
        if len(bodies) not in ({1, 2} if name == "map" else {1}):
            raise CelSyntaxError(f"wrong number of arguments of {name!r}")
        return MACROS[name](target, variable, *bodies)

    def _arguments(self, closing: str) -> list[Code]:
        found: list[Code] = []
        if self._take(closing):
            return found
        while True:
            found.append(self.expression())
            if not self._take(","):
                self.expect(closing)
                return found

    def _primary(self) -> Code:
        token = self._next()
        self._selected = None
        if token.kind == "literal":
            value = token.value
            return lambda _: value
        if token.kind == "name":
            return self._called_or_read(token.text)
        if token.text == "(":
            code = self.expression()
            self.expect(")")
            self._selected = None
            return code
        if token.text == "[":
            items = self._arguments("]")
            return lambda variables: [item(variables) for item in items]
        raise CelSyntaxError(f"extraneous input {token.text!r}")

    def _called_or_read(self, name: str) -> Code:
        if name == "format":
            return self._format()
        if not self._take("("):
            return _variable(name)
        if name == "has":
            return self._has()
        if name not in _FUNCTIONS:
            raise CelSyntaxError(f"the function {name!r} is not supported here")
        return _function(name, self._arguments(")"))

    def _format(self) -> Code:
        self.expect(".")
        name = self._name()
        if name not in FORMATS:
            raise CelSyntaxError(f"the format {name!r} is not supported here")
        self.expect("(")
        self.expect(")")
        return lambda _: FORMATS[name]

    def _has(self) -> Code:
        self.expression()
        self.expect(")")
        if self._selected is None:
            raise CelSyntaxError("invalid argument to has() macro")
        operand, name = self._selected
        self._selected = None
        return _presence(operand, name)
