"""What is refused before it is a request that the application sees: counted, and a line in the access log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kthena_router.errors import RouterError
from kthena_router.telemetry.access_log import AccessLog, AccessRecord
from kthena_router.telemetry.metrics import Metrics

UNKNOWN = "-"  # as web servers write what a line has no value for


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer to bytes that are no request, or to a client for which there is no room.

    *client* is its address, "" where that is not known any more.
    """

    client: str
    error: RouterError
    method: str = UNKNOWN
    path: str = UNKNOWN
    protocol: str = "HTTP/1.1"


Refused = Callable[[Refusal], None]


def not_noted(_: Refusal) -> None:
    """Keep no books, as the operators' own servers do not."""


class Refusals:
    """Keeps the books of refusals."""

    def __init__(
        self, metrics: Metrics, access_log: AccessLog, wall_clock: Callable[[], datetime]
    ) -> None:
        self._metrics = metrics
        self._access_log = access_log
        self._wall_clock = wall_clock

    def note(self, refusal: Refusal) -> None:
        """Count a refusal and log it, with the client's address: there is nothing else to find it by."""
        error = refusal.error
        self._metrics.refused.of(str(error.status), error.code).inc()
        client = f" (client {refusal.client})" if refusal.client else ""
        self._access_log.write(
            AccessRecord(
                arrived=self._wall_clock(),
                method=refusal.method,
                path=refusal.path,
                protocol=refusal.protocol,
                status_code=error.status,
                error_type=error.reason,
                error_message=f"{error.log_message}{client}",
                error_origin=error.origin,
            )
        )
