from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from kthena_sandbox.schema.cron import (
    CronError,
    are_many_between,
    is_time_zone,
    latest_between,
    parse_schedule,
)

BERLIN = ZoneInfo("Europe/Berlin")


def times(schedule: str, start: str, count: int, zone: ZoneInfo | None = None) -> list[str]:
    found, moment = [], datetime.fromisoformat(start).replace(tzinfo=UTC)
    for _ in range(count):
        following = parse_schedule(schedule).next_after(moment, zone or UTC)
        assert following is not None
        moment = following
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", ["2026-01-02 03:05:00", "2026-01-02 03:06:00"]),
        ("*/20 * * * *", ["2026-01-02 03:20:00", "2026-01-02 03:40:00"]),
        ("4 3 * * *", ["2026-01-03 03:04:00", "2026-01-04 03:04:00"]),
        ("5,7-8 3 * * *", ["2026-01-02 03:05:00", "2026-01-02 03:07:00"]),
        ("50/5 * * * *", ["2026-01-02 03:50:00", "2026-01-02 03:55:00"]),
        ("0 0 * * sun", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        ("0 0 13 * fri", ["2026-01-09 00:00:00", "2026-01-13 00:00:00"]),
        ("0 0 13 * ?", ["2026-01-13 00:00:00", "2026-02-13 00:00:00"]),
        ("0 0 */2 * mon", ["2026-01-03 00:00:00", "2026-01-05 00:00:00"]),
        ("0 0 1 JAN-feb *", ["2026-02-01 00:00:00", "2027-01-01 00:00:00"]),
        (" 0  0 1 * * ", ["2026-02-01 00:00:00", "2026-03-01 00:00:00"]),
        ("@hourly", ["2026-01-02 04:00:00", "2026-01-02 05:00:00"]),
        ("@midnight", ["2026-01-03 00:00:00", "2026-01-04 00:00:00"]),
        ("@daily", ["2026-01-03 00:00:00", "2026-01-04 00:00:00"]),
        ("@weekly", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
        ("@monthly", ["2026-02-01 00:00:00", "2026-03-01 00:00:00"]),
        ("@yearly", ["2027-01-01 00:00:00", "2028-01-01 00:00:00"]),
        ("@every 1h30m", ["2026-01-02 04:34:05", "2026-01-02 06:04:05"]),
        ("@every 500ms", ["2026-01-02 03:04:06", "2026-01-02 03:04:07"]),
    ],
)
def test_what_comes_next(schedule: str, expected: list[str]) -> None:
    assert times(schedule, "2026-01-02 03:04:05", 2) == expected


def test_what_never_comes() -> None:
    assert parse_schedule("0 0 30 2 *").next_after(datetime(2026, 1, 1, tzinfo=UTC), UTC) is None


def test_clocks_of_a_zone() -> None:
    assert times("0 9 * * *", "2026-01-02 03:04", 1, BERLIN) == ["2026-01-02 08:00:00"]
    assert times("0 9 * * *", "2026-07-02 03:04", 1, BERLIN) == ["2026-07-02 07:00:00"]


def test_summer_time_leaves_out_an_hour_and_gives_it_back() -> None:
    """On 2026-03-29 there is no half past two in Berlin, on 2026-10-25 there are two."""
    assert times("30 2 * * *", "2026-03-28 00:00", 2, BERLIN) == [
        "2026-03-28 01:30:00", "2026-03-30 00:30:00",
    ]  # fmt: skip
    assert times("30 2 * * *", "2026-10-24 12:00", 3, BERLIN) == [
        "2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-26 01:30:00",
    ]  # fmt: skip
    assert times("30 * * * *", "2026-03-29 00:00", 3, BERLIN) == [
        "2026-03-29 00:30:00", "2026-03-29 01:30:00", "2026-03-29 02:30:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("x", "expected exactly 5 fields, found 1: [x]"),
        ("0 0 0 * * *", "expected exactly 5 fields, found 6: [0 0 0 * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
        ("-1 * * * *", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        ("99999999999999999999 * * * *",
         'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range'),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("@Hourly", "unrecognized descriptor: @Hourly"),
        ("@every x", 'failed to parse duration @every x: time: invalid duration "x"'),
        ("TZ=Nope * * * * *", "provided bad location Nope: unknown time zone Nope"),
    ],
)  # fmt: skip
def test_what_is_no_schedule(schedule: str, why: str) -> None:
    with pytest.raises(CronError) as caught:
        parse_schedule(schedule)
    assert str(caught.value) == why


def test_zones() -> None:
    assert is_time_zone("Etc/UTC")
    assert not is_time_zone("Etc/utc")
    assert not is_time_zone("../etc/passwd")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("0 3 * * *", datetime(2026, 1, 2, 3, 0, tzinfo=UTC)),
        ("0 4 * * *", datetime(2026, 1, 1, 4, 0, tzinfo=UTC)),
        ("@monthly", datetime(2026, 1, 1, tzinfo=UTC)),
        ("0 0 1 7 *", datetime(2025, 7, 1, tzinfo=UTC)),
        ("0 0 29 2 *", None),
    ],
)
def test_the_last_one_before(schedule: str, expected: datetime | None) -> None:
    earliest, now = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert latest_between(parse_schedule(schedule), UTC, earliest, now) == expected


def test_many_are_more_than_a_hundred() -> None:
    start, schedule = datetime(2026, 1, 1, tzinfo=UTC), parse_schedule("* * * * *")
    assert not are_many_between(schedule, UTC, start, start.replace(hour=1, minute=40))
    assert are_many_between(schedule, UTC, start, start.replace(hour=1, minute=41))
    assert not are_many_between(parse_schedule("0 0 30 2 *"), UTC, start, start.replace(year=2040))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(("*/7 * * * *", "5 1-4 * * *", "0 0 31 * mon", "30 2 * 3,10 *", "@weekly")),
    st.sampled_from((UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"))),
)
def test_the_next_is_later_and_fits(moment: datetime, text: str, zone: ZoneInfo) -> None:
    schedule = parse_schedule(text)
    found = schedule.next_after(moment, zone)
    assert found is not None
    assert found > moment
    assert latest_between(schedule, zone, moment, found) == found
