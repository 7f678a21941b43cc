import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.benchmarks.support import make_results

from benchmarks import results as storage
from benchmarks.parts.catalogue import PARTS
from benchmarks.picture import bar_lengths, draw
from benchmarks.results import Failure, Sample
from benchmarks.tables import number, ratio, render


def test_a_table_has_a_row_for_each_peer_and_ours_divided_by_it() -> None:
    lines = render(make_results(), PARTS).splitlines()

    assert lines[:5] == [
        "requests/s, 32 connections  300 B         2 KB    100 KB",
        "  no proxy                  1,500  0.17x     -         -",
        "  nginx                       700  0.37x     -         -",
        "  smg                         250  1.38x     -         -",
        "  kthena-router               250            -         -",
    ]


def test_who_is_left_out_is_told_once_with_the_reason() -> None:
    text = render(make_results(), PARTS)

    assert text.endswith("left out\n  litellm: does not start: no port")
    assert text.count("no port") == 1


def test_a_failure_stands_below_the_table_of_its_case() -> None:
    results = make_results()
    results.failures.append(Failure("smg", "12 errors, HTTP 503", "requests", "128 x 2 KB"))
    tables = render(results, PARTS).split("\n\n")

    noted = [table.splitlines()[0].split("  ")[0] for table in tables if "HTTP 503" in table]

    assert noted == ["requests/s, 128 connections"]


def test_a_load_that_had_no_core_time_left_is_pointed_out() -> None:
    results = make_results()
    busy = {"rate": 500.0, "busy": 99.0}
    results.samples += [Sample("requests", "32 x 2 KB", "nginx", 0, busy)]

    text = render(results, PARTS)

    assert "the load's own core had no time left with nginx: it may be the limit" in text


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.5, "0.50x"), (9.994, "9.99x"), (1234.5, "1,234x")]
)
def test_ratios_have_as_many_digits_as_they_mean(value: float | None, text: str) -> None:
    assert ratio(value) == text


def test_figures_have_their_thousands_apart() -> None:
    assert number(1234567.891, 1) == "1,234,567.9"


def test_bars_share_a_scale_and_an_outlier_is_cut() -> None:
    assert bar_lengths([10.0, 20.0, 1000.0], 80.0) == [(10.0, False), (20.0, False), (80.0, True)]


def test_bars_of_nothing_have_no_length() -> None:
    assert bar_lengths([0.0, -3.0], 80.0) == [(0.0, False), (0.0, False)]


def test_the_picture_is_xml_with_a_bar_for_each_peer_and_ours_marked() -> None:
    picture = ET.fromstring(draw(make_results(), PARTS))

    bars = [one.get("class") for one in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == ["bar", "bar", "ours"]


def test_the_picture_says_on_what_it_was_measured() -> None:
    assert "a processor, Linux 6.1, Python 3.11.7; 2026-01-01" in draw(make_results(), PARTS)


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = storage.write(make_results(), tmp_path)

    assert path.name == "20260101T000000Z.json"
    assert storage.read(path) == make_results()
