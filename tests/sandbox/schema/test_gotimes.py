import pytest

from kthena_sandbox.schema.gotimes import time_problem

SECONDS, MICRO = '"2006-01-02T15:04:05Z07:00"', '"2006-01-02T15:04:05.000000Z07:00"'


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00", "2024-02-29T23:59:59-00:30"],
)
def test_times(text: str) -> None:
    assert time_problem(text, micro=False) == ""


def test_times_of_six_digits() -> None:
    assert time_problem("2026-01-01T00:00:00.000001Z", micro=True) == ""


@pytest.mark.parametrize(
    ("text", "micro", "why"),
    [
        ("noon", True, f'parsing time "noon" as {MICRO}: cannot parse "noon" as "2006"'),
        ("", False, f'parsing time "" as {SECONDS}: cannot parse "" as "2006"'),
        ("2026-01-01T00:00:00Z", True,
         f'parsing time "2026-01-01T00:00:00Z" as {MICRO}: cannot parse "Z" as ".000000"'),
        ("2026-01-01 00:00", False,
         f'parsing time "2026-01-01 00:00" as {SECONDS}: cannot parse " 00:00" as "T"'),
        ("2026-13-01T00:00:00Z", False, 'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ("2026-02-30T00:00:00Z", False, 'parsing time "2026-02-30T00:00:00Z": day out of range'),
        ("2026-02-03T00:00:00ZZ", False, 'parsing time "2026-02-03T00:00:00ZZ": extra text: "Z"'),
    ],
)  # fmt: skip
def test_no_times(text: str, micro: bool, why: str) -> None:
    assert time_problem(text, micro=micro) == why
