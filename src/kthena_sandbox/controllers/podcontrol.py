"""What all controllers of pods do alike: claim, create and delete them, tell of it, and follow their changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers import ownership
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import PODS, Document, Key, Kind, key_of, uid_of
from kthena_sandbox.mirror import Mirror


async def claim_all(
    client: Client,
    kind: Kind,
    mirror: Mirror,
    owner: Document,
    *,
    counts: Callable[[Document], bool] = bool,
    finalizer: str = "",
) -> list[Document]:
    """What *owner* controls, after taking over orphans and letting go what it no longer selects.

    Only what *counts* is looked at. What it takes over is held by *finalizer*, and not any more when it is let go.
    Raises ApiError, ApiAway.
    """
    claims = ownership.claim(owner, list(filter(counts, mirror.objects.values())))
    owned = list(claims.owned)
    for document in claims.adopt:
        change = ownership.adopted(document, owner, finalizer)
        owned.append(mirror.note(await client.patch(kind, key_of(document), change)))
    for document in claims.release:
        change = ownership.released(document, uid_of(owner), finalizer)
        mirror.note(await client.patch(kind, key_of(document), change))
    return owned


def follow_owned(mirror: Mirror, kind: Kind, owners: Mirror, add: Callable[[Key], None]) -> None:
    """Mark the owner of *kind* when something of its changes, and those that could adopt an orphan."""

    def changed(before: Document | None, after: Document | None) -> None:
        for document in filter(None, (before, after)):
            owner = ownership.controller_of(document)
            if owner is None:
                for key in _possible_owners(document, owners):
                    add(key)
            elif owner["kind"] == kind.name:
                add(Key(document["metadata"]["namespace"], owner["name"]))

    mirror.subscribe(changed)


def _possible_owners(document: Document, owners: Mirror) -> Iterable[Key]:
    for key, owner in owners.objects.items():
        same = key.namespace == document["metadata"]["namespace"]
        selector = ownership.selector_of(owner)
        if same and ownership.selects(selector, ownership.labels_of(document)):
            yield key


def ends_with_namespace(error: ApiError) -> bool:
    """Whether something was refused because its namespace is being deleted."""
    return "NamespaceTerminating" in error.causes


class Wording(NamedTuple):
    """What events say of a pod and its owner."""

    created: str = "Created pod: {pod}"
    deleted: str = "Deleted pod: {pod}"
    refused: str = "Error creating: {error}"


_USUAL = Wording()


@dataclass(frozen=True)
class PodControl:
    """Creates and deletes pods on behalf of their owners. Raises ApiError, ApiAway."""

    client: Client
    pods: Mirror
    events: EventRecorder
    wording: Wording = _USUAL

    async def create(self, owner: Document, document: Document) -> Document:
        """A pod of the owner; a refusal is told as an Event too, unless the namespace goes or the name is taken."""
        try:
            pod = await self.client.create(PODS, document)
        except ApiError as error:
            if ends_with_namespace(error) or error.reason == "AlreadyExists":
                raise
            given = document["metadata"]
            name = str(given.get("name") or given.get("generateName"))
            told = self._told(self.wording.refused, owner, name, str(error))
            self.events.tell(owner, "FailedCreate", told, "Warning")
            raise
        told = self._told(self.wording.created, owner, pod["metadata"]["name"])
        self.events.tell(owner, "SuccessfulCreate", told)
        return self.pods.note(pod)

    async def delete(self, owner: Document, pod: Document) -> None:
        """Delete the pod, if it is still there."""
        try:
            gone = await self.client.delete(PODS, key_of(pod), uid_of(pod))
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if gone.get("kind") == PODS.name:
            self.pods.note(gone)
        told = self._told(self.wording.deleted, owner, pod["metadata"]["name"])
        self.events.tell(owner, "SuccessfulDelete", told)

    def _told(self, text: str, owner: Document, pod: str, error: str = "") -> str:
        return text.format(pod=pod, owner=owner["metadata"]["name"], error=error)
