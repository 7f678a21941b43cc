"""From samples to figures: medians over rounds, and medians of the ratios within each round. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
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


def median_ratio(ours: Mapping[int, float], other: Mapping[int, float]) -> float | None:
    """Return the median of the ratios of the rounds that both have; only positive divisors count."""
    shared = [ours[number] / other[number] for number in ours if other.get(number, 0) > 0]
    return statistics.median(shared) if shared else None


class Summary:
    """The figures of a run."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self.ours = results.ours
        self.direct = results.direct

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
        ground = _by_round(self._samples(part, case, self.direct), metric.name)
        return {number: value - ground[number] for number, value in own.items() if number in ground}

    def best(self, part: str, case: str, peers: Sequence[str], metric: Metric) -> dict[int, float]:
        """Return the best value of several peers in each round."""
        found: dict[int, list[float]] = {}
        for peer in peers:
            for number, value in self.values(part, case, peer, metric).items():
                found.setdefault(number, []).append(value)
        choose = max if metric.better == "more" else min
        return {number: choose(values) for number, values in found.items()}

    def figure(self, part: str, case: str, peer: str, metric: Metric) -> Figure | None:
        """Return a peer's figure, None where it has none."""
        values = self.values(part, case, peer, metric)
        if not values:
            return None
        ours = self.values(part, case, self.ours, metric)
        compared = None if peer == self.ours else median_ratio(ours, values)
        return Figure(statistics.median(values.values()), compared)

    def busy(self, part: str, case: str, peer: str) -> float:
        """Return how busy the load's core was, %, 0 where it is not known."""
        values = _by_round(self._samples(part, case, peer), "busy")
        return statistics.median(values.values()) if values else 0.0

    def reason(self, part: str, case: str, peer: str) -> str:
        """Return what went wrong with a peer in a case, "" for nothing."""
        for failure in self._results.failures:
            if failure.peer == peer and failure.part == part and failure.case in {"", case}:
                return failure.reason
        return ""

    def lost(self, peer: str) -> str:
        """Return why a peer took no part in the run, "" where it did."""
        reasons = [
            failure.reason
            for failure in self._results.failures
            if failure.peer == peer and not failure.part
        ]
        return reasons[0] if reasons else ""
