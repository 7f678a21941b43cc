"""Say once that the API cannot be reached, and once that it can again."""

import logging

import trio

log = logging.getLogger(__name__)

# One failure alone is often a connection that the server closed while it was idle.
FAILURES_IN_A_ROW = 2


class Reachability:
    """Is told of every request, so that no user of the API has to report an outage."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0

    def failed(self, message: str) -> None:
        """Note a request without an answer."""
        if not self._failures:
            self._since = trio.current_time()
        self._failures += 1
        if self._failures == FAILURES_IN_A_ROW:
            log.warning(
                "the Kubernetes API cannot be reached, the last configuration stays in force: %s",
                message,
            )

    def answered(self) -> None:
        """Note an answer."""
        if self._failures >= FAILURES_IN_A_ROW:
            log.info(
                "the Kubernetes API answers again after %.0f s", trio.current_time() - self._since
            )
        self._failures = 0
