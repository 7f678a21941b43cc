"""Watchers that see the same share one task: it makes the lines of a change once, and sends them to all that can take them.

A watcher comes here when it has seen everything, and goes when it has to do something of its own: wait for its client,
write a bookmark, tell of what is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec
import trio

from kthena_sandbox.apiserver.storage import Change, Collection, Document, Expired

_BATCH = 100
# The line of a change as it is, which all watchers share: by whether it is a creation, and a deletion.
_PLAIN = {
    (True, False): b'{"type":"ADDED","object":%b}\n',
    (False, False): b'{"type":"MODIFIED","object":%b}\n',
    (False, True): b'{"type":"DELETED","object":%b}\n',
}


def plain_addition(document: Document) -> bytes:
    """The event by which a watcher learns of an object that was there before him, likewise."""
    return _PLAIN[True, False] % msgspec.json.encode(document)


def plain_line(change: Change) -> bytes:
    """The event of a change, of the whole object in JSON and in the version in which it is kept."""
    return _PLAIN[change.before is None, change.after is None] % change.encoded


@dataclass(eq=False, slots=True)
class _Follower:
    """A watcher with nothing to do: how far it has seen, and how it is sent more."""

    position: int
    send: Callable[[bytes], bool]
    released: trio.Event = field(default_factory=trio.Event)


class _Feed:
    """The changes of a collection, or of one namespace of it, for those who want them in one version."""

    def __init__(
        self, collection: Collection, namespace: str, version: str, tell: Callable[["_Feed"], None]
    ) -> None:
        self._collection = collection
        self._namespace = namespace
        self._version = version
        self.followers: set[_Follower] = set()
        self.tell = partial(tell, self)

    def deliver(self) -> None:
        """Send what is new to each, and let those go on alone who cannot have it from here."""
        prepared: dict[int, tuple[bytes, int, bool]] = {}
        for follower in list(self.followers):
            place = follower.position
            if place not in prepared:
                prepared[place] = self._after(place)
            lines, follower.position, up_to_date = prepared[place]
            sent = not lines or follower.send(lines)
            if not (sent and up_to_date):
                self.followers.discard(follower)
                follower.released.set()

    def _after(self, position: int) -> tuple[bytes, int, bool]:
        """The lines of what comes after a position, where they end, and whether that is all there is."""
        try:
            while True:
                changes, reached = self._collection.since(position, _BATCH, self._namespace)
                if changes or reached == position:
                    break
                position = reached
        except Expired:
            return b"", position, False
        if any(change.last.get("apiVersion") != self._version for change in changes):
            return b"", position, False
        return b"".join(map(plain_line, changes)), reached, reached - position < _BATCH


class Feeds:
    """All feeds of a cluster. They send while `run` runs."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[Collection, str, str], _Feed] = {}
        self._due: dict[_Feed, None] = {}
        self._some_due = trio.Event()

    async def run(self) -> None:
        """Deliver what comes, until cancelled."""
        while True:
            await self._some_due.wait()
            self._some_due = trio.Event()
            due, self._due = self._due, {}
            for feed in due:
                feed.deliver()

    async def follow(
        self, collection: Collection, namespace: str, version: str, position: int,
        *, send: Callable[[bytes], bool], until: float,
    ) -> int:  # fmt: skip
        """Have *send* called with what comes after the last change there is, until a time; returns the position reached.

        It also returns when *send* says that it could not send all, and when what comes is not to be had from here.
        """
        key = (collection, namespace, version)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(collection, namespace, version, self._tell)
            collection.subscribe(namespace, feed.tell)
        follower = _Follower(position, send)
        feed.followers.add(follower)
        try:
            with trio.move_on_at(until):
                await follower.released.wait()
        finally:
            feed.followers.discard(follower)
            if not feed.followers and self._feeds.get(key) is feed:
                del self._feeds[key]
                collection.unsubscribe(namespace, feed.tell)
        return follower.position

    def _tell(self, feed: _Feed) -> None:
        self._due[feed] = None
        self._some_due.set()
