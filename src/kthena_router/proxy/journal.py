"""The books of one request: its access record and its metrics, closed once whatever the way out."""

from datetime import datetime

import trio

from kthena_router.errors import RouterError
from kthena_router.proxy.meter import Meter
from kthena_router.proxy.reading import RequestHead
from kthena_router.routing.snapshot import Destination
from kthena_router.telemetry.access_log import AccessLog, AccessRecord
from kthena_router.telemetry.live import Counting
from kthena_router.telemetry.metrics import NO_DESTINATION, NO_MODEL, Metrics, path_label

CLIENT_GONE = 499  # nginx's number for a client that left; it is never sent
UNAVAILABLE = 503


class Journal:
    """Is told what happens to a request, and writes it down at the end."""

    def __init__(
        self, head: RequestHead, request_id: str, arrived: datetime, metrics: Metrics
    ) -> None:
        self.record = AccessRecord(
            arrived=arrived,
            method=head.method,
            path=head.path,
            protocol=head.protocol,
            request_id=request_id,
        )
        self._metrics = metrics
        self._started = trio.current_time()
        self._model_label = NO_MODEL
        self._destination = NO_DESTINATION
        self._asks_for_model = False

    def parsed(self, model: str, *, known: bool) -> None:
        """Note the model that was asked for; *known*: some route declares it."""
        self.record.model_name = model
        self.record.request_processing = trio.current_time() - self._started
        self._model_label = model if known else NO_MODEL
        self._asks_for_model = True

    def bound(self, destination: Destination) -> None:
        """Note where the request goes."""
        record = self.record
        backend = str(destination.backend.key)
        record.model_route = str(destination.route)
        record.model_server = record.backend_name = backend
        record.backend_type = "model_server"
        record.upstream_model = destination.upstream_model
        self._destination = (
            record.model_route,
            "model_server",
            backend,
            destination.upstream_model,
        )

    def answered(self, status: int) -> None:
        """Note that the client got a whole answer."""
        self.record.status_code = status

    def failed(self, error: RouterError, *, status: int) -> None:
        """Note why there is no good answer; *status* is what the client was sent."""
        self._broken_off(status, error.reason, error.log_message, error.origin)

    def client_left(self) -> None:
        """Note that the client did not wait for the end."""
        message = "the client left before the end of the answer"
        self._broken_off(CLIENT_GONE, "client_closed_request", message)

    def cut(self, status: int) -> None:
        """Note that the router ended before the answer did; *status*: what had been sent, 0 for nothing."""
        message = "the router ended before the answer did"
        self._broken_off(status or UNAVAILABLE, "request_failed", message, "router")

    def metered(self, meter: Meter) -> None:
        """Note the tokens that the engine counted, and when its answer came."""
        usage = meter.usage
        self.record.input_tokens = usage.input_tokens
        self.record.output_tokens = usage.output_tokens
        if meter.streams and meter.first is not None and meter.last is not None:
            labels = (self._model_label, *self._destination)
            self._metrics.first_token.of(*labels).observe(meter.first - self._started)
            if usage.output_tokens > 1:
                gap = (meter.last - meter.first) / (usage.output_tokens - 1)
                self._metrics.token_gap.of(*labels).observe(gap)

    def calling(self, pod: str) -> "Calling":
        """Return the block of one call to an endpoint."""
        record = self.record
        record.upstream_attempts += 1
        record.upstream_status_code = 0
        record.selected_pod = pod
        counting = self._metrics.active_upstream.one_more(record.model_server, *self._destination)
        return Calling(counting, record)

    def downstream(self) -> Counting:
        """Return the block of one active request of the model."""
        return self._metrics.active_downstream.one_more(self._model_label)

    def close(self) -> None:
        """Work out the total and count the request. A list of models is only counted where it failed, as in the original."""
        record = self.record
        record.total = trio.current_time() - self._started
        if self._asks_for_model or record.error_type:
            self._count(path_label(record.path), str(record.status_code))

    def _count(self, path: str, status: str) -> None:
        metrics, record = self._metrics, self.record
        label = record.error_type or (
            "successful_request" if record.status_code < 400 else "request_failed"
        )
        metrics.requests.of(self._model_label, path, status, label, *self._destination).inc()
        metrics.duration.of(self._model_label, path, status, *self._destination).observe(
            record.total
        )
        for kind, count in (("input", record.input_tokens), ("output", record.output_tokens)):
            if count:
                metrics.tokens.of(self._model_label, path, kind, *self._destination).inc(count)

    def _broken_off(self, status: int, reason: str, message: str, origin: str = "") -> None:
        self.record.status_code = status
        self.record.error_type = reason
        self.record.error_message = message
        self.record.error_origin = origin


class Calling:
    """Counts one more call while its block runs, and the time that it takes."""

    __slots__ = ("_counting", "_record", "_started")

    def __init__(self, counting: Counting, record: AccessRecord) -> None:
        self._counting = counting
        self._record = record
        self._started = trio.current_time()

    def __enter__(self) -> None:
        self._counting.__enter__()

    def __exit__(self, *_: object) -> None:
        self._counting.__exit__()
        self._record.upstream_processing += trio.current_time() - self._started


class OpenJournal:
    """Keeps the books of one request while its block runs."""

    __slots__ = ("_access_log", "_counting", "_journal")

    def __init__(
        self,
        head: RequestHead,
        request_id: str,
        arrived: datetime,
        metrics: Metrics,
        access_log: AccessLog,
    ) -> None:
        self._journal = Journal(head, request_id, arrived, metrics)
        self._counting = metrics.active.one_more()
        self._access_log = access_log

    def __enter__(self) -> Journal:
        self._counting.__enter__()
        return self._journal

    def __exit__(self, *_: object) -> None:
        self._counting.__exit__()
        self._journal.close()
        self._access_log.write(self._journal.record)
