"""An engine's metrics, counted truthfully and shown under the names of vLLM or of SGLang."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5,
          10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0)  # fmt: skip
_BETWEEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5,
            10.0, 20.0, 40.0, 80.0)  # fmt: skip
_WHOLE = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0,
          120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0)  # fmt: skip
GAUGES = {
    "vllm": ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"),
    "sglang": ("sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage"),
}


class Histogram:
    """Observations in seconds, counted by upper bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def lines(self, name: str, labels: str) -> Iterable[str]:
        """Its series in the text format."""
        total = 0
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self.sum}"
        yield f"{name}_count{{{labels}}} {total}"


@dataclass
class Metrics:
    """All that is counted over the engine's life."""

    first_token: Histogram = field(default_factory=lambda: Histogram(_FIRST))
    between_tokens: Histogram = field(default_factory=lambda: Histogram(_BETWEEN))
    whole_request: Histogram = field(default_factory=lambda: Histogram(_WHOLE))
    prompt_tokens: int = 0
    generated_tokens: int = 0
    finished: dict[str, int] = field(
        default_factory=lambda: {"stop": 0, "length": 0, "abort": 0, "error": 0}
    )


def exposition(engine: str, model: str, gauges: Sequence[float], metrics: Metrics) -> str:
    """The Prometheus text; *gauges* are running, waiting and the cache's use from 0 to 1."""
    labels = _labels(
        {"engine": "0", "model_name": model} if engine == "vllm" else {"model_name": model}
    )
    lines: list[str] = []
    for name, value in zip(GAUGES[engine], gauges, strict=True):
        lines += [f"# TYPE {name} gauge", f"{name}{{{labels}}} {float(value)}"]
    counters = {
        "prompt_tokens_total": metrics.prompt_tokens,
        "generation_tokens_total": metrics.generated_tokens,
    }
    for name, total in counters.items():
        lines += [f"# TYPE {engine}:{name} counter", f"{engine}:{name}{{{labels}}} {float(total)}"]
    lines += _finished(engine, labels, metrics.finished)
    histograms = {
        "time_to_first_token_seconds": metrics.first_token,
        "inter_token_latency_seconds": metrics.between_tokens,
        "e2e_request_latency_seconds": metrics.whole_request,
    }
    for name, histogram in histograms.items():
        lines += [f"# TYPE {engine}:{name} histogram", *histogram.lines(f"{engine}:{name}", labels)]
    return "\n".join(lines) + "\n"


def _finished(engine: str, labels: str, finished: Mapping[str, int]) -> list[str]:
    if engine == "sglang":
        name = "sglang:num_requests_total"
        return [f"# TYPE {name} counter", f"{name}{{{labels}}} {float(sum(finished.values()))}"]
    name = "vllm:request_success_total"
    rows = [
        f'{name}{{{labels},finished_reason="{reason}"}} {float(total)}'
        for reason, total in finished.items()
    ]
    return [f"# TYPE {name} counter", *rows]


def _labels(pairs: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
