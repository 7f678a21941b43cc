"""How long a pod may be active: `activeDeadlineSeconds`, which may be set and shortened while it runs."""

from collections.abc import Callable
from datetime import datetime

import trio

from kthena_sandbox.controllers.conditions import parse_time
from kthena_sandbox.kinds import Document

EXPIRED: Document = {
    "phase": "Failed",
    "reason": "DeadlineExceeded",
    "message": "Pod was active on the node longer than the specified deadline",
}


class Deadline:
    """Of *pod*, which the node took at *started*; `update` when it changes."""

    def __init__(
        self, pod: Document, started: datetime, wall_clock: Callable[[], datetime]
    ) -> None:
        self._pod = pod
        self._started = started
        self._wall_clock = wall_clock
        self._moved = trio.Event()

    def update(self, pod: Document) -> None:
        """Take over the pod's newest state."""
        before, self._pod = self._pod, pod
        if before["spec"].get("activeDeadlineSeconds") != pod["spec"].get("activeDeadlineSeconds"):
            self._moved.set()

    def _seconds_left(self) -> float:
        seconds = self._pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return float("inf")
        known = (self._pod.get("status") or {}).get("startTime")
        started = parse_time(known) if known else self._started
        return float(seconds) - (self._wall_clock() - started).total_seconds()

    async def wait(self) -> None:
        """Wait until it is over."""
        while (left := self._seconds_left()) > 0:
            self._moved = trio.Event()
            with trio.move_on_after(left):
                await self._moved.wait()
