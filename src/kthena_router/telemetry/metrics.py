"""The instruments, named once; names, labels and buckets are the original router's, so that dashboards go on working.

No client can make series without end: models are label values only where a route declares them, paths where an engine
has them, and all others are names of objects. What is no longer configured goes after a while.
"""

from collections.abc import Mapping, Set as AbstractSet

import trio
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from kthena_router.concurrency.published import Published
from kthena_router.routing.snapshot import Snapshot
from kthena_router.telemetry.live import LiveGauge
from kthena_router.telemetry.series import Series

Values = Mapping[str, AbstractSet[str]]

PREFIX = "kthena_router_"
NO_MODEL = "unknown"
NO_DESTINATION = ("none", "unresolved", "none", "none")
# The original's end at 60; generations take longer.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
GAP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# Time enough to be scraped once more, whatever the interval.
SWEEP_SECONDS = 600.0

_DESTINATION = ("model_route", "backend_type", "backend_name", "upstream_model")
_REQUEST = ("model", "path", "status_code", "error_type", *_DESTINATION)
_DURATION = ("model", "path", "status_code", *_DESTINATION)
_TOKENS = ("model", "path", "token_type", *_DESTINATION)
_STREAM = ("model", *_DESTINATION)
_CALL = ("model_server", *_DESTINATION)

# Paths come from clients; only those that an engine is known to have become label values.
KNOWN_PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/models",
        "/v1/rerank",
        "/v1/responses",
        "/v1/score",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
    }
)


def path_label(path: str) -> str:
    """Return *path*, or `other` for one that is not known, to bound the number of series."""
    return path if path in KNOWN_PATHS else "other"


class Metrics:
    """All instruments of one router, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the original has no such series
        self.registry = CollectorRegistry()
        self.active = self._live("active_requests", "Requests being handled.", ())
        self.requests = self._counter("requests_total", "Requests by outcome.", _REQUEST)
        # Ours alone: the original's server refuses what is no request without a word.
        self.refused = self._counter(
            "refused_requests_total",
            "What was refused before it was a request: malformed, too large, too slow, or too many connections.",
            ("status_code", "reason"),
        )
        self.tokens = self._counter("tokens_total", "Tokens, as the engines counted them.", _TOKENS)
        self.active_downstream = self._live(
            "active_downstream_requests", "Requests by model.", ("model",)
        )
        self.active_upstream = self._live("active_upstream_requests", "Calls to endpoints.", _CALL)
        self.duration = self._histogram(
            "request_duration_seconds",
            "Time from the arrival of a request to the end of its answer.",
            _DURATION,
            DURATION_BUCKETS,
        )
        self.first_token = self._histogram(
            "time_to_first_token_seconds",
            "Time from the arrival of a streaming request to the first piece of its answer.",
            _STREAM,
            DURATION_BUCKETS,
        )
        self.token_gap = self._histogram(
            "time_per_output_token_seconds",
            "Mean time between two tokens of a stream.",
            _STREAM,
            GAP_BUCKETS,
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Series[Counter]:
        return Series(Counter(f"{PREFIX}{name}", text, labels, registry=self.registry), labels)

    def _live(self, name: str, text: str, labels: tuple[str, ...]) -> LiveGauge:
        return LiveGauge(f"{PREFIX}{name}", text, labels, self.registry)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Series[Histogram]:
        name = f"{PREFIX}{name}"
        histogram = Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        return Series(histogram, labels)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def retain(self, known: Values) -> None:
        """Drop the series that have a value which is not *known* for its label."""
        self.requests.retain(known)
        self.duration.retain(known)
        self.first_token.retain(known)
        self.token_gap.retain(known)
        self.tokens.retain(known)
        self.active_downstream.retain(known)
        self.active_upstream.retain(known)

    async def run(self, snapshots: Published[Snapshot]) -> None:
        """From time to time, for ever, drop the series of what is not configured any more, and was not the last time."""
        before = label_values(snapshots.value)
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = label_values(snapshots.value)
            self.retain({label: values | before[label] for label, values in now.items()})
            before = now


def label_values(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """Return, for each label that speaks of the configuration, the values that requests under *snapshot* can give it."""
    backends = [
        *snapshot.backends.values(),
        *(
            target.backend
            for route in snapshot.routes.values()
            for rule in route.rules
            for target in rule.targets
        ),
    ]
    keys = frozenset(str(backend.key) for backend in backends) | {"none"}
    renamed = {backend.model for backend in backends if backend.model}
    return {
        "model": snapshot.declared | {NO_MODEL},
        "model_route": frozenset(map(str, snapshot.routes)) | {"none"},
        "backend_name": keys,
        "model_server": keys,
        "upstream_model": snapshot.declared | renamed | {"none"},
    }
