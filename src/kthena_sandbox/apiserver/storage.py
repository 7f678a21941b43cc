"""Objects under one global revision, with the latest changes of each collection kept for watchers.

Reads and writes never wait: what happens between two awaits of the caller is one transaction. Whoever
tells others what he has seen waits for `settled` first, so that nothing is told that a crash could
take back; watchers see changes only when these are kept. Stored documents are never changed in place.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
import trio

Document = dict[str, Any]


class CollectionKey(NamedTuple):
    """Where objects of a kind are kept, whatever version they are asked for in."""

    group: str
    plural: str


class Key(NamedTuple):
    """An object's place in its collection; `namespace` is "" for cluster-wide kinds."""

    namespace: str
    name: str


@dataclass(slots=True)
class Change:
    """One write: `before` is None for a creation, `after` for a deletion.

    `last` is the object as a DELETED event shows it: its last state under the new revision.
    """

    revision: int
    key: Key
    before: Document | None
    after: Document | None
    last: Document
    _encoded: bytes = field(default=b"", compare=False, repr=False)

    @property
    def encoded(self) -> bytes:
        """`last` as JSON, made once for the journal and all watchers."""
        if not self._encoded:
            self._encoded = msgspec.json.encode(self.last)
        return self._encoded


@dataclass(frozen=True, slots=True)
class Entry:
    """One write as the journal keeps it; `document` is None for a deletion."""

    revision: int
    collection: CollectionKey
    key: Key
    document: Document | None


class Journal(Protocol):
    """Keeps what was written, over a restart; `kept` is the revision up to which it has."""

    @property
    def kept(self) -> int: ...

    def append(self, collection: CollectionKey, change: Change) -> None:
        """Take a change up, to be kept soon."""

    def compact(self, revision: int) -> None:
        """Forget what was superseded up to *revision*."""

    def subscribe(self, tell: Callable[[], None]) -> None:
        """Call *tell* when more is kept."""

    async def wait_kept(self, revision: int) -> None:
        """Return when all changes up to *revision* are kept; raises OSError when they cannot be."""


class Memory:
    """The journal of a server that forgets, in which all counts as kept at once."""

    kept = sys.maxsize

    def append(self, collection: CollectionKey, change: Change) -> None:
        """Keep nothing."""

    def compact(self, revision: int) -> None:
        """Nothing is kept."""

    def subscribe(self, tell: Callable[[], None]) -> None:
        """There is never anything new to tell."""

    async def wait_kept(self, revision: int) -> None:
        """There is nothing to wait for."""


class Expired(Exception):
    """The history does not reach back to `asked`; `oldest` is the first revision that it knows."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(asked, oldest)
        self.asked = asked
        self.oldest = oldest


class Collection:
    """The objects of one kind and their latest changes.

    A change is seen by reads when it is applied, and by those who follow when it is published. Whoever follows one
    namespace is woken by its changes alone, and misses nothing when only others' are forgotten.
    """

    def __init__(self, history: int, compacted: int) -> None:
        self.documents: dict[Key, Document] = {}
        self.compacted = compacted
        self._changes: deque[Change] = deque()
        self._history = history
        self._appended = self._published = 0
        self._forgotten: dict[
            str, int
        ] = {}  # by namespace, the position after its last change that is gone
        # by namespace, and "" for those who follow all
        self._waiting: dict[str, trio.Event] = {}
        self._told: dict[str, list[Callable[[], None]]] = {}

    def apply(self, change: Change) -> None:
        """Take a change in."""
        if change.after is None:
            del self.documents[change.key]
        else:
            self.documents[change.key] = change.after
        self._changes.append(change)
        self._appended += 1
        if len(self._changes) > self._history:
            self.compacted = self._forget_first()

    def publish(self, change: Change) -> None:
        """Let those who follow see the next of the applied changes, which this one is."""
        self._published += 1
        self._wake("")
        if change.key.namespace:
            self._wake(change.key.namespace)

    def _forget_first(self) -> int:
        position = self._appended - len(self._changes)
        change = self._changes.popleft()
        self._forgotten[change.key.namespace] = position + 1
        return change.revision

    def compact(self, revision: int) -> None:
        """Forget the changes; watchers that have not seen them are told so."""
        while self._changes:
            self._forget_first()
        self.compacted = max(self.compacted, revision)
        for namespace in {*self._waiting, *self._told}:
            self._wake(namespace)

    def _wake(self, namespace: str) -> None:
        waiting = self._waiting.pop(namespace, None)
        if waiting is not None:
            waiting.set()
        for tell in self._told.get(namespace, ()):
            tell()

    @property
    def written(self) -> int:
        """How many changes there have been: by which one sees that there was another."""
        return self._appended

    async def wait_changed(self, namespace: str = "") -> None:
        """Return after the next change (of objects in *namespace*, if one is given) or compaction."""
        await self._waiting.setdefault(namespace, trio.Event()).wait()

    def subscribe(self, namespace: str, tell: Callable[[], None]) -> None:
        """Call *tell* at each change (of objects in *namespace*, if one is given) or compaction."""
        self._told.setdefault(namespace, []).append(tell)

    def unsubscribe(self, namespace: str, tell: Callable[[], None]) -> None:
        """Do not any more."""
        self._told[namespace].remove(tell)
        if not self._told[namespace]:
            del self._told[namespace]

    def at(self, revision: int) -> dict[Key, Document]:
        """The objects as they were at a revision. Raises Expired."""
        if revision < self.compacted:
            raise Expired(revision, self.compacted)
        documents = dict(self.documents)
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            _undo(documents, change)
        return documents

    def position(self, revision: int) -> int:
        """Where in the sequence of changes the first one after *revision* stands. Raises Expired."""
        if revision < self.compacted:
            raise Expired(revision, self.compacted)
        newer = 0
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            newer += 1
        return self._appended - newer

    def applied_since(self, position: int) -> list[Change] | None:
        """All changes from a position on, whoever has seen them; None when one is gone."""
        first = self._appended - len(self._changes)
        if position < first:
            return None
        return [self._changes[index] for index in range(position - first, len(self._changes))]

    def since(self, position: int, limit: int, namespace: str = "") -> tuple[list[Change], int]:
        """The next changes (of objects in *namespace*, if one is given) from a position on, and where they end.

        At most *limit* are looked at. Raises Expired when one is gone.
        """
        first = self._appended - len(self._changes)
        if position < first:
            if not namespace or self._forgotten.get(namespace, 0) > position:
                raise Expired(position, self.compacted)
            position = first
        end = max(position, min(self._published, position + limit))
        found = [self._changes[index - first] for index in range(position, end)]
        if namespace:
            found = [change for change in found if change.key.namespace == namespace]
        return found, end


def _undo(documents: dict[Key, Document], change: Change) -> None:
    if change.before is None:
        documents.pop(change.key, None)
    else:
        documents[change.key] = change.before


class Store:
    """All collections, and the revision that every write raises by one.

    `entries` is the log to begin with, in the order of revisions. Up to `compacted` it has only what was present then.
    """

    def __init__(
        self,
        *,
        revision: int = 1,
        compacted: int | None = None,
        history: int = 1000,
        entries: Iterable[Entry] = (),
        journal: Journal | None = None,
    ) -> None:
        self.revision = revision
        self._history = history
        self._first = revision if compacted is None else compacted
        self._journal = journal or Memory()
        self._journal.subscribe(self._publish)
        self._unpublished: deque[tuple[Collection, Change]] = deque()
        self._collections: dict[CollectionKey, Collection] = {}
        for entry in entries:
            self._restore(entry)

    def _restore(self, entry: Entry) -> None:
        place = self.collection(entry.collection)
        before = place.documents.get(entry.key)
        if entry.revision > self._first:
            last = entry.document or _at_revision(before or {"metadata": {}}, entry.revision)
            change = Change(entry.revision, entry.key, before, entry.document, last)
            place.apply(change)
            place.publish(change)
        elif entry.document is not None:
            place.documents[entry.key] = entry.document

    def collection(self, key: CollectionKey) -> Collection:
        """The collection of that kind, empty when it has never been written."""
        if key not in self._collections:
            self._collections[key] = Collection(self._history, self._first)
        return self._collections[key]

    def get(self, collection: CollectionKey, key: Key) -> Document | None:
        """The present object, or None."""
        return self.collection(collection).documents.get(key)

    def put(self, collection: CollectionKey, key: Key, document: Document) -> Document:
        """Store an object under the next revision and return it with its resourceVersion."""
        stored = _at_revision(document, self.revision + 1)
        self._commit(collection, key, stored, deleted=False)
        return stored

    def delete(self, collection: CollectionKey, key: Key) -> Document:
        """Remove an object that is there; returns its last state under the next revision."""
        last = _at_revision(self.collection(collection).documents[key], self.revision + 1)
        self._commit(collection, key, last, deleted=True)
        return last

    def _commit(
        self, collection: CollectionKey, key: Key, document: Document, *, deleted: bool
    ) -> None:
        self.revision += 1
        place = self.collection(collection)
        before = place.documents.get(key)
        change = Change(self.revision, key, before, None if deleted else document, document)
        self._journal.append(collection, change)
        place.apply(change)
        self._unpublished.append((place, change))
        self._publish()

    def _publish(self) -> None:
        kept = self._journal.kept
        while self._unpublished and self._unpublished[0][1].revision <= kept:
            place, change = self._unpublished.popleft()
            place.publish(change)

    @property
    def published(self) -> int:
        """The revision up to which those who follow can have seen everything."""
        return min(self.revision, self._journal.kept)

    async def settled(self) -> None:
        """Return when all that can be seen now is kept; raises OSError when it cannot be."""
        await self._journal.wait_kept(self.revision)

    def compact(self) -> int:
        """Forget the history of all collections, as etcd's compaction does; returns the revision."""
        for collection in self._collections.values():
            collection.compact(self.revision)
        self._first = self.revision
        self._journal.compact(self.revision)
        return self.revision


def _at_revision(document: Document, revision: int) -> Document:
    metadata = document["metadata"] | {"resourceVersion": str(revision)}
    return document | {"metadata": metadata}
