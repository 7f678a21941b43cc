"""The books of one request: its access record and its metrics, closed once whatever the way out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import trio

from kthena_router.errors import RouterError
from kthena_router.listeners.asgi import Scope
from kthena_router.routing.snapshot import Destination
from kthena_router.telemetry.access_log import AccessLog, AccessRecord
from kthena_router.telemetry.metrics import Metrics, path_label
from kthena_router.wire.usage import Usage

CLIENT_GONE = 499  # nginx's number for a client that left; it is never sent


class Journal:
    """Is told what happens to a request, and writes it down at the end."""

    def __init__(self, scope: Scope, request_id: str, arrived: datetime, metrics: Metrics) -> None:
        self.record = AccessRecord(
            arrived=arrived,
            method=scope["method"],
            path=scope["path"],
            protocol=f"HTTP/{scope['http_version']}",
            request_id=request_id,
        )
        self._metrics = metrics
        self._started = trio.current_time()
        self._model_label = "unknown"
        self._error_label = ""
        self._destination: tuple[str, str, str, str] = ("none", "unresolved", "none", "none")
        self._bound = False

    def parsed(self, model: str, *, known: bool) -> None:
        """Note the model that was asked for; *known*: some route declares it."""
        self.record.model_name = model
        self.record.request_processing = trio.current_time() - self._started
        self._model_label = model if known else "unknown"
        self._bound = True

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

    def failed(self, error: RouterError, *, status: int | None = None) -> None:
        """Note why there is no good answer; *status* where another one has already been sent."""
        self.record.status_code = error.status if status is None else status
        self.record.error_type = error.log_type or error.reason
        self.record.error_message = error.message
        self.record.error_origin = error.origin
        self._error_label = error.reason

    def client_left(self) -> None:
        """Note that the client did not wait for the end."""
        self.record.status_code = CLIENT_GONE
        self.record.error_type = "client_closed_request"
        self.record.error_message = "the client left before the end of the answer"
        self._error_label = "client_closed_request"

    def used(self, usage: Usage) -> None:
        """Note the tokens that the engine counted."""
        self.record.input_tokens = usage.input_tokens
        self.record.output_tokens = usage.output_tokens

    @contextmanager
    def calling(self, pod: str) -> Iterator[None]:
        """Count one call to an endpoint while the block runs."""
        record = self.record
        record.upstream_attempts += 1
        record.selected_pod = pod
        gauge = self._metrics.active_upstream.labels(record.model_server, *self._destination)
        started = trio.current_time()
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()
            record.upstream_processing += trio.current_time() - started

    def close(self) -> None:
        """Work out the total and count the request."""
        record = self.record
        record.total = trio.current_time() - self._started
        if not self._bound:
            return  # as in the original, what could not be parsed is only in the log
        metrics, path = self._metrics, path_label(record.path)
        label = self._error_label or (
            "successful_request" if record.status_code < 400 else "request_failed"
        )
        status = str(record.status_code)
        metrics.requests.labels(self._model_label, path, status, label, *self._destination).inc()
        metrics.duration.labels(self._model_label, path, status, *self._destination).observe(
            record.total
        )
        for kind, count in (("input", record.input_tokens), ("output", record.output_tokens)):
            if count:
                metrics.tokens.labels(self._model_label, path, kind, *self._destination).inc(count)

    @contextmanager
    def downstream(self) -> Iterator[None]:
        """Count one active request of the model while the block runs."""
        gauge = self._metrics.active_downstream.labels(self._model_label)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()


@contextmanager
def open_journal(
    scope: Scope,
    request_id: str,
    wall_clock: Callable[[], datetime],
    metrics: Metrics,
    access_log: AccessLog,
) -> Iterator[Journal]:
    """Keep the books of one request while the block runs."""
    journal = Journal(scope, request_id, wall_clock(), metrics)
    metrics.active.inc()
    try:
        yield journal
    finally:
        metrics.active.dec()
        journal.close()
        access_log.write(journal.record)
