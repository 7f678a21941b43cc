"""Where a write stops on its way to be admitted: once before it is completed and once before it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
_SUFFIX = 5  # characters that complete a name


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write that somebody is about to do; `new` is None for a deletion, `old` for a creation.

    `shape` is the kind of the objects where a subresource has one of its own, `address` the place where they do not tell it.
    `options` are those that the client gives.
    """

    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    resource: ResourceType
    new: Document | None
    old: Document | None
    subresource: str = ""
    dry_run: bool = False
    shape: ResourceType | None = None
    address: Key | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Whom it is about; without a name where that is yet to be made, or all are deleted."""
        if self.address is not None:
            return self.address
        metadata = self.subject["metadata"]
        return Key(metadata.get("namespace", ""), metadata.get("name", ""))

    @property
    def subject(self) -> Document:
        """The object that it is about."""
        return self.new if self.new is not None else self.old or {}

    @property
    def asked_name(self) -> str:
        """The name to refuse it by: one that is to be generated is not known yet where a real API server refuses."""
        metadata = self.subject["metadata"]
        name, prefix = str(metadata.get("name", "")), str(metadata.get("generateName", ""))
        generated = bool(prefix) and name.startswith(prefix) and len(name) == len(prefix) + _SUFFIX
        return prefix if generated else name

    def is_about(self, group: str, plural: str) -> bool:
        """Whether objects of that kind themselves are written, and no subresource of them."""
        return (self.resource.group, self.resource.plural, self.subresource) == (group, plural, "")


def admitted(gate: "Gate", attempt: Attempt) -> Document:
    """What becomes of an object that is not stored itself. Raises ApiError where it may not be."""
    new = gate.mutated(attempt)
    gate.validate(replace(attempt, new=new))
    return new


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
