"""Keeps many events from becoming many objects, as the recorder of client-go does (tools/record in its documentation).

What says the same again is counted. Of events about one object that differ in their words alone, the tenth within ten
minutes and all after it share one. Who tells more than 25 at once of one object is heard once in five minutes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

_ALIKE = 10
_ALIKE_SECONDS = 600.0
_BURST = 25.0
_REFILL_SECONDS = 300.0
_REMEMBERED = 4096
_COMBINED = "(combined from similar events): "


class Told(NamedTuple):
    """What makes an event the same as another one; *message* is empty for those that share one."""

    uid: str
    kind: str
    reason: str
    message: str


class Folded(NamedTuple):
    """The identity under which an event is counted, and its words."""

    told: Told
    message: str


@dataclass
class _Alike:
    last: datetime
    messages: set[str] = field(default_factory=set)


@dataclass
class _Bucket:
    left: float
    at: datetime


class Folding:
    """What one component has told."""

    def __init__(self) -> None:
        self._alike: dict[Told, _Alike] = {}
        self._buckets: dict[str, _Bucket] = {}

    def fold(self, told: Told, now: datetime) -> Folded | None:
        """How to count this event; None where there are too many."""
        folded = self._combined(told, now)
        return folded if self._has_room(told.uid, now) else None

    def _combined(self, told: Told, now: datetime) -> Folded:
        shared = told._replace(message="")
        alike = self._alike.pop(shared, None)
        if alike is None or (now - alike.last).total_seconds() > _ALIKE_SECONDS:
            alike = _Alike(now)
        self._alike[shared] = alike
        _forget(self._alike)
        alike.last = now
        alike.messages.add(told.message)
        if len(alike.messages) < _ALIKE:
            return Folded(told, told.message)
        alike.messages.discard(next(one for one in alike.messages if one != told.message))
        return Folded(shared, _COMBINED + told.message)

    def _has_room(self, uid: str, now: datetime) -> bool:
        bucket = self._buckets.pop(uid, None) or _Bucket(_BURST, now)
        self._buckets[uid] = bucket
        _forget(self._buckets)
        passed = (now - bucket.at).total_seconds()
        bucket.left, bucket.at = min(_BURST, bucket.left + passed / _REFILL_SECONDS), now
        if bucket.left < 1.0:
            return False
        bucket.left -= 1.0
        return True


def _forget(remembered: dict[Any, Any]) -> None:
    if len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]
