"""How often the API may be asked: a bucket of tokens that refills steadily."""

import trio

# The first requests after a rest leave at this multiple of the steady rate, not all at once: with the defaults
# of 5 a second and a burst of 10 no second sees more than 8 requests, and one more where a request dawdles.
BURST_PACE = 1.4


class RateLimit:
    """*per_second* tokens are added each second, up to *burst*; `wait` takes one, first come, first served.

    The distance to the request before is kept from when that one really left, so that a busy moment of the
    process is not followed by a volley.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled = float("-inf")
        self._not_before = float("-inf")
        self._turn = trio.Lock()  # hands itself on in the order of arrival

    async def wait(self) -> None:
        """Return when a request may be sent."""
        async with self._turn:
            while (due := self._due(trio.current_time())) > trio.current_time():  # noqa: ASYNC110
                await trio.sleep_until(due)  # and look again: `hold` may have put it off
            self._take(trio.current_time())

    def hold(self, seconds: float) -> None:
        """Let nothing leave for *seconds*, as the server has asked."""
        self._not_before = max(self._not_before, trio.current_time() + seconds)

    def _due(self, now: float) -> float:
        return max(self._not_before, now + max(1.0 - self._level(now), 0.0) / self._per_second)

    def _level(self, now: float) -> float:
        return min(self._tokens + (now - self._filled) * self._per_second, self._burst)

    def _take(self, now: float) -> None:
        self._tokens = self._level(now) - 1.0
        self._filled = now
        self._not_before = max(self._not_before, now + 1.0 / (BURST_PACE * self._per_second))
