"""Types of CEL, how signatures of functions are read, and which types fit which (the specification's "Type Checking")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Type:
    """A type with its parameters. `fields` are those of an object, None where it has none."""

    name: str
    parameters: tuple["Type", ...] = ()
    fields: Mapping[str, "Type"] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(map(str, self.parameters))})"


BOOL, INT, UINT, DOUBLE = Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL, DYN = Type("string"), Type("bytes"), Type("null"), Type("dyn")
DURATION, TIMESTAMP = Type("duration"), Type("timestamp")
UNKNOWN = Type("!error!")  # of what has been complained about already
_ANY = frozenset({DYN, UNKNOWN})
_NEVER_NULL = frozenset({"bool", "int", "uint", "double", "string", "bytes", "list", "map", "type"})
Bound = dict[str, Type]


def list_of(entry: Type) -> Type:
    """A list."""
    return Type("list", (entry,))


def map_of(key: Type, value: Type) -> Type:
    """A map."""
    return Type("map", (key, value))


def optional_of(value: Type) -> Type:
    """An optional value."""
    return Type("optional_type", (value,))


def is_variable(kind: Type) -> bool:
    """Whether it stands for any type."""
    return len(kind.name) == 1


def fits(formal: Type, given: Type, bound: Bound) -> bool:
    """Whether a value of a type can be given where another is wanted; what variables stand for is noted in *bound*."""
    if is_variable(formal):
        return _binds(formal.name, given, bound)
    if is_variable(given):
        return _binds(given.name, formal, bound)
    if formal in _ANY or given in _ANY:
        return True
    if NULL in {formal, given} and formal != given:
        other = given if formal == NULL else formal
        return other.name not in _NEVER_NULL
    if formal.name != given.name or len(formal.parameters) != len(given.parameters):
        return False
    pairs = zip(formal.parameters, given.parameters, strict=True)
    return all(fits(wanted, one, bound) for wanted, one in pairs)


def _binds(name: str, given: Type, bound: Bound) -> bool:
    known = bound.get(name)
    if known is None or known in _ANY or known == NULL:
        if known is not None and not fits(known, given, bound):
            return False
        bound[name] = given if known is None or known == NULL else known
        return True
    if not fits(known, given, bound):
        return False
    if given in _ANY:
        bound[name] = given
    return True


def resolved(kind: Type, bound: Bound) -> Type:
    """With the types for which variables stand; dyn for those that stand for none."""
    if is_variable(kind):
        found = bound.get(kind.name, DYN)
        return found if not is_variable(found) else DYN
    if not kind.parameters:
        return kind
    return Type(kind.name, tuple(resolved(one, bound) for one in kind.parameters), kind.fields)


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function; with `method`, the first parameter stands before the point."""

    name: str
    parameters: tuple[Type, ...]
    result: Type
    method: bool = False


_LINE = re.compile(
    r"(?P<name>\S+): (?:(?P<target>[^ ].*?)\.(?=\())?\((?P<given>.*)\) -> (?P<result>.*)"
)


def signatures(lines: str) -> list[Signature]:
    """The signatures of a library, one a line."""
    return [_signature(line.strip()) for line in lines.splitlines() if line.strip()]


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"no signature: {line}")
    target = [read_type(found["target"])] if found["target"] else []
    given = [read_type(part) for part in _parts(found["given"])]
    return Signature(found["name"], (*target, *given), read_type(found["result"]), bool(target))


def _parts(text: str) -> list[str]:
    """What commas part, but for those in brackets."""
    parts, depth, start = [], 0, 0
    for index, mark in enumerate(text):
        depth += (mark == "(") - (mark == ")")
        if mark == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def read_type(text: str) -> Type:
    """A type as it stands in signatures."""
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Type(name)
    return Type(name, tuple(read_type(part) for part in _parts(rest.removesuffix(")"))))
