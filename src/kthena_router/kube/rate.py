"""How often the API may be asked: a bucket of tokens that refills steadily."""

import trio

# The first requests after a rest leave at this multiple of the steady rate, not all at once: with the defaults
# of 5 a second and a burst of 10, no second sees more than 9 requests.
BURST_PACE = 1.6


class RateLimit:
    """*per_second* tokens are added each second, up to *burst*; `wait` takes one, first come, first served."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled = float("-inf")
        self._latest = float("-inf")

    async def wait(self) -> None:
        """Return when a request may be sent."""
        await trio.sleep_until(self._take(trio.current_time()))

    def _take(self, now: float) -> float:
        """Take a token and return when it is there, which may be in the future."""
        self._tokens = min(self._tokens + (now - self._filled) * self._per_second, self._burst)
        self._filled = now
        self._tokens -= 1.0
        filled = now + max(-self._tokens, 0.0) / self._per_second
        self._latest = max(filled, self._latest + 1.0 / (BURST_PACE * self._per_second))
        return self._latest
