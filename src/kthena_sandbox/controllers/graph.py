"""The graph of owners and dependents over objects of all kinds, and what garbage collection does with it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from kthena_sandbox.kinds import Document, Key, Kind, is_leaving, key_of, uid_of

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass(frozen=True)
class Node:
    """One object: its kind and its metadata."""

    kind: Kind
    document: Document

    @property
    def key(self) -> Key:
        return key_of(self.document)

    @property
    def uid(self) -> str:
        return uid_of(self.document)

    @property
    def owners(self) -> list[Document]:
        return self.document["metadata"].get("ownerReferences") or []

    @property
    def finalizers(self) -> list[str]:
        return self.document["metadata"].get("finalizers") or []

    def waits_for(self, finalizer: str) -> bool:
        """Whether its deletion waits for the collector."""
        return is_leaving(self.document) and finalizer in self.finalizers


class Graph:
    """All nodes by uid, and who refers to whom."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def set(self, node: Node) -> None:
        """Add or replace."""
        self.remove(node.uid)
        self.nodes[node.uid] = node
        for owner in node.owners:
            self._dependents.setdefault(owner["uid"], {})[node.uid] = None

    def remove(self, uid: str) -> None:
        """Forget an object."""
        node = self.nodes.pop(uid, None)
        for owner in node.owners if node is not None else []:
            dependents = self._dependents.get(owner["uid"], {})
            dependents.pop(uid, None)
            if not dependents:
                self._dependents.pop(owner["uid"], None)

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name *uid* as an owner."""
        return [self.nodes[entry] for entry in self._dependents.get(uid, {})]


def without_finalizer(node: Node, finalizer: str) -> Document:
    """The merge patch that lets an object go."""
    kept = [entry for entry in node.finalizers if entry != finalizer]
    metadata = node.document["metadata"]
    version = metadata["resourceVersion"]
    return {"metadata": {"uid": node.uid, "resourceVersion": version, "finalizers": kept or None}}


def without_owners(node: Node, gone: set[str]) -> Document:
    """The merge patch that removes the references to owners that are gone."""
    kept = [entry for entry in node.owners if entry["uid"] not in gone]
    metadata = node.document["metadata"]
    version = metadata["resourceVersion"]
    return {
        "metadata": {"uid": node.uid, "resourceVersion": version, "ownerReferences": kept or None}
    }


def blocks(node: Node, owner_uid: str) -> bool:
    """Whether a dependent holds up the foreground deletion of its owner."""
    return any(
        entry["uid"] == owner_uid and entry.get("blockOwnerDeletion") for entry in node.owners
    )


def unblocked(node: Node) -> Document:
    """The merge patch after which an object holds up no owner's deletion."""
    loose = [
        entry | ({"blockOwnerDeletion": False} if entry.get("blockOwnerDeletion") else {})
        for entry in node.owners
    ]
    return {"metadata": {"uid": node.uid, "ownerReferences": loose}}


def propagation_of(node: Node) -> str:
    """How to delete a dependent: as its finalizers say, otherwise in the background."""
    policies: Mapping[str, str] = {ORPHAN: "Orphan", FOREGROUND: "Foreground"}
    chosen = (policies[entry] for entry in node.finalizers if entry in policies)
    return next(chosen, "Background")
