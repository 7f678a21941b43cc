"""The tables that the terminal shows. Pure."""

from collections.abc import Iterator, Sequence

from benchmarks.parts.base import Metric, Part, Table
from benchmarks.results import Results
from benchmarks.summary import Figure, Summary

_REASON_WIDTH = 100


def number(value: float, digits: int) -> str:
    """Write a figure with thousands apart."""
    return f"{value:,.{digits}f}"


def ratio(value: float | None) -> str:
    """Write ours divided by a peer's."""
    if value is None:
        return ""
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def _cell(figure: Figure | None, metric: Metric) -> tuple[str, str]:
    if figure is None:
        return "-", ""
    return number(figure.value, metric.digits), ratio(figure.ratio)


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def render_table(table: Table, part: Part, results: Results) -> str:
    """Return one table: a row for each peer, and behind each figure ours divided by it."""
    summary = Summary(results)
    metrics = {metric.name: metric for metric in part.metrics}
    rows = [[table.title]]
    for column in table.columns:
        rows[0] += [column.title, ""]
    notes = []
    for peer in results.peers:
        row = [f"  {peer}"]
        for column in table.columns:
            metric = metrics[column.metric]
            row += _cell(summary.figure(part.name, column.case, peer, metric), metric)
        rows.append(row)
        if reason := summary.reason(part.name, table.columns[0].case, peer):
            notes.append(f"  {peer}: {reason[:_REASON_WIDTH]}")
    return "\n".join([*_align(rows), *notes])


def render(results: Results, parts: Sequence[Part]) -> str:
    """Return all tables of the parts that have samples or failures."""
    measured = {sample.part for sample in results.samples}
    blocks = [
        render_table(table, part, results)
        for part in parts
        if part.name in measured
        for table in part.tables
    ]
    return "\n\n".join([*blocks, f"x: {results.ours} divided by the peer, median over rounds"])
