"""A watch: the changes of a collection as they come, as the lines of a stream.

A watcher keeps nothing but its place in the collection's history, so a slow one costs no memory; when
the history has moved past it, it is told 410 and cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import trio

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.conversion import from_storage
from kthena_sandbox.apiserver.conversions import Unconverted
from kthena_sandbox.apiserver.converting import convert
from kthena_sandbox.apiserver.errors import ApiError, too_old
from kthena_sandbox.apiserver.feeds import plain_addition, plain_line
from kthena_sandbox.apiserver.listoptions import ListOptions
from kthena_sandbox.apiserver.negotiation import Form
from kthena_sandbox.apiserver.presenting import Include, Presentation, shaped_object
from kthena_sandbox.apiserver.selectors import Selection
from kthena_sandbox.apiserver.storage import Change, Expired
from kthena_sandbox.apiserver.strategies import as_shown, strategy_of
from kthena_sandbox.apiserver.web import Prompt, Write
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_BATCH = 100
_BEFORE_END = 2.0  # the last bookmark comes this long before the time-out, as in a kube-apiserver


@dataclass(frozen=True)
class Watch:
    """One watch request, ready to run."""

    cluster: Cluster
    resource: ResourceType
    selected: Selection
    options: ListOptions
    form: Form
    include: Include
    timeout_seconds: float
    bookmark_seconds: float

    async def run(self, write: Write) -> None:
        """Write events until the time is up, the history is gone, or the caller cancels."""
        with trio.move_on_after(self.timeout_seconds):
            try:
                await self._follow(write, await self._begin(write))
            except ApiError as error:
                await write(_line("ERROR", error.status()))

    async def _begin(self, write: Write) -> int:
        """Write the initial events where they are due; returns the place to go on from."""
        revision = self.cluster.store.revision
        collection = self.cluster.collection(self.resource)
        asked = self.options.resource_version
        initial = self.options.initial_events
        if initial is None:
            initial = not asked
        if not initial:
            return self._position(revision if asked is None else asked)
        position = self._position(revision)
        home = self.selected.namespace
        keys = sorted(key for key in collection.documents if home in ("", key.namespace))
        present = [collection.documents[key] for key in keys]
        lines = await self._complete(partial(self._added, present))
        await self.cluster.store.settled()
        await write(lines)
        if self.options.bookmarks and self.options.initial_events:
            await write(self._bookmark(revision, {INITIAL_EVENTS_END: "true"}))
        return position

    async def _complete(self, make: Callable[[], Iterator[bytes]]) -> bytes:
        """The lines, once what is told in them has been converted. Raises ApiError."""
        while True:
            try:
                return b"".join(make())
            except Unconverted as needed:
                await convert(self.cluster, needed)

    def _converted(self, document: Document) -> Document:
        return from_storage(self.resource, document, self.cluster.conversions)

    def _position(self, revision: int) -> int:
        try:
            return self.cluster.collection(self.resource).position(revision)
        except Expired as error:
            raise too_old(error.asked, error.oldest) from error

    def _added(self, documents: list[Document]) -> Iterator[bytes]:
        self.cluster.conversions.require(self.resource, documents)
        plain = self._plain
        for document in documents:
            if plain and document.get("apiVersion") == self.resource.api_version:
                yield plain_addition(document)
                continue
            shown = self._converted(document)
            if self.selected.matches(shown):
                yield self._event("ADDED", shown)

    async def _follow(self, write: Write, position: int) -> None:
        ends = trio.current_time() + self.timeout_seconds
        due = self._next_bookmark(ends)
        while True:
            changes, reached = self._since(position)
            if lines := await self._complete(partial(self._lines, changes)):
                await write(lines)
            if reached > position:
                position = reached
                continue
            if trio.current_time() >= due:
                await write(self._bookmark(self.cluster.store.published))
                due = self._next_bookmark(ends)
                continue
            position = await self._changes_until(write, position, due)

    async def _changes_until(self, write: Write, position: int, due: float) -> int:
        """Wait for a change that is to be written here, at most to that time; the position up to which all is sent."""
        collection = self.cluster.collection(self.resource)
        namespace = self.selected.namespace
        if (
            isinstance(write, Prompt)
            and self._plain
            and self._asked <= self.cluster.store.published
        ):
            reached = await self.cluster.feeds.follow(
                collection, namespace, self.resource.api_version, position,
                send=write.at_once, until=due,
            )  # fmt: skip
            await write(b"")  # what could not be sent at once
            return reached
        with trio.move_on_at(due):
            await collection.wait_changed(namespace)
        return position

    @property
    def _asked(self) -> int:
        return self.options.resource_version or 0

    @property
    def _plain(self) -> bool:
        """Whether changes are told as they are kept, if they are kept in the version that is asked for."""
        plain = self.form == Form() and self.selected.everything
        return plain and strategy_of(self.resource).shown is None

    def _next_bookmark(self, ends: float) -> float:
        if not self.options.bookmarks:
            return float("inf")
        now = trio.current_time()
        last = ends - _BEFORE_END
        regular = now + self.bookmark_seconds
        return min(regular, last) if now < last else regular

    def _since(self, position: int) -> tuple[list[Change], int]:
        collection = self.cluster.collection(self.resource)
        try:
            return collection.since(position, _BATCH, self.selected.namespace)
        except Expired as error:
            raise too_old(error.asked, error.oldest) from error

    def _lines(self, changes: list[Change]) -> Iterator[bytes]:
        plain, asked = self._plain, self._asked
        for change in changes:
            if change.revision <= asked:
                continue  # he has asked for what comes after a revision that was yet to come
            if plain and change.last.get("apiVersion") == self.resource.api_version:
                yield plain_line(change)
            elif kind := self._kind(change):
                shown = change.last if change.after is None else change.after
                if change.after is not None and kind == "DELETED":
                    shown = self._left(change)
                yield self._event(kind, self._converted(shown))

    def _kind(self, change: Change) -> str:
        """What a change is to this watcher, who only knows the objects that it selects; "" for none of his."""
        before, after = self._selects(change.before), self._selects(change.after)
        if before:
            return "MODIFIED" if after else "DELETED"
        return "ADDED" if after else ""

    def _selects(self, document: Document | None) -> bool:
        return document is not None and self.selected.matches(self._converted(document))

    @staticmethod
    def _left(change: Change) -> Document:
        """The last state that was selected, under the revision of the change (as etcd3's watcher does)."""
        before = change.before or change.last
        return before | {"metadata": before["metadata"] | {"resourceVersion": str(change.revision)}}

    def _event(self, kind: str, document: Document) -> bytes:
        wanted = Presentation(self.form, self.include, self.cluster.clock())
        shown = as_shown(self.resource, document)
        return _line(kind, shaped_object(self.resource, shown, wanted))

    def _bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> bytes:
        metadata: Document = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        kind, version = self.resource.kind, self.resource.api_version
        if self.form.shape:
            kind, version = self.form.shape, f"meta.k8s.io/{self.form.version}"
        return _line("BOOKMARK", {"kind": kind, "apiVersion": version, "metadata": metadata})


def _line(kind: str, document: Document) -> bytes:
    return msgspec.json.encode({"type": kind, "object": document}) + b"\n"
