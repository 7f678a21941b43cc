"""What the webhook of a definition has made of objects in other versions, and what it is yet to be asked.

A write is one transaction that never waits. Where an object is needed in a version into which it has not been converted
yet, `Unconverted` is raised before anything is written; who answers the request asks the webhook and tries again.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
_MOST_KNOWN = 20_000
_LATELY = timedelta(seconds=10)
# What a converter must leave as it is, and what differs when a request is tried again.
_KEPT = frozenset({
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields",
})  # fmt: skip


class Unconverted(Exception):
    """Objects of a kind that are needed in a version, and are not known in it."""

    def __init__(self, resource: ResourceType, documents: Sequence[Document], version: str) -> None:
        super().__init__(version)
        self.resource = resource
        self.documents = documents
        self.version = version


class Conversions:
    """What has been converted in the last seconds, so that a converter that is replaced is soon asked anew."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[datetime, Document]] = OrderedDict()

    def note(self, document: Document, version: str, converted: Document) -> None:
        """Remember what an object is in another version."""
        place = _place(document, version)
        self._known[place] = (self._clock(), converted)
        self._known.move_to_end(place)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def converted(self, resource: ResourceType, document: Document, version: str) -> Document:
        """The object in the version. Raises Unconverted."""
        if document.get("apiVersion") == version:
            return document
        found = self._lately(document, version)
        if found is None:
            raise Unconverted(resource, [document], version)
        return found | {"metadata": _metadata(document["metadata"], found["metadata"])}

    def _lately(self, document: Document, version: str) -> Document | None:
        time, found = self._known.get(_place(document, version), (None, None))
        return found if time is not None and self._clock() - time < _LATELY else None

    def require(self, resource: ResourceType, documents: Iterable[Document]) -> None:
        """Raises Unconverted for all that are not known in the version of the kind."""
        version = resource.api_version
        if resource.conversion is None:
            return
        missing = [
            document
            for document in documents
            if document.get("apiVersion") != version and self._lately(document, version) is None
        ]
        if missing:
            raise Unconverted(resource, missing, version)


def _metadata(own: Document, converted: Document) -> Document:
    """Of the metadata a converter may change labels and annotations."""
    changed = {name: converted[name] for name in ("labels", "annotations") if converted.get(name)}
    kept = {name: value for name, value in own.items() if name not in {"labels", "annotations"}}
    return kept | changed


def _place(document: Document, version: str) -> bytes:
    metadata = document["metadata"]
    left_out = _KEPT | ({"name"} if metadata.get("generateName") else set())
    kept = {name: value for name, value in metadata.items() if name not in left_out}
    text = msgspec.json.encode([version, document | {"metadata": kept}], order="deterministic")
    return hashlib.sha256(text).digest()
