"""Sets of fields, as managedFields keep them: which paths of an object belong to somebody.

A path is a tuple of elements in the notation of FieldsV1: `f:name` of a field, `k:{"name":"x"}` of an entry of a
keyed list, `v:"x"` of an entry of a set. Source: the documentation of structured-merge-diff (fieldpath) and
"Server-Side Apply" of the Kubernetes documentation.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
Document = dict[str, Any]
_KINDS = "fkvi"


class Malformed(ValueError):
    """What a client gave as managed fields is none."""


@dataclass(frozen=True, slots=True)
class FieldSet:
    """Paths as a tree: `members` end here, `children` go on and are never empty."""

    members: frozenset[str]
    children: Mapping[str, "FieldSet"]

    def __bool__(self) -> bool:
        return bool(self.members or self.children)

    def __or__(self, other: "FieldSet") -> "FieldSet":
        """The paths of either."""
        if not other:
            return self
        if not self:
            return other
        children = dict(self.children)
        for element, below in other.children.items():
            children[element] = children[element] | below if element in children else below
        return FieldSet(self.members | other.members, children)

    def __sub__(self, other: "FieldSet") -> "FieldSet":
        """The paths that the other has not; what lies below those stays."""
        if not other:
            return self
        children = {
            element: below - other.children.get(element, EMPTY)
            for element, below in self.children.items()
        }
        return _pruned(self.members - other.members, children)

    def __and__(self, other: "FieldSet") -> "FieldSet":
        """The paths of both."""
        children = {
            element: below & other.children[element]
            for element, below in self.children.items()
            if element in other.children
        }
        return _pruned(self.members & other.members, children)

    def without(self, other: "FieldSet") -> "FieldSet":
        """The paths that neither are in the other nor lie below one that is."""
        if not other:
            return self
        children = {
            element: below.without(other.children.get(element, EMPTY))
            for element, below in self.children.items()
            if element not in other.members
        }
        return _pruned(self.members - other.members, children)

    def below(self, element: str) -> "FieldSet":
        """The rest of the paths that go on through *element*."""
        return self.children.get(element, EMPTY)

    def paths(self, prefix: Path = ()) -> Iterator[Path]:
        """Every path, members first, in the order in which structured-merge-diff lists them."""
        for element in sorted(self.members, key=_order):
            yield (*prefix, element)
        for element in sorted(self.children, key=_order):
            yield from self.children[element].paths((*prefix, element))

    def document(self) -> Document:
        """As FieldsV1: `.` says that a path with others below it is one itself."""
        written: Document = {}
        for element in sorted(self.members | self.children.keys(), key=_order):
            below = self.children.get(element)
            if below is None:
                written[element] = {}
            else:
                own: Document = {".": {}} if element in self.members else {}
                written[element] = own | below.document()
        return written


def _pruned(members: frozenset[str], children: Mapping[str, FieldSet]) -> FieldSet:
    return FieldSet(members, {element: below for element, below in children.items() if below})


EMPTY = FieldSet(frozenset(), {})


def field_set(paths: Iterable[Path]) -> FieldSet:
    """The set of some paths; the empty path is of no object and is left out."""
    members: set[str] = set()
    deeper: dict[str, list[Path]] = {}
    for path in paths:
        if len(path) == 1:
            members.add(path[0])
        elif path:
            deeper.setdefault(path[0], []).append(path[1:])
    children = {element: field_set(below) for element, below in deeper.items()}
    return FieldSet(frozenset(members), children)


def read_fields(document: object) -> FieldSet:
    """A set from its FieldsV1. Raises Malformed for what is none."""
    if not isinstance(document, dict):
        raise Malformed("FieldsV1 must be an object")
    members: set[str] = set()
    children: dict[str, FieldSet] = {}
    for element, below in document.items():
        if element == ".":
            continue
        if element[:1] not in _KINDS or element[1:2] != ":":
            raise Malformed(f"missing colon or unknown kind of path element: {element!r}")
        rest = read_fields(below)
        if "." in below or not rest:
            members.add(element)
        if rest:
            children[element] = rest
    return FieldSet(frozenset(members), children)


def shown_path(path: Path) -> str:
    """A path as it stands in messages: `.spec.containers[name="main"].image`."""
    return "".join(map(shown_element, path))


def shown_element(element: str) -> str:
    """One element of a path as it stands in messages."""
    kind, _, text = element.partition(":")
    match kind:
        case "f":
            return f".{text}"
        case "k":
            pairs = json.loads(text).items()
            return f"[{','.join(f'{name}={compact(value)}' for name, value in pairs)}]"
        case "v":
            return f"[={text}]"
        case _:
            return f"[{text}]"


def compact(value: Any) -> str:
    """A value as it is written inside of path elements."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _order(element: str) -> tuple[int, str]:
    return _KINDS.find(element[:1]), element
