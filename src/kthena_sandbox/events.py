"""Events, told without waiting: they are written in the background, and counted when they repeat."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import trio

from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.eventfolding import Folding, Told
from kthena_sandbox.kinds import EVENTS, Document, Key

EventType = Literal["Normal", "Warning"]
_PENDING = 1000
_REMEMBERED = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(now: datetime) -> str:
    """RFC 3339 in whole seconds, as Kubernetes writes times."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Tells events in the name of *component*; `run` writes them."""

    def __init__(self, client: Client, component: str, wall_clock: Callable[[], datetime]) -> None:
        self._client = client
        self._component = component
        self._wall_clock = wall_clock
        self._told: dict[Told, tuple[Key, int]] = {}
        self._folding = Folding()
        self._last = 0
        self._send, self._receive = trio.open_memory_channel[tuple[Told, Document]](_PENDING)

    def tell(
        self, about: Document, reason: str, message: str, kind: EventType = "Normal",
        *, at: datetime | None = None,
    ) -> None:  # fmt: skip
        """Tell of *about*, as of now or *at* a moment before; dropped where too many wait to be written."""
        time = at or self._wall_clock()
        folded = self._folding.fold(Told(about["metadata"]["uid"], kind, reason, message), time)
        if folded is None:
            return
        document = self._event(about, reason, folded.message, kind, time)
        if not folded.told.message:  # such an event says in its source alone who tells it
            document["reportingComponent"] = document["reportingInstance"] = ""
        try:
            self._send.send_nowait((folded.told, document))
        except trio.WouldBlock:
            return

    async def run(self) -> None:
        """Write until cancelled; what cannot be written is dropped."""
        async for told, document in self._receive:
            try:
                await self._write(told, document)
            except (ApiError, ApiAway):
                self._told.pop(told, None)

    async def _write(self, told: Told, document: Document) -> None:
        if told in self._told:
            key, count = self._told[told]
            again = {name: document[name] for name in ("message", "lastTimestamp")}
            change = {"count": count + 1} | again
            await self._client.patch(EVENTS, key, change)
        else:
            count = 0
            metadata = document["metadata"]
            key = Key(metadata["namespace"], metadata["name"])
            await self._client.create(EVENTS, document)
        self._told[told] = (key, count + 1)
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]

    def _name(self, about: Document, at: datetime) -> str:
        """Named by its nanosecond, as Kubernetes does, so that a list of events is in their order."""
        since = at - _EPOCH
        nanoseconds = ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000
        self._last = max(nanoseconds, self._last + 1)
        return f"{about['metadata']['name']}.{self._last:x}"

    def _event(
        self, about: Document, reason: str, message: str, kind: EventType, at: datetime
    ) -> Document:
        metadata, now = about["metadata"], timestamp(at)
        namespace = metadata.get("namespace", "default")
        return {
            "metadata": {"name": self._name(about, at), "namespace": namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }
