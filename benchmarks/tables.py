"""The tables that the terminal shows. Pure."""

from collections.abc import Iterator, Sequence

from benchmarks.goals import Verdict, judge
from benchmarks.parts.base import Column, Metric, Part, Table
from benchmarks.results import Results
from benchmarks.summary import Figure, Summary

_REASON_WIDTH = 110
_BUSY_PERCENT = 95.0  # of the load's core: above this it may have been the limit


def number(value: float, digits: int) -> str:
    """Write a figure with thousands apart."""
    return f"{value:,.{digits}f}"


def ratio(value: float | None) -> str:
    """Write ours divided by a peer's."""
    if value is None:
        return ""
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with the first cell to the left and all others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def _cells(figure: Figure | None, metric: Metric, column: Column) -> list[str]:
    value = "-" if figure is None else number(figure.value, metric.digits)
    shown = [value]
    if column.compared:
        shown.append(ratio(figure.ratio) if figure is not None else "")
    return shown


def _notes(table: Table, part: Part, summary: Summary, peers: Sequence[str]) -> Iterator[str]:
    cases = list(dict.fromkeys(column.case for column in table.columns))
    for peer in peers:
        for case in cases:
            reason = summary.reason(part.name, case, peer)
            if reason:
                yield f"  {peer}: {reason[:_REASON_WIDTH]}"
    busy = [
        peer
        for peer in peers
        if peer != summary.direct
        and max(summary.busy(part.name, case, peer) for case in cases) > _BUSY_PERCENT
    ]
    if busy:
        yield f"  the load's own core had no time left with {', '.join(busy)}: it may be the limit"


def render_table(table: Table, part: Part, results: Results) -> str:
    """Return one table: a row for each peer, and behind each figure ours divided by it."""
    summary = Summary(results)
    metrics = {metric.name: metric for metric in part.metrics}
    rows = [[table.title]]
    for column in table.columns:
        rows[0] += [column.title, ""] if column.compared else [column.title]
    peers = [peer for peer in results.peers if not summary.lost(peer)]
    for peer in peers:
        row = [f"  {peer}"]
        for column in table.columns:
            metric = metrics[column.metric]
            row += _cells(summary.figure(part.name, column.case, peer, metric), metric, column)
        rows.append(row)
    notes = dict.fromkeys(_notes(table, part, summary, peers))
    return "\n".join([*align(rows), *notes])


def _render_goals(verdicts: Sequence[Verdict]) -> str:
    rows = [["goals", "needed", "measured", ""]]
    for verdict in verdicts:
        sign = ">=" if verdict.at_least else "<="
        needed = f"{sign} {verdict.limit:.3g} {verdict.unit}".rstrip()
        met = "met" if verdict.met else "missed"
        rows.append(
            [f"  {verdict.title}", needed, f"{verdict.value:.3g} {verdict.unit}".rstrip(), met]
        )
    return "\n".join(align(rows))


def render_part(part: Part, results: Results) -> str:
    """Return the tables of a part, "" where nothing of it was measured."""
    if all(sample.part != part.name for sample in results.samples):
        return ""
    return "\n\n".join(render_table(table, part, results) for table in part.tables)


def render_end(results: Results, parts: Sequence[Part]) -> str:
    """Return what is said of the run as a whole: how to read it, the goals, and who is left out."""
    summary = Summary(results)
    blocks = [f"x: {results.ours} divided by the peer, median over rounds"]
    if verdicts := judge(results, parts):
        blocks.append(_render_goals(verdicts))
    lost = [f"  {peer}: {summary.lost(peer)}" for peer in results.peers if summary.lost(peer)]
    if lost:
        blocks.append("\n".join(["left out", *lost]))
    return "\n\n".join(blocks)


def render(results: Results, parts: Sequence[Part]) -> str:
    """Return everything."""
    shown = [render_part(part, results) for part in parts]
    return "\n\n".join([*filter(None, shown), render_end(results, parts)])
