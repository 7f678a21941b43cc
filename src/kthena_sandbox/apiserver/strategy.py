"""What a strategy is: how the API server treats objects of one kind when they are created or changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.golang import shown

Document = dict[str, Any]
Part = Literal["core", "whole", "own", "rules", "last"]
Create = Callable[[Document, Surroundings], Document]
Update = Callable[[Document, Document, Surroundings], Document]
Check = Callable[[Document, Document | None, Surroundings], list[Cause]]
Warnings = Callable[[Document, Document | None], list[str]]


def same(document: Document, *_: object) -> Document:
    """As it is."""
    return document


def no_causes(*_: object) -> list[Cause]:
    """Nothing is wrong."""
    return []


def no_warnings(*_: object) -> list[str]:
    """Nothing is to be said."""
    return []


@dataclass(frozen=True)
class Strategy:
    """`check_first`: what is refused before anything else is asked. `check` comes before the rules of the schema and `check_last` after them, as their causes are listed.

    `on_update`: in which order, and how often, an update is asked about its metadata (`core`, and `whole` once more),
    `own` by `check`, `rules` of the schema and `last` by `check_last`. `warnings`: what is said of an object that may be
    written. `generation`: which top-level fields raise it; empty for kinds that have none. `counted_metadata` raises it too.
    `shown`: how it is read.
    """

    create: Create = same
    update: Update = same
    check: Check = no_causes
    check_last: Check = no_causes
    check_first: Check = no_causes
    warnings: Warnings = no_warnings
    generation: tuple[str, ...] = ()
    status: Mapping[str, Any] | None = field(default_factory=dict)
    counted_metadata: str = ""
    update_status: Update = same
    shown: Callable[[Document], Document] | None = None
    on_update: tuple[Part, ...] = ("core", "own", "rules", "last")


def immutable(document: Document, old: Document | None, path: str) -> list[Cause]:
    """A field that stays as it was made."""
    if old is None:
        return []
    now, before = value_at(document, path), value_at(old, path)
    if now == before:
        return []
    if now is None and isinstance(before, str):
        now = ""
    text = f"Invalid value: {shown(now)}: field is immutable"
    return [Cause("FieldValueInvalid", text, path)]


def value_at(document: Document, path: str) -> Any:
    """What stands at the end of names that are joined by dots; None where nothing does."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def fixed(*paths: str) -> Check:
    """These fields stay as they were."""
    return lambda document, old, _: [
        cause for path in paths for cause in immutable(document, old, path)
    ]
