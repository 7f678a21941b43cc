"""A small run to look at: two rounds of requests by us, nginx, a Rust router and no proxy."""

from benchmarks.results import Failure, Results, Sample

RATES = {
    "no proxy": (1000.0, 2000.0),
    "nginx": (500.0, 900.0),
    "smg": (100.0, 400.0),
    "kthena-router": (200.0, 300.0),
}


def make_results() -> Results:
    samples = [
        Sample("requests", "32 x 300 B", peer, number, {"rate": rate, "busy": 50.0})
        for peer, rates in RATES.items()
        for number, rate in enumerate(rates)
    ]
    return Results(
        date="2026-01-01T00:00:00Z",
        machine={"cpu": "a processor", "kernel": "6.1", "python": "3.11.7"},
        options={"pinned": True},
        ours="kthena-router",
        direct="no proxy",
        peers=dict.fromkeys((*RATES, "litellm"), "1.0"),
        samples=samples,
        failures=[Failure("litellm", "does not start: no port")],
    )


def ttft(peer: str, *micros: float) -> list[Sample]:
    return [
        Sample("ttft", "4 clients", peer, number, {"p50": value, "p99": 2 * value})
        for number, value in enumerate(micros)
    ]
