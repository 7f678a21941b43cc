"""Gauges of what is going on: they count open blocks, and keep a series while one is open."""

from prometheus_client import CollectorRegistry

from kthena_router.telemetry.live import LiveGauge


def gauge(*labels: str) -> tuple[LiveGauge, CollectorRegistry]:
    registry = CollectorRegistry()
    return LiveGauge("in_flight", "What is in flight.", labels, registry), registry


def test_a_gauge_counts_the_blocks_that_are_open() -> None:
    live, registry = gauge("model")
    with live.one_more("m"), live.one_more("m"), live.one_more("other"):
        assert 2.0 == registry.get_sample_value("in_flight", {"model": "m"})
        assert 1.0 == registry.get_sample_value("in_flight", {"model": "other"})
    assert 0.0 == registry.get_sample_value("in_flight", {"model": "m"})


def test_a_block_that_fails_counts_no_more() -> None:
    live, registry = gauge()
    try:
        with live.one_more():
            raise OSError
    except OSError:
        pass
    assert 0.0 == registry.get_sample_value("in_flight")


def test_a_gauge_without_labels_is_there_before_anything_happens() -> None:
    _, registry = gauge()
    assert 0.0 == registry.get_sample_value("in_flight")


def test_a_series_goes_only_when_nothing_counts_in_it() -> None:
    live, registry = gauge("model")
    with live.one_more("old"):
        live.retain({"model": frozenset({"m"})})
        assert 1.0 == registry.get_sample_value("in_flight", {"model": "old"})
    live.retain({"model": frozenset({"old"})})
    assert 0.0 == registry.get_sample_value("in_flight", {"model": "old"})
    live.retain({"model": frozenset({"m"})})
    assert None is registry.get_sample_value("in_flight", {"model": "old"})
