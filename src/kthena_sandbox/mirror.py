"""A copy of all objects of one kind, or of those in one namespace, kept current by list and watch, over cuts, 410s and absences."""

import random
from collections.abc import AsyncIterator, Callable

import msgspec
import trio

from kthena_sandbox.client import ApiAway, ApiError, Client, complete, status_error
from kthena_sandbox.kinds import Document, Key, Kind, key_of, uid_of

Listener = Callable[[Document | None, Document | None], None]

METADATA_ONLY = {
    "list": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "watch": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
}
_WATCH_SECONDS = 300
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PAGE = "500"


def _version(document: Document) -> int:
    """Revisions of one API server can be compared (KEP-5504)."""
    return int(document["metadata"].get("resourceVersion") or 0)


class Mirror:
    """Read `objects` at will. `subscribe` before `run`; listeners get (before, after) of each change.

    With *metadata_only* the objects have nothing but their metadata.
    """

    def __init__(
        self, client: Client, kind: Kind, *, metadata_only: bool = False, namespace: str = ""
    ) -> None:
        self.kind = kind
        self._path = kind.path(namespace)
        self.objects: dict[Key, Document] = {}
        self.synced = trio.Event()
        self._client = client
        self._accept = METADATA_ONLY if metadata_only else {}
        self._listeners: list[Listener] = []
        self._at = ""
        self._pause = _FIRST_PAUSE

    def subscribe(self, listener: Listener) -> None:
        """Call *listener* at each change from now on."""
        self._listeners.append(listener)

    def note(self, document: Document) -> Document:
        """Take over what a write of our own returned, before the watch tells it; returns it.

        What the watch has passed already is not brought back: the object has gone since.
        """
        key = key_of(document)
        known = self.objects.get(key)
        if _version(document) > (int(self._at or 0) if known is None else _version(known)):
            self._set(key, document)
        return document

    async def run(self) -> None:
        """Follow the kind until cancelled."""
        while True:
            try:
                if not self._at:
                    await self._list()
                await self._follow()
            except ApiError as error:
                if error.code in {404, 410}:
                    self._at = ""
            except ApiAway:
                pass
            await trio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311  not a secret
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _list(self) -> None:
        found: dict[Key, Document] = {}
        params = {"limit": _PAGE}
        headers = {"accept": self._accept["list"]} if self._accept else {}
        while True:
            page = await self._client.call("GET", self._path, params=params, headers=headers)
            items = (complete(self.kind, item) for item in page.get("items") or [])
            found |= {key_of(item): item for item in items}
            if not (token := page["metadata"].get("continue")):
                break
            params = {"limit": _PAGE, "continue": token}
        self._take_all(found, _version(page))
        self._at = str(page["metadata"]["resourceVersion"])
        self._pause = _FIRST_PAUSE
        self.synced.set()

    def _take_all(self, found: dict[Key, Document], version: int) -> None:
        for key in [key for key in self.objects if key not in found]:
            if _version(self.objects[key]) <= version:
                self._set(key, None)
        for key, document in found.items():
            known = self.objects.get(key)
            if known is None or _version(known) != _version(document):
                self._set(key, document)

    async def _follow(self) -> None:
        headers = {"accept": self._accept["watch"]} if self._accept else {}
        seconds = _WATCH_SECONDS + random.randrange(60)  # noqa: S311  not a secret
        async with self._client.watch(self._path, self._at, seconds, headers) as pieces:
            await self._take_events(pieces)

    async def _take_events(self, pieces: AsyncIterator[bytes]) -> None:
        """Take events to the stream's end; its last may be an error. Raises ApiError, ApiAway.

        Read to the end in any case: httpx's inner generators cannot be closed from outside.
        """
        rest = b""
        error: ApiError | None = None
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for event in (msgspec.json.decode(line) for line in lines if line):
                if event["type"] == "ERROR":
                    error = error or status_error(event["object"], 500)
                else:
                    self._take_event(event)
                    self._pause = _FIRST_PAUSE
        if error is not None:
            raise error

    def _take_event(self, event: Document) -> None:
        kind, document = event["type"], event["object"]
        self._at = str(document["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            return
        key = key_of(document)
        known = self.objects.get(key)
        if known is not None and _version(known) > _version(document):
            return  # a write of our own is ahead of the watch
        self._set(key, None if kind == "DELETED" else document)

    def _set(self, key: Key, document: Document | None) -> None:
        before = self.objects.pop(key, None)
        if document is not None:
            self.objects[key] = document
        if before is not None and document is not None and uid_of(before) != uid_of(document):
            self._tell(before, None)
            before = None
        if before is not None or document is not None:
            self._tell(before, document)

    def _tell(self, before: Document | None, after: Document | None) -> None:
        for listener in self._listeners:
            listener(before, after)
