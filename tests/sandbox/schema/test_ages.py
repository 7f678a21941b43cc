from datetime import UTC, datetime

import pytest

from kthena_sandbox.schema.ages import age, human_duration

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119.9, "119s"), (120, "2m"), (125, "2m5s"),
        (10 * MINUTE + 5, "10m"), (179 * MINUTE, "179m"), (3 * HOUR, "3h"),
        (3 * HOUR + 7 * MINUTE, "3h7m"), (8 * HOUR + 59, "8h"), (47 * HOUR, "47h"),
        (2 * DAY, "2d"), (2 * DAY + 5 * HOUR, "2d5h"), (8 * DAY + HOUR, "8d"), (729 * DAY, "729d"),
        (730 * DAY, "2y"), (800 * DAY, "2y70d"), (3000 * DAY, "8y"),
    ],
)  # fmt: skip
def test_durations_have_the_units_that_matter(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_the_age_of_no_time_is_unknown() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age(None, now) == "<unknown>"
    assert age("yesterday", now) == "<unknown>"
    assert age("2025-12-31T23:59:50Z", now) == "10s"
    assert age("2025-12-31T23:59:50.123456Z", now) == "9s"
