"""Keep a service running: back-off as a value, and the loop that uses it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

SETTLED_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from *base* up to *ceiling*, in seconds; *spread* is the share of a delay that is left to chance."""

    base: float = 0.5
    ceiling: float = 30.0
    spread: float = 0.2

    def delay(self, failures: int, chance: float) -> float:
        """Return the pause after *failures* failures in a row (1 is the first); *chance* lies in [0, 1)."""
        exponent = min(
            max(failures - 1, 0), 32
        )  # a float overflows at 2 ** 1024, hours into an outage
        full = min(self.base * 2.0**exponent, self.ceiling)
        return full * (1.0 - self.spread * chance)


async def run_forever(
    service: Callable[[], Awaitable[object]],
    *,
    retry_on: type[Exception] | tuple[type[Exception], ...],
    backoff: Backoff,
    chance: Callable[[], float],
    on_failure: Callable[[BaseExceptionGroup[Exception]], None] = lambda _: None,
) -> None:
    """Run *service* again after a pause whenever it returns or fails with *retry_on*; any other exception propagates.

    The pause grows with failures in a row; a run of a minute counts as healthy and starts over.
    """
    failures = 0
    while True:
        started = trio.current_time()
        try:
            await service()
        except* retry_on as errors:
            on_failure(errors)
        healthy = trio.current_time() - started >= SETTLED_AFTER_SECONDS
        failures = 1 if healthy else failures + 1
        await trio.sleep(backoff.delay(failures, chance()))
