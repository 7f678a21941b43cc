"""From samples to figures: medians over rounds, and medians of the ratios within each round. Pure."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.parts.base import Metric
from benchmarks.results import Results, Sample


@dataclass(frozen=True)
class Figure:
    """A peer's median, and the median over rounds of ours divided by it, None without meaning."""

    value: float
    ratio: float | None


def _by_round(samples: Iterable[Sample], metric: str) -> dict[int, float]:
    return {sample.round: sample.values[metric] for sample in samples if metric in sample.values}


def _ratio(ours: dict[int, float], other: dict[int, float]) -> float | None:
    shared = [ours[number] / other[number] for number in ours if other.get(number, 0) > 0]
    return statistics.median(shared) if shared else None


class Summary:
    """The figures of a run."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def _samples(self, part: str, case: str, peer: str) -> list[Sample]:
        return [
            sample
            for sample in self._results.samples
            if (sample.part, sample.case, sample.peer) == (part, case, peer)
        ]

    def values(self, part: str, case: str, peer: str, metric: Metric) -> dict[int, float]:
        """Return a peer's value in each round, less that without a proxy for an *added* metric."""
        own = _by_round(self._samples(part, case, peer), metric.name)
        if not metric.added:
            return own
        ground = _by_round(self._samples(part, case, self._results.direct), metric.name)
        return {number: value - ground[number] for number, value in own.items() if number in ground}

    def figure(self, part: str, case: str, peer: str, metric: Metric) -> Figure | None:
        """Return a peer's figure, None where it has none."""
        values = self.values(part, case, peer, metric)
        if not values:
            return None
        ours = self.values(part, case, self._results.ours, metric)
        is_ours = peer == self._results.ours
        return Figure(
            statistics.median(values.values()), None if is_ours else _ratio(ours, values)
        )

    def reason(self, part: str, case: str, peer: str) -> str:
        """Return why a peer has no figure, "" where nothing is known."""
        for failure in self._results.failures:
            fits = failure.part in {"", part} and failure.case in {"", case}
            if failure.peer == peer and fits:
                return failure.reason
        return ""
