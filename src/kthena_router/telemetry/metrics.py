"""The instruments, named once; names, labels and buckets are the original router's, so that dashboards go on working."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_DESTINATION = ("model_route", "backend_type", "backend_name", "upstream_model")

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
        prefix = "kthena_router"
        self.requests = Counter(
            f"{prefix}_requests_total",
            "Requests by outcome.",
            ("model", "path", "status_code", "error_type", *_DESTINATION),
            registry=self.registry,
        )
        self.duration = Histogram(
            f"{prefix}_request_duration_seconds",
            "Time from the arrival of a request to the end of its answer.",
            ("model", "path", "status_code", *_DESTINATION),
            buckets=_DURATION_BUCKETS,
            registry=self.registry,
        )
        self.tokens = Counter(
            f"{prefix}_tokens_total",
            "Tokens, as the engines counted them.",
            ("model", "path", "token_type", *_DESTINATION),
            registry=self.registry,
        )
        self.active = Gauge(
            f"{prefix}_active_requests", "Requests being handled.", registry=self.registry
        )
        self.active_downstream = Gauge(
            f"{prefix}_active_downstream_requests",
            "Requests by model.",
            ("model",),
            registry=self.registry,
        )
        self.active_upstream = Gauge(
            f"{prefix}_active_upstream_requests",
            "Calls to endpoints.",
            ("model_server", *_DESTINATION),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
