"""What each request pays for being told of."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from kthena_router.telemetry.access_log import AccessRecord, json_line, text_line
from kthena_router.telemetry.metrics import Metrics

RECORD = AccessRecord(
    arrived=datetime(2026, 1, 1, tzinfo=UTC),
    method="POST",
    path="/v1/chat/completions",
    protocol="HTTP/1.1",
    status_code=200,
    model_name="bench",
    model_route="default/bench-100",
    model_server="default/bench",
    selected_pod="bench-53",
    request_id="c87e3d15-7136-4095-80ec-4757f2ad2234",
    backend_type="model_server",
    backend_name="default/bench",
    upstream_model="bench",
    upstream_status_code=200,
    upstream_attempts=1,
    gateway="default/bench-100",
    input_tokens=64,
    output_tokens=64,
    total=0.5,
    upstream_processing=0.4,
)
DESTINATION = ("default/bench-100", "model_server", "default/bench", "bench")


@pytest.mark.parametrize("line", [text_line, json_line])
def test_an_access_log_line_is_written(
    benchmark: BenchmarkFixture, line: Callable[[AccessRecord], str]
) -> None:
    assert "bench-53" in benchmark(line, RECORD)


def test_the_counters_of_a_request_are_raised(benchmark: BenchmarkFixture) -> None:
    metrics = Metrics()

    def count() -> None:
        metrics.requests.of("bench", "/v1/chat/completions", "200", "", *DESTINATION).inc()
        metrics.duration.of("bench", "/v1/chat/completions", "200", *DESTINATION).observe(0.5)

    benchmark(count)

    assert b"kthena_router_requests_total" in metrics.render()[0]
