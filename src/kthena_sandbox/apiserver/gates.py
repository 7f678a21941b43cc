"""Where a write stops on its way to be admitted: once before it is completed and once before it is stored."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that somebody is about to do; `new` is None for a deletion, `old` for a creation."""

    operation: Literal["CREATE", "UPDATE", "DELETE"]
    resource: ResourceType
    new: Document | None
    old: Document | None
    subresource: str = ""
    dry_run: bool = False

    @property
    def subject(self) -> Document:
        """The object that it is about."""
        return self.new if self.new is not None else self.old or {}


class Gate(Protocol):
    """What a write has to pass."""

    def mutated(self, attempt: Attempt) -> Document:
        """The new object as others want it. Raises ApiError."""

    def validate(self, attempt: Attempt) -> None:
        """Raises ApiError where it may not be."""

    def warnings(self) -> tuple[str, ...]:
        """What the client is to be told although all went well."""


class Open:
    """Lets everything pass: for what the server writes of its own."""

    def mutated(self, attempt: Attempt) -> Document:
        """As it is."""
        return attempt.subject

    def validate(self, attempt: Attempt) -> None:
        """All is well."""

    def warnings(self) -> tuple[str, ...]:
        """None."""
        return ()


OPEN = Open()
