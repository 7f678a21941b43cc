from typing import Any

import pytest

from kthena_sandbox.schema import golang


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (2.5, "2.5"), (3.0, "3"), (1e6, "1e+06"), (1234567.5, "1.2345675e+06"), (1e-5, "1e-05"),
     (0.0, "0"), (100000.0, "100000")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert golang.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ('a"b', '"a\\"b"'),
        ({"b": [1, None], "a": "x"}, '{"a":"x","b":[1,null]}'),
    ],
)  # fmt: skip
def test_bad_values(value: Any, text: str) -> None:
    assert golang.shown(value) == text


def test_plain_values() -> None:
    assert golang.plain({"a": [1, "x"], "b": None}) == "map[a:[1 x] b:<nil>]"
