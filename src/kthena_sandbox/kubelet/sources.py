"""Reads ConfigMaps and Secrets for pods, and tells when they change."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.kinds import CONFIG_MAPS, SECRETS, Document, Key, key_of
from kthena_sandbox.kubelet.references import Reference, Sources
from kthena_sandbox.mirror import Mirror

_KINDS = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}


class _Place(NamedTuple):
    kind: str
    key: Key


class SourceReader:
    """Follows the names of all ConfigMaps and Secrets, not their contents; these are read when they are needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._followers: dict[_Place, list[Callable[[], None]]] = {}
        self._mirrors: list[Mirror] = []
        for name, kind in _KINDS.items():
            mirror = Mirror(client, kind, metadata_only=True)
            mirror.subscribe(partial(self._changed, name))
            self._mirrors.append(mirror)

    def _changed(self, kind: str, before: Document | None, after: Document | None) -> None:
        key = key_of(after or before or {})
        for follower in self._followers.get(_Place(kind, key), ()):
            follower()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with trio.open_nursery() as nursery:
            for mirror in self._mirrors:
                nursery.start_soon(mirror.run)

    @contextmanager
    def following(
        self, namespace: str, references: Iterable[Reference], changed: Callable[[], None]
    ) -> Iterator[None]:
        """Call *changed* at each change of one of them, while the block lasts."""
        places = [_Place(entry.kind, Key(namespace, entry.name)) for entry in set(references)]
        for place in places:
            self._followers.setdefault(place, []).append(changed)
        try:
            yield
        finally:
            for place in places:
                self._followers[place].remove(changed)
                if not self._followers[place]:
                    del self._followers[place]

    async def read(self, namespace: str, references: Iterable[Reference]) -> Sources:
        """Their present state. Raises ApiError, ApiAway."""
        found: dict[Reference, Document | None] = {}
        for reference in references:
            kind = _KINDS[reference.kind]
            found[reference] = await self._client.find(kind, Key(namespace, reference.name))
        return found
