"""No client starves the others: each has a number of requests under way, and a queue of bounded length behind them.

A flow is a user with a program, after the flows of API Priority and Fairness. The masters' requests are never refused,
as there; they wait like all others.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from kthena_sandbox.apiserver.auth.identity import MASTERS, User

_UNDER_WAY = 20
_QUEUED = 200
_LONGEST_WAIT = 15.0
RETRY_SECONDS = 1


class TooManyRequests(Exception):
    """The flow has more than it may, and its client should come back later."""


@dataclass
class _Flow:
    under_way: int = 0
    waiting: deque[trio.Event] = field(default_factory=deque)


class Fairness:
    """The requests of all flows."""

    def __init__(self, *, under_way: int = _UNDER_WAY, queued: int = _QUEUED) -> None:
        self._under_way = under_way
        self._queued = queued
        self._flows: dict[tuple[str, str], _Flow] = {}

    @asynccontextmanager
    async def turn(self, user: User, program: str) -> AsyncIterator[None]:
        """Wait for the turn of a request, which lasts as long as the block. Raises TooManyRequests."""
        key = (user.name, program)
        flow = self._flows.setdefault(key, _Flow())
        if flow.under_way >= self._under_way:
            await self._wait(flow, patient=MASTERS in user.groups)
        else:
            flow.under_way += 1
        try:
            yield
        finally:
            if flow.waiting:
                flow.waiting.popleft().set()  # the place goes over to the next one
            else:
                flow.under_way -= 1
            if not flow.under_way:
                del self._flows[key]

    async def _wait(self, flow: _Flow, *, patient: bool) -> None:
        if not patient and len(flow.waiting) >= self._queued:
            raise TooManyRequests
        turn = trio.Event()
        flow.waiting.append(turn)
        try:
            with trio.move_on_after(float("inf") if patient else _LONGEST_WAIT):
                await turn.wait()
        except trio.Cancelled:
            self._leave(flow, turn)
            raise
        if not turn.is_set():
            self._leave(flow, turn)
            raise TooManyRequests

    @staticmethod
    def _leave(flow: _Flow, turn: trio.Event) -> None:
        """Give up one's place in the queue, or the turn that has just come."""
        if not turn.is_set():
            flow.waiting.remove(turn)
        elif flow.waiting:
            flow.waiting.popleft().set()
        else:
            flow.under_way -= 1
