"""How often the API may be asked: a bucket of tokens that refills steadily."""

import trio


class RateLimit:
    """*per_second* tokens are added each second, up to *burst*; `wait` takes one."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._filled = 0.0

    async def wait(self) -> None:
        """Return when a request may be sent."""
        now = trio.current_time()
        if self._filled:
            grown = self._tokens + (now - self._filled) * self._per_second
            self._tokens = min(grown, float(self._burst))
        self._filled = now
        self._tokens -= 1
        await trio.sleep(max(-self._tokens, 0.0) / self._per_second)
