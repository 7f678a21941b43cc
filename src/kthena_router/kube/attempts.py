"""When the status of one object may be written again."""

from dataclasses import dataclass

from kthena_router.concurrency.supervision import Backoff

BACKOFF = Backoff(base=1.0, ceiling=60.0)
# Somebody may write over our status as often as we write it: after the first few, the quarrel is kept slow,
# while news is written as it comes.
BURST = 5.0
REFILL_SECONDS = 10.0
QUARREL = 1.0
NEWS = 0.125


@dataclass(slots=True)
class Attempts:
    """What has been tried for one object. Times are seconds on the caller's clock."""

    looked: float = float("-inf")  # when it was last compared
    written: object = None  # what was asked for last
    based_on: str | None = None  # the version under the last write
    futile: object = None  # what was asked for, if the API kept the version; else a newer one comes
    failures: int = 0
    not_before: float = 0.0
    allowance: float = BURST
    counted: float = 0.0

    def settled(self, version: str, status: object) -> bool:
        """Return whether *status* on top of *version* has been dealt with until a newer version comes."""
        return self.based_on == version and (self.futile is None or self.futile == status)

    def wait(self, now: float) -> float:
        """Return the seconds until the next write may be made."""
        grown = (now - self.counted) / REFILL_SECONDS
        self.allowance, self.counted = min(self.allowance + grown, BURST), now
        scarce = max(1.0 - self.allowance, 0.0) * REFILL_SECONDS
        return max(self.not_before - now, scarce, 0.0)

    def wrote(self, version: str, status: object, answered_version: str) -> None:
        """Note a write on top of *version* that made *answered_version*, which the watch will bring."""
        self.allowance -= QUARREL if status == self.written else NEWS
        self.failures = 0
        self.written = status
        self.based_on = version
        self.futile = status if answered_version == version else None

    def overtaken(self, version: str) -> None:
        """Note that *version* is no longer the newest: the watch will bring the one that is."""
        self.based_on, self.futile = version, None

    def failed(self, now: float, chance: float) -> None:
        """Note a refused write."""
        self.failures += 1
        self.not_before = now + BACKOFF.delay(self.failures, chance)
