import trio
from tests.support.build import (
    make_model_route,
    make_model_server,
    make_objects,
    target,
)
from trio.testing import MockClock

from kthena_router.concurrency.published import Published
from kthena_router.routing.snapshot import RoutingOptions, Snapshot, compile_snapshot
from kthena_router.telemetry.metrics import (
    NO_DESTINATION,
    SWEEP_SECONDS,
    Metrics,
    label_values,
    path_label,
)

DESTINATION = ("default/route", "model_server", "default/server", "real")


def snapshot(*objects: object) -> Snapshot:
    return compile_snapshot(
        make_objects(*objects),  # type: ignore[arg-type]
        RoutingOptions(gateway_api=False, default_port=8080),
    )


CONFIGURED = snapshot(
    make_model_server(model="real"),
    make_model_route(loraAdapters=["lora"], rules=[{"targetModels": [target(), target("gone")]}]),
)


LABELS = {
    "model_route": "default/route",
    "backend_type": "model_server",
    "backend_name": "default/server",
    "upstream_model": "real",
}
PATH = "/v1/completions"


def count_request(metrics: Metrics, model: str, *destination: str) -> None:
    metrics.requests.of(model, PATH, "200", "successful_request", *destination).inc()


def shown(metrics: Metrics) -> list[tuple[str, str]]:
    """Return model and upstream model of the series of requests that are exposed."""
    return [
        (sample.labels["model"], sample.labels["upstream_model"])
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "kthena_router_requests_total"
    ]


def test_names_and_labels_are_the_originals() -> None:
    metrics = Metrics()
    count_request(metrics, "m", *DESTINATION)
    metrics.duration.of("m", PATH, "200", *DESTINATION).observe(70)
    metrics.tokens.of("m", PATH, "output", *DESTINATION).inc(7)

    value = metrics.registry.get_sample_value
    request = {"model": "m", "path": PATH, **LABELS}
    finished = {**request, "status_code": "200"}
    assert 1.0 == value(
        "kthena_router_requests_total", {**finished, "error_type": "successful_request"}
    )
    assert 1.0 == value("kthena_router_request_duration_seconds_count", finished)
    assert 0.0 == value("kthena_router_request_duration_seconds_bucket", {**finished, "le": "60.0"})
    assert 1.0 == value(
        "kthena_router_request_duration_seconds_bucket", {**finished, "le": "120.0"}
    )
    assert 7.0 == value("kthena_router_tokens_total", {**request, "token_type": "output"})
    with (
        metrics.active.one_more(),
        metrics.active_downstream.one_more("m"),
        metrics.active_upstream.one_more("default/server", *DESTINATION),
    ):
        assert 1.0 == value("kthena_router_active_requests")
        assert 1.0 == value("kthena_router_active_downstream_requests", {"model": "m"})
        assert 1.0 == value(
            "kthena_router_active_upstream_requests", {"model_server": "default/server", **LABELS}
        )


def test_exposition_is_prometheus_text() -> None:
    text, content_type = Metrics().render()
    assert content_type.startswith("text/plain; version=")
    assert b"# TYPE kthena_router_requests_total counter\n" in text
    assert b"# TYPE kthena_router_request_duration_seconds histogram\n" in text
    assert b"# TYPE kthena_router_active_upstream_requests gauge\n" in text
    assert b"\nprocess_open_fds " in text
    assert b"_created" not in text


def test_paths_that_no_engine_has_share_one_label() -> None:
    assert "/v1/completions" == path_label("/v1/completions")
    assert ["other", "other"] == [path_label("/v1/completions/x"), path_label("/v1/\n")]


def test_labels_can_have_the_values_that_the_configuration_gives_them() -> None:
    assert {
        "model": {"m", "lora", "unknown"},
        "model_route": {"default/route", "none"},
        "backend_name": {"default/server", "default/gone", "none"},
        "model_server": {"default/server", "default/gone", "none"},
        "upstream_model": {"m", "lora", "real", "none"},
    } == label_values(CONFIGURED)


def test_series_of_what_is_not_known_any_more_go() -> None:
    metrics = Metrics()
    count_request(metrics, "m", *DESTINATION)
    count_request(metrics, "lora", *DESTINATION[:3], "lora")
    count_request(metrics, "unknown", *NO_DESTINATION)
    count_request(metrics, "m", *DESTINATION[:3], "before")
    count_request(metrics, "old", *DESTINATION)
    count_request(metrics, "m", "default/old", *DESTINATION[1:])
    with metrics.active_downstream.one_more("old"):
        pass
    metrics.duration.of("old", PATH, "200", *DESTINATION).observe(1)

    metrics.retain(label_values(CONFIGURED))

    assert [("m", "real"), ("lora", "lora"), ("unknown", "none")] == shown(metrics)
    assert None is metrics.registry.get_sample_value(
        "kthena_router_active_downstream_requests", {"model": "old"}
    )
    assert b'"old"' not in metrics.render()[0]


def test_who_holds_a_series_that_has_gone_disturbs_no_new_one() -> None:
    metrics = Metrics()
    held = metrics.tokens.of("m", PATH, "output", *DESTINATION)
    held.inc()
    metrics.retain({"model": frozenset()})
    metrics.tokens.of("m", PATH, "output", *DESTINATION).inc()
    held.inc(5)
    assert 1.0 == metrics.registry.get_sample_value(
        "kthena_router_tokens_total",
        {"model": "m", "path": PATH, "token_type": "output", **LABELS},
    )


async def test_series_stay_for_a_while_after_what_they_speak_of(autojump_clock: MockClock) -> None:
    metrics = Metrics()
    snapshots = Published(CONFIGURED)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(metrics.run, snapshots)
        await trio.sleep(SWEEP_SECONDS / 2)
        count_request(metrics, "m", *DESTINATION)
        snapshots.publish(snapshot())
        await trio.sleep(SWEEP_SECONDS)
        assert [("m", "real")] == shown(metrics)
        await trio.sleep(SWEEP_SECONDS)
        assert [] == shown(metrics)
        nursery.cancel_scope.cancel()


async def test_series_of_what_stays_are_kept_for_ever(autojump_clock: MockClock) -> None:
    metrics = Metrics()
    count_request(metrics, "m", *DESTINATION)
    with trio.move_on_after(10 * SWEEP_SECONDS):
        await metrics.run(Published(CONFIGURED))
    assert [("m", "real")] == shown(metrics)
