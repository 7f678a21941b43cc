"""Texts of CEL as trees: a recursive descent over the tokens, with the complaints of cel-go's parser."""

from collections.abc import Callable

from kthena_sandbox.schema.cel.lexing import CelSyntaxError, Issue, Token, tokens
from kthena_sandbox.schema.cel.syntax import (
    MACROS,
    Call,
    Collection,
    Entry,
    Literal,
    Macro,
    Name,
    Node,
    Select,
)

_RELATIONS = ("==", "!=", "<", ">", "<=", ">=", "in")
_FUNCTIONS = {"in": "@in"}
_RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let"),
        *("loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
_STARTS = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, "
    "STRING, BYTES, IDENTIFIER}"
)
_DEPTH = 250


class _Failed(Exception):
    """Parsing cannot go on; the issue has been noted."""


def parsed(text: str) -> Node:
    """The tree of an expression. Raises CelSyntaxError."""
    issues: list[Issue] = []
    parser = _Parser(list(tokens(text, issues)), issues)
    node = None
    try:
        node = parser.whole()
    except _Failed:
        pass
    except RecursionError:
        issues.append(Issue(0, "expression recursion limit exceeded: 250"))
    if issues or node is None:
        raise CelSyntaxError(sorted(issues, key=lambda issue: issue.at), text)
    return node


class _Parser:
    """One pass over the tokens. All methods raise _Failed."""

    def __init__(self, found: list[Token], issues: list[Issue]) -> None:
        self._tokens = found
        self._issues = issues
        self._at = 0
        self._depth = 0

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _fail(self, at: int, text: str) -> _Failed:
        self._issues.append(Issue(at, text))
        return _Failed()

    def _wrong(self, token: Token, expected: str) -> _Failed:
        return self._fail(
            token.at, f"Syntax error: mismatched input '{token.text}' expecting {expected}"
        )

    def _take(self, *marks: str) -> Token | None:
        """The next token if it is one of these marks."""
        token = self._peek()
        found = token.kind in {"mark", "name"} and token.text in marks
        return self._next() if found else None

    def _expect(self, mark: str, expected: str = "") -> None:
        if self._take(mark) is None:
            token = self._peek()
            if mark == ")" and token.kind == "end":
                raise self._fail(token.at, "Syntax error: missing ')' at '<EOF>'")
            raise self._wrong(token, expected or f"'{mark}'")

    def whole(self) -> Node:
        """The expression and nothing after it."""
        node = self._expression()
        rest = self._peek()
        if rest.kind != "end":
            more = self._tokens[self._at + 1].kind != "end"
            word = "mismatched" if more else "extraneous"
            text = f"Syntax error: {word} input '{rest.text}' expecting <EOF>"
            raise self._fail(rest.at, text)
        return node

    def _expression(self) -> Node:
        """Everything: the ternary has the weakest hold."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise RecursionError
        test = self._chain(("||",), self._conjunction)
        if mark := self._take("?"):
            then = self._chain(("||",), self._conjunction)
            self._expect(":")
            test = Call(mark.at, "_?_:_", (test, then, self._expression()))
        self._depth -= 1
        return test

    def _conjunction(self) -> Node:
        return self._chain(("&&",), self._relation)

    def _relation(self) -> Node:
        return self._chain(_RELATIONS, self._sum)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/", "%"), self._unary)

    def _chain(self, marks: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        node = operand()
        while mark := self._take(*marks):
            function = _FUNCTIONS.get(mark.text, f"_{mark.text}_")
            node = Call(mark.at, function, (node, operand()))
        return node

    def _unary(self) -> Node:
        mark = self._take("!", "-")
        if mark is None:
            return self._member()
        inner = self._unary()
        if mark.text == "-" and isinstance(inner, Literal) and type(inner.value) in {int, float}:
            return Literal(mark.at, -inner.value)
        return Call(mark.at, f"{mark.text}_", (inner,))

    def _member(self) -> Node:
        node = self._primary()
        while mark := self._take(".", "["):
            optional = self._take("?") is not None
            if mark.text == "[":
                index = self._expression()
                self._expect("]")
                node = Call(mark.at, "_[?_]" if optional else "_[_]", (node, index))
                continue
            name = self._field(mark)
            opening = None if optional else self._take("(")
            if opening is not None:
                node = self._called(opening, name, node)
            else:
                node = Select(mark.at, node, name, optional)
        return node

    def _field(self, mark: Token) -> str:
        token = self._next()
        if token.kind == "name" or token.text == "in":
            return token.text
        if token.kind == "mark":
            text = f"Syntax error: no viable alternative at input '{mark.text}{token.text}'"
            raise self._fail(token.at, text)
        raise self._wrong(token, "IDENTIFIER")

    def _called(self, opening: Token, name: str, target: Node) -> Node:
        arguments = self._arguments()
        given = MACROS.get(name)
        if given is None:
            return Call(opening.at, name, arguments, target)
        for variables, bodies in given.items():
            if len(arguments) - variables in bodies:
                names = tuple(self._variable(node) for node in arguments[:variables])
                return Macro(opening.at, name, target, names, arguments[variables:])
        return Call(opening.at, name, arguments, target)

    def _variable(self, node: Node) -> str:
        if isinstance(node, Name):
            return node.name
        raise self._fail(node.at, "argument is not an identifier")

    def _arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        if self._take(")"):
            return ()
        while True:
            found.append(self._expression())
            if self._take(",") is None:
                self._expect(")")
                return tuple(found)

    def _primary(self) -> Node:
        token = self._next()
        if token.kind == "literal":
            return Literal(token.at, token.value)
        if token.kind == "name" and token.text != "in":
            opening = self._take("(")
            if opening is not None:
                return self._function(opening, token.text)
            if token.text in _RESERVED - {"namespace"}:
                raise self._fail(token.at, f"reserved identifier: {token.text}")
            return Name(token.at, token.text)
        match token.text:
            case "(":
                node = self._expression()
                self._expect(")")
                return node
            case "[":
                return Collection(token.at, self._entries("]"))
            case "{":
                return Collection(token.at, self._entries("}"), keyed=True)
        word = "mismatched" if token.kind == "end" else "extraneous"
        expected = _STARTS.replace("'!',", "'!', '?',") if self._after_bracket() else _STARTS
        text = f"Syntax error: {word} input '{token.text}' expecting {expected}"
        raise self._fail(token.at, text)

    def _after_bracket(self) -> bool:
        return self._at > 0 and self._tokens[self._at - 1].text == "["

    def _function(self, opening: Token, name: str) -> Node:
        arguments = self._arguments()
        if name != "has" or len(arguments) != 1:
            return Call(opening.at, name, arguments)
        (field,) = arguments
        if not isinstance(field, Select):
            raise self._fail(field.at, "invalid argument to has() macro")
        return Select(opening.at, field.operand, field.field, field.optional, test=True)

    def _entries(self, closing: str) -> tuple[Entry, ...]:
        found: list[Entry] = []
        while self._take(closing) is None:
            optional = self._take("?") is not None
            value, key = self._expression(), None
            if closing == "}":
                self._expect(":")
                key, value = value, self._expression()
            found.append(Entry(value, key, optional))
            if self._take(",") is None:
                self._expect(closing, f"{{'{closing}', ','}}")
                break
        return tuple(found)
