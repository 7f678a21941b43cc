"""Types of expressions before they are asked, with the complaints of cel-go's checker."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from kthena_sandbox.schema.cel import types as of
from kthena_sandbox.schema.cel.evaluating import LIBRARIES, NAMES
from kthena_sandbox.schema.cel.kinds import CelError, Uint
from kthena_sandbox.schema.cel.lexing import CelSyntaxError, Issue
from kthena_sandbox.schema.cel.parsing import parsed
from kthena_sandbox.schema.cel.syntax import (
    Call,
    Collection,
    Literal,
    Macro,
    Name,
    Node,
    Select,
    field_name,
    qualified,
)
from kthena_sandbox.schema.cel.texts import matches
from kthena_sandbox.schema.cel.times import duration, timestamp
from kthena_sandbox.schema.cel.types import Bound, Signature, Type

_ORDERED = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")
_CROSSED = (("int", "uint"), ("int", "double"), ("uint", "double"))
_OPERATORS = "\n".join(
    [
        "_&&_: (bool, bool) -> bool", "_||_: (bool, bool) -> bool", "!_: (bool) -> bool",
        "_?_:_: (bool, A, A) -> A", "_==_: (A, A) -> bool", "_!=_: (A, A) -> bool",
        "@in: (A, list(A)) -> bool", "@in: (A, map(A, B)) -> bool",
        "_[_]: (list(A), int) -> A", "_[_]: (map(A, B), A) -> B",
        "_[_]: (optional_type(list(A)), int) -> optional_type(A)",
        "_[_]: (optional_type(map(A, B)), A) -> optional_type(B)",
        "_[?_]: (list(A), int) -> optional_type(A)", "_[?_]: (map(A, B), A) -> optional_type(B)",
        "_[?_]: (optional_type(list(A)), int) -> optional_type(A)",
        "_[?_]: (optional_type(map(A, B)), A) -> optional_type(B)",
        "_+_: (string, string) -> string", "_+_: (bytes, bytes) -> bytes",
        "_+_: (list(A), list(A)) -> list(A)", "_+_: (duration, duration) -> duration",
        "_+_: (timestamp, duration) -> timestamp", "_+_: (duration, timestamp) -> timestamp",
        "_-_: (duration, duration) -> duration", "_-_: (timestamp, duration) -> timestamp",
        "_-_: (timestamp, timestamp) -> duration", "-_: (duration) -> duration",
        "-_: (int) -> int", "-_: (double) -> double", "_%_: (int, int) -> int", "_%_: (uint, uint) -> uint",
        *(f"_{mark}_: ({kind}, {kind}) -> {kind}" for mark in "+-*/" for kind in ("int", "uint", "double")),
        *(f"_{mark}_: ({kind}, {kind}) -> bool" for mark in ("<", "<=", ">", ">=") for kind in _ORDERED),
        *(f"_{mark}_: ({left}, {right}) -> bool\n_{mark}_: ({right}, {left}) -> bool"
          for mark in ("<", "<=", ">", ">=") for left, right in _CROSSED),
    ]
)  # fmt: skip
_CONSTANT: Mapping[str, Callable[[Any], object]] = {
    "duration": duration, "timestamp": timestamp, "matches": partial(matches, ""),
}  # fmt: skip
_LITERALS: Mapping[type, Type] = {
    bool: of.BOOL, int: of.INT, Uint: of.UINT, float: of.DOUBLE, str: of.STRING, bytes: of.BYTES,
    type(None): of.NULL,
}  # fmt: skip


@lru_cache(maxsize=1)
def _declared() -> Mapping[str, tuple[Signature, ...]]:
    found: dict[str, list[Signature]] = defaultdict(list)
    for lines in (_OPERATORS, *(library.signatures for library in LIBRARIES)):
        for signature in of.signatures(lines):
            found[signature.name].append(signature)
    return {name: tuple(listed) for name, listed in found.items()}


def check(text: str, variables: Mapping[str, Type]) -> Type:
    """The type of an expression. Raises CelSyntaxError for what does not fit."""
    node = parsed(text)
    checker = _Checker(_declared())
    found = checker.type_of(node, variables)
    issues = checker.issues or checker.constants
    if issues:
        raise CelSyntaxError(sorted(issues, key=lambda issue: issue.at), text)
    return found


class _Checker:
    """Notes what is wrong and goes on, as with a type that fits everywhere."""

    def __init__(self, declared: Mapping[str, tuple[Signature, ...]]) -> None:
        self.issues: list[Issue] = []
        self.constants: list[Issue] = []
        self._declared = declared

    def _wrong(self, at: int, text: str) -> Type:
        self.issues.append(Issue(at, text))
        return of.UNKNOWN

    def type_of(self, node: Node, scope: Mapping[str, Type]) -> Type:
        """The type of a part."""
        match node:
            case Literal(value=value):
                return _LITERALS[type(value)]
            case Name():
                return self._name(node, scope)
            case Select():
                return self._select(node, scope)
            case Call():
                return self._call(node, scope)
            case Collection():
                return self._collection(node, scope)
            case Macro():
                return self._macro(node, scope)

    def _name(self, node: Name, scope: Mapping[str, Type]) -> Type:
        if node.name in scope:
            return scope[node.name]
        if node.name in NAMES:
            return Type("type", (Type(node.name),))
        return self._wrong(node.at, f"undeclared reference to '{node.name}' (in container '')")

    def _select(self, node: Select, scope: Mapping[str, Type]) -> Type:
        if (named := qualified(node)) in NAMES:
            return Type("type", (Type(named),))
        operand = self.type_of(node.operand, scope)
        inner = operand.parameters[0] if operand.name == "optional_type" else operand
        found = self._field(node, inner)
        if node.test:
            return of.BOOL
        if found is of.UNKNOWN or not (node.optional or inner is not operand):
            return found
        return of.optional_of(found)

    def _field(self, node: Select, operand: Type) -> Type:
        if operand.fields is not None:
            found = operand.fields.get(field_name(node.field))
            return found or self._wrong(node.at, f"undefined field '{node.field}'")
        if operand.name == "map":
            return operand.parameters[1]
        if operand in {of.DYN, of.UNKNOWN} or of.is_variable(operand):
            return of.UNKNOWN if operand == of.UNKNOWN else of.DYN
        return self._wrong(node.at, f"type '{operand}' does not support field selection")

    def _call(self, node: Call, scope: Mapping[str, Type]) -> Type:
        space = "" if node.target is None else qualified(node.target)
        name = f"{space}.{node.function}" if space else node.function
        target = node.target
        if space and name in self._declared and space.partition(".")[0] not in scope:
            target = None
        else:
            name = node.function
        first = [] if target is None else [self.type_of(target, scope)]
        listed = [one for one in self._declared.get(name, ()) if one.method == (target is not None)]
        if not listed:
            self._wrong(node.at, f"undeclared reference to '{node.function}' (in container '')")
        given = [*first, *(self.type_of(argument, scope) for argument in node.arguments)]
        if not listed:
            return of.UNKNOWN
        if name in {"_&&_", "_||_"}:
            return self._logic(node, given)
        self._check_constant(node)
        return self._matched(node.at, name, listed, given)

    def _check_constant(self, node: Call) -> None:
        """Texts that stand there as an argument have to be such as the function takes."""
        text = node.arguments[-1] if node.arguments else None
        if node.function not in _CONSTANT or not isinstance(text, Literal):
            return
        try:
            _CONSTANT[node.function](text.value)
        except CelError:
            self.constants.append(Issue(text.at, f"invalid {node.function} argument"))

    def _logic(self, node: Call, given: list[Type]) -> Type:
        for argument, kind in zip(node.arguments, given, strict=True):
            self._expect(argument.at, of.BOOL, kind)
        return of.BOOL

    def _expect(self, at: int, wanted: Type, found: Type) -> None:
        if not of.fits(wanted, found, {}):
            self._wrong(at, f"expected type '{wanted}' but found '{found}'")

    def _matched(self, at: int, name: str, listed: list[Signature], given: list[Type]) -> Type:
        results: list[Type] = []
        for signature in listed:
            bound: Bound = {}
            if len(signature.parameters) == len(given) and all(
                of.fits(wanted, one, bound)
                for wanted, one in zip(signature.parameters, given, strict=True)
            ):
                results.append(of.resolved(signature.result, bound))
        if results:
            return results[0] if all(one == results[0] for one in results) else of.DYN
        return self._mismatch(at, name, given, method=listed[0].method)

    def _mismatch(self, at: int, name: str, given: list[Type], *, method: bool) -> Type:
        before = f"{given[0]}." if method else ""
        shown = ", ".join(map(str, given[method:]))
        return self._wrong(
            at, f"found no matching overload for '{name}' applied to '{before}({shown})'"
        )

    def _collection(self, node: Collection, scope: Mapping[str, Type]) -> Type:
        keys: list[Type] = []
        found: list[Type] = []
        for entry in node.entries:
            if entry.key is not None:
                self._join(keys, self.type_of(entry.key, scope), entry.key.at)
            kind = self.type_of(entry.value, scope)
            if entry.optional and kind.name == "optional_type":
                kind = kind.parameters[0]
            self._join(found, kind, entry.value.at)
        value = found[0] if found else of.DYN
        return of.map_of(keys[0] if keys else of.DYN, value) if node.keyed else of.list_of(value)

    def _join(self, known: list[Type], kind: Type, at: int) -> None:
        """All entries are of one type."""
        if not known:
            known.append(kind)
        elif not of.fits(known[0], kind, {}):
            self._wrong(at, f"expected type '{known[0]}' but found '{kind}'")
        elif kind == of.DYN:
            known[0] = kind

    def _macro(self, node: Macro, scope: Mapping[str, Type]) -> Type:
        target = self.type_of(node.target, scope)
        if node.name in {"optMap", "optFlatMap"}:
            return self._optional_macro(node, target, scope)
        key, value = self._range(node, target)
        names = node.variables
        own = dict(zip(names, (key, value), strict=True)) if len(names) == 2 else {
            names[0]: key if target.name == "map" else value
        }  # fmt: skip
        inner = {**scope, **own}
        bodies = [self.type_of(body, inner) for body in node.bodies]
        return self._result(node, bodies, key, own[names[0]])

    def _range(self, node: Macro, target: Type) -> tuple[Type, Type]:
        if target.name == "list":
            return of.INT, target.parameters[0]
        if target.name == "map":
            return target.parameters[0], target.parameters[1]
        if target not in {of.DYN, of.UNKNOWN}:
            text = f"expression of type '{target}' cannot be range of a comprehension (must be list, map, or dynamic)"
            self._wrong(node.target.at, text)
        return of.DYN, of.DYN

    def _result(self, node: Macro, bodies: list[Type], key: Type, entry: Type) -> Type:
        last = bodies[-1]
        match node.name:
            case "all" | "exists":
                self._expect(node.bodies[0].at, of.BOOL, last)
                return of.BOOL
            case "exists_one" | "existsOne":
                self._chosen(node, last, of.INT)
                return of.BOOL
            case "filter":
                self._chosen(node, last, of.list_of(entry))
                return of.list_of(entry)
            case "map" | "transformList":
                found = of.list_of(last)
            case "transformMap":
                found = of.map_of(key, last)
            case _:
                found = last if last.name == "map" else of.DYN
        if len(bodies) == 2:
            self._chosen(node, bodies[0], found)
        return found

    def _chosen(self, node: Macro, test: Type, kept: Type) -> None:
        """What decides whether an entry counts is a bool."""
        if not of.fits(of.BOOL, test, {}):
            self._mismatch(node.at, "_?_:_", [test, kept, kept], method=False)

    def _optional_macro(self, node: Macro, target: Type, scope: Mapping[str, Type]) -> Type:
        bound: Bound = {}
        if not of.fits(of.optional_of(Type("A")), target, bound):
            return self._mismatch(node.at, node.name, [target], method=True)
        inner = {**scope, node.variables[0]: of.resolved(Type("A"), bound)}
        body = self.type_of(node.bodies[0], inner)
        return of.optional_of(body) if node.name == "optMap" else body
