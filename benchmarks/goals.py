"""What our router has to reach, as relations to its peers within one run. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.parts.base import Metric, Part
from benchmarks.results import Results
from benchmarks.summary import Summary, median_ratio

RUST_ROUTERS = ("sglang-router", "smg", "vllm-router")
_ONE_BY_ONE = 1.2  # events per read, up to which a peer counts as passing each event on by itself


@dataclass(frozen=True)
class Verdict:
    """A goal, and what was measured; *unit* is "" for a ratio of ours to a peer's."""

    title: str
    value: float
    limit: float
    at_least: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class _Judge:
    def __init__(self, results: Results, parts: Sequence[Part]) -> None:
        self._summary = Summary(results)
        self._parts = {part.name: part for part in parts}

    def _metric(self, part: str, name: str) -> Metric:
        return next(metric for metric in self._parts[part].metrics if metric.name == name)

    def _cases(self, part: str) -> list[str]:
        return [case.name for case in self._parts[part].cases] if part in self._parts else []

    def _against(
        self, part: str, case: str, name: str, peers: Sequence[str], limit: float, *, to: str
    ) -> Iterator[Verdict]:
        """Ours divided by the best of *peers*, round by round."""
        metric = self._metric(part, name)
        ours = self._summary.values(part, case, self._summary.ours, metric)
        found = median_ratio(ours, self._summary.best(part, case, peers, metric))
        if found is not None:
            title = f"{metric.title}, {case}, to {to}"
            yield Verdict(title, found, limit, at_least=metric.better == "more")

    def _own(self, part: str, name: str, limit: float) -> Iterator[Verdict]:
        for case in self._cases(part):
            metric = self._metric(part, name)
            values = self._summary.values(part, case, self._summary.ours, metric)
            if values:
                value = statistics.median(values.values())
                yield Verdict(metric.title, value, limit, at_least=False, unit=metric.unit)

    def _one_by_one(self, case: str) -> list[str]:
        """The Rust routers that do not gather events."""
        metric = self._metric("paced", "batch")
        figures = {peer: self._summary.figure("paced", case, peer, metric) for peer in RUST_ROUTERS}
        return [peer for peer, found in figures.items() if found and found.value <= _ONE_BY_ONE]

    def judge(self) -> Iterator[Verdict]:
        best = "the best Rust router"
        for case in self._cases("requests"):
            yield from self._against("requests", case, "rate", RUST_ROUTERS, 1.0, to=best)
            yield from self._against("requests", case, "rate", ("nginx",), 1 / 6, to="nginx")
        for case in self._cases("requests")[:1]:
            yield from self._against("requests", case, "rate", ("litellm",), 30.0, to="litellm")
        for case in self._cases("paced"):
            yield from self._against("paced", case, "cpu", self._one_by_one(case), 1.0, to=best)
        for case in self._cases("ttft"):
            yield from self._against("ttft", case, "p50", RUST_ROUTERS, 1.0, to=best)
            yield from self._against("ttft", case, "p99", RUST_ROUTERS, 1.0, to=best)
        for case in self._cases("memory"):
            yield from self._against("memory", case, "few", RUST_ROUTERS, 1.0, to=best)
        yield from self._own("memory", "further", 20.0)
        yield from self._own("slow", "growth", 10.0)
        yield from self._own("disconnects", "median", 10.0)


def judge(results: Results, parts: Sequence[Part]) -> list[Verdict]:
    """Return the verdicts on all goals for which there are figures."""
    return list(_Judge(results, parts).judge())
