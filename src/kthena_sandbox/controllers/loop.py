"""The loop of every controller: dirty keys, one at a time, again after a failure with growing pauses."""

import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from kthena_sandbox.client import ApiAway, ApiError

K = TypeVar("K")
_log = logging.getLogger(__name__)
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_AWAY_PAUSE = 0.5


class Reconciler(Generic[K]):
    """Calls *reconcile* for each dirty key; it returns the seconds after which to look again, or None.

    Keys that get dirty while they wait count once; one that gets dirty during its turn gets another.
    """

    def __init__(self, name: str, reconcile: Callable[[K], Awaitable[float | None]]) -> None:
        self._name = name
        self._reconcile = reconcile
        self._dirty: dict[K, None] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, float] = {}
        self._news = trio.Event()

    def add(self, key: K) -> None:
        """Mark *key* dirty."""
        self._dirty[key] = None
        self._news.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                while not self._dirty:
                    self._news = trio.Event()
                    await self._news.wait()
                key = next(iter(self._dirty))
                del self._dirty[key]
                pause = await self._turn(key)
                if pause is not None:
                    self._look_again(nursery, key, pause)

    async def _turn(self, key: K) -> float | None:
        try:
            pause = await self._reconcile(key)
        except ApiAway:
            return _AWAY_PAUSE
        except ApiError as error:
            _log.debug("%s: %s: %s", self._name, key, error)
            return self._failed(key)
        except Exception:  # noqa: BLE001  one bad object must not stop the controller
            _log.exception("%s: %s", self._name, key)
            return self._failed(key)
        self._failures.pop(key, None)
        return pause

    def _failed(self, key: K) -> float:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        return float(min(_FIRST_PAUSE * 2 ** min(count, 16), _LONGEST_PAUSE))

    def _look_again(self, nursery: trio.Nursery, key: K, pause: float) -> None:
        due = trio.current_time() + pause
        if self._timers.get(key, float("inf")) <= due:
            return
        self._timers[key] = due
        nursery.start_soon(self._wake, key, due)

    async def _wake(self, key: K, due: float) -> None:
        await trio.sleep_until(due)
        if self._timers.get(key) == due:
            del self._timers[key]
            self.add(key)
