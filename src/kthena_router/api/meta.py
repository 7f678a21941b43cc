"""What all Kubernetes objects have in common."""

from typing import NamedTuple

import msgspec


class ObjectKey(NamedTuple):
    """Where an object is found; *namespace* is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """An immutable view of JSON; unknown fields are skipped."""


class ObjectMeta(Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""  # RFC 3339 in UTC, so it sorts as text
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Object(Struct, frozen=True, rename="camel", kw_only=True):
    metadata: ObjectMeta

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.metadata.namespace, self.metadata.name)

    @property
    def age_rank(self) -> tuple[str, str, str]:
        """Sort key: oldest first, then by namespace and name (Gateway API, conflict resolution)."""
        return (self.metadata.creation_timestamp, self.metadata.namespace, self.metadata.name)


class Condition(Struct, frozen=True, rename="camel"):
    """`metav1.Condition`."""

    type: str
    status: str  # "True", "False" or "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int | None = None
