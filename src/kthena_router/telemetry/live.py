"""Gauges of what is going on right now: plain numbers, that only a scrape makes into series.

prometheus_client's own gauges take a lock for each change, which would be most of the work of counting.
"""

from collections.abc import Iterator, Mapping, Set as AbstractSet

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

Values = tuple[str, ...]


class LiveGauge(Collector):
    """How many blocks are open, by the values of *labels*."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._counts: dict[Values, int] = {}
        registry.register(self)

    def one_more(self, *values: str) -> "Counting":
        """Return a block that counts while it is open; *values* are in the order of the labels."""
        return Counting(self._counts, values)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the series as they are now."""
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        if not self._labels and not self._counts:
            family.add_metric((), 0)
        for values, count in list(self._counts.items()):
            family.add_metric(values, count)
        yield family

    def retain(self, known: Mapping[str, AbstractSet[str]]) -> None:
        """Drop every series at zero that has a value which is not *known* for its label."""
        checked = [(i, known[label]) for i, label in enumerate(self._labels) if label in known]
        for values, count in list(self._counts.items()):
            if not count and any(values[i] not in allowed for i, allowed in checked):
                del self._counts[values]


class Counting:
    """Counts one more while it is open."""

    __slots__ = ("_counts", "_values")

    def __init__(self, counts: dict[Values, int], values: Values) -> None:
        self._counts = counts
        self._values = values

    def __enter__(self) -> None:
        self._counts[self._values] = self._counts.get(self._values, 0) + 1

    def __exit__(self, *_: object) -> None:
        self._counts[self._values] -= 1
