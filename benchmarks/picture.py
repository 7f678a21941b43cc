"""A run as a picture: six panels of bars, as SVG that follows the reader's light or dark theme. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.parts.base import Metric, Part
from benchmarks.results import Results
from benchmarks.summary import Summary
from benchmarks.tables import number

_COLUMNS = 3
_PANEL_WIDTH, _GAP, _MARGIN = 300, 24, 16
_TOP, _ROW, _TITLE = 56, 20, 42  # heights: page head, one bar, panel head
_NAME, _VALUE = 116, 62  # widths: left of the bars, right of them
_CLIP = (
    4.0  # times the median: longer bars are cut, so that one outlier does not flatten the others
)
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-size: 16px; font-weight: 600 } .title { font-weight: 600 }
.hint { fill: #6e7781; font-size: 11px } .value { text-anchor: end; font-variant-numeric: tabular-nums }
.name { text-anchor: end } .bar { fill: #a8b3bf } .ours { fill: #1f6feb } .us { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .hint { fill: #8d96a0 } .bar { fill: #57606a } .ours { fill: #4493f8 }
}"""


@dataclass(frozen=True)
class Panel:
    """One metric in one case."""

    part: str
    case: str
    metric: str
    title: str


PANELS = (
    Panel("requests", "32 x 300 B", "rate", "Requests/s, 32 clients, 300 B"),
    Panel("requests", "128 x 2 KB", "rate", "Requests/s, 128 clients, 2 KB"),
    Panel("ttft", "4 clients", "p50", "Added time to first event"),
    Panel("paced", "64 x 2 ms", "cpu", "CPU per streamed event"),
    Panel("memory", "paced", "few", "Memory with 500 streams"),
    Panel("disconnects", "50 clients", "median", "Until the engine sees a disconnect"),
)


def bar_lengths(values: Sequence[float], width: float) -> list[tuple[float, bool]]:
    """Return the length of each bar, and whether it is cut."""
    longest = min(max(values), _CLIP * max(statistics.median(values), 1e-9))
    scale = width / longest if longest > 0 else 0.0
    return [(min(max(value, 0.0), longest) * scale, value > longest) for value in values]


def _text(x: float, y: float, kind: str, content: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(content)}</text>'


class _Drawing:
    def __init__(self, results: Results, parts: Sequence[Part]) -> None:
        self._results = results
        self._summary = Summary(results)
        self._parts = {part.name: part for part in parts}

    def _metric(self, panel: Panel) -> Metric:
        metrics = self._parts[panel.part].metrics
        return next(metric for metric in metrics if metric.name == panel.metric)

    def _rows(self, panel: Panel) -> list[tuple[str, float]]:
        metric = self._metric(panel)
        found = []
        for peer in self._results.peers:
            figure = self._summary.figure(panel.part, panel.case, peer, metric)
            if figure is not None and peer != self._results.direct:
                found.append((peer, figure.value))
        return found

    def panels(self) -> list[tuple[Panel, list[tuple[str, float]]]]:
        """Return the panels that have figures."""
        known = ((panel, self._rows(panel)) for panel in PANELS if panel.part in self._parts)
        return [(panel, rows) for panel, rows in known if rows]

    def draw(
        self, panel: Panel, rows: list[tuple[str, float]], x: float, y: float
    ) -> Iterator[str]:
        """Yield the elements of one panel."""
        metric = self._metric(panel)
        unit = f"{metric.unit}, " if metric.unit not in {"", "/s"} else ""
        yield _text(x, y + 14, "title", panel.title)
        yield _text(x, y + 30, "hint", f"{unit}{metric.better} is better")
        width = _PANEL_WIDTH - _NAME - _VALUE
        lengths = bar_lengths([value for _, value in rows], width)
        for (peer, value), (length, cut) in zip(rows, lengths, strict=True):
            ours = peer == self._results.ours
            y += _ROW
            top = y + _TITLE - _ROW
            yield _text(x + _NAME - 8, top + 13, "name us" if ours else "name", peer)
            yield (
                f'<rect x="{x + _NAME:.0f}" y="{top + 3:.0f}" width="{max(length, 1):.1f}" '
                f'height="13" rx="2" class="{"ours" if ours else "bar"}"/>'
            )
            shown = number(value, metric.digits) + (" »" if cut else "")
            yield _text(x + _PANEL_WIDTH, top + 13, "value us" if ours else "value", shown)


def draw(results: Results, parts: Sequence[Part]) -> str:
    """Return the SVG of a run; panels without figures are left out."""
    drawing = _Drawing(results, parts)
    panels = drawing.panels()
    tallest = max((len(rows) for _, rows in panels), default=0)
    height = _TITLE + tallest * _ROW + _GAP
    page_width = 2 * _MARGIN + _COLUMNS * _PANEL_WIDTH + (_COLUMNS - 1) * _GAP
    page_height = _TOP + -(-len(panels) // _COLUMNS) * height
    machine = results.machine
    about = (
        f"one core for the router, one for load and backend; {machine.get('cpu', '')}, "
        f"Linux {machine.get('kernel', '')}, Python {machine.get('python', '')}; {results.date[:10]}"
    )
    if not results.options.get("pinned"):
        about = about.partition("; ")[2]
    elements = [
        _text(_MARGIN, 24, "head", f"{results.ours} and its peers, measured in one run"),
        _text(_MARGIN, 42, "hint", about),
    ]
    for place, (panel, rows) in enumerate(panels):
        x = _MARGIN + place % _COLUMNS * (_PANEL_WIDTH + _GAP)
        elements += drawing.draw(panel, rows, x, _TOP + place // _COLUMNS * height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {page_width} {page_height}" '
        f'width="{page_width}" height="{page_height}" role="img">\n'
        f"<title>{escape(results.ours)} and its peers</title>\n<style>\n{_STYLE}\n</style>\n"
        + "\n".join(elements)
        + "\n</svg>\n"
    )
