"""What the controllers of workloads are given alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kthena_sandbox.client import Client
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import Document, Key, Kind, key_of
from kthena_sandbox.mirror import Mirror


@dataclass(frozen=True)
class Parts:
    """The API, the mirrors of all kinds but pods, that of the pods, who tells events by component, and the time."""

    client: Client
    mirrors: Mapping[Kind, Mirror]
    pods: Mirror
    recorders: Mapping[str, EventRecorder]
    wall_clock: Callable[[], datetime]

    def are_synced(self, *kinds: Kind) -> bool:
        """Whether the mirrors of these kinds and of the pods have been filled once."""
        mirrors = (self.pods, *(self.mirrors[kind] for kind in kinds))
        return all(mirror.synced.is_set() for mirror in mirrors)

    def follow(self, kind: Kind, add: Callable[[Key], None]) -> Mirror:
        """The mirror of a kind, of which *add* is told every object that is new or changed."""
        mirror = self.mirrors[kind]

        def changed(before: Document | None, after: Document | None) -> None:
            if after is not None:
                add(key_of(after))

        mirror.subscribe(changed)
        return mirror
