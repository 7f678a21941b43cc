"""Schedules of CronJobs: the five fields of cron(5) with names and steps, descriptors such as `@daily`, and `@every`.

Errors are in the words of Kubernetes' parser (robfig/cron). A time that summer time leaves out is none; one that comes
twice counts twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from kthena_sandbox.schema.golang import quoted

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_EVERY = "@every "
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s*(.*)", re.DOTALL)
_DURATION = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DAYS_AHEAD = 5 * 366  # what has not come by then never comes: 30 February
_BITS = 2**63


class CronError(ValueError):
    """What is wrong with a schedule."""


class _Bounds(NamedTuple):
    least: int
    most: int
    names: tuple[str, ...] = ()


_BOUNDS = (
    _Bounds(0, 59), _Bounds(0, 23), _Bounds(1, 31), _Bounds(1, 12, _MONTHS),
    _Bounds(0, 6, _WEEKDAYS),
)  # fmt: skip


@dataclass(frozen=True)
class _Field:
    values: frozenset[int]
    is_any: bool


@dataclass(frozen=True)
class Every:
    """`@every`: at a distance from the time before, in whole seconds, one at least."""

    seconds: int

    def next_after(self, moment: datetime, _: tzinfo) -> datetime:
        """The next time."""
        return moment.replace(microsecond=0) + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Calendar:
    """Minutes, hours, days of the month, months and days of the week."""

    minutes: _Field
    hours: _Field
    days: _Field
    months: _Field
    weekdays: _Field

    def next_after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The next time after *moment* by the clocks of *zone*; None where none comes within five years."""
        day = moment.astimezone(zone).date()
        for _ in range(_DAYS_AHEAD):
            if self._takes(day):
                later = (time for time in self._times(day, zone) if time > moment)
                if (found := next(later, None)) is not None:
                    return found
            day += timedelta(days=1)
        return None

    def _takes(self, day: date) -> bool:
        if day.month not in self.months.values:
            return False
        in_month = day.day in self.days.values
        in_week = day.isoweekday() % 7 in self.weekdays.values
        if self.days.is_any or self.weekdays.is_any:
            return in_month and in_week
        return in_month or in_week

    def _times(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        """All times of a day, in their order."""
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        clock = (
            start.replace(hour=hour, minute=minute)
            for hour in sorted(self.hours.values)
            for minute in sorted(self.minutes.values)
        )
        if start.utcoffset() == (start + timedelta(days=1)).utcoffset():
            yield from (local.astimezone(UTC) for local in clock)
        else:
            yield from sorted(time for local in clock for time in _by_both_clocks(local))


def _by_both_clocks(local: datetime) -> Iterator[datetime]:
    """A time of a day on which clocks are changed, as often as it comes."""
    found = {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    for time in sorted(found):
        if time.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
            yield time


Schedule = Every | Calendar


@cache
def parse_schedule(text: str) -> Schedule:
    """A schedule; a time zone in front of it is checked and left out. Raises CronError."""
    if zoned := _ZONE.match(text):
        if not is_time_zone(zoned[1]):
            raise CronError(f"provided bad location {zoned[1]}: unknown time zone {zoned[1]}")
        text = zoned[2]
    if text.startswith("@"):
        if text.startswith(_EVERY):
            return Every(_seconds(text))
        if text not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != len(_BOUNDS):
        raise CronError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    return Calendar(*map(_field, fields, _BOUNDS))


def _seconds(text: str) -> int:
    duration = text.removeprefix(_EVERY)
    if duration != "0" and not re.fullmatch(rf"(?:{_DURATION.pattern})+", duration):
        why = f"time: invalid duration {quoted(duration)}"
        raise CronError(f"failed to parse duration {text}: {why}")
    seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(duration))
    return max(1, int(seconds))


def _field(text: str, bounds: _Bounds) -> _Field:
    values: set[int] = set()
    is_any = False
    for part in filter(None, text.split(",")):
        found, star = _range(part, bounds)
        values |= found
        is_any = is_any or star
    return _Field(frozenset(values), is_any)


def _range(text: str, bounds: _Bounds) -> tuple[set[int], bool]:
    spread, *steps = text.split("/")
    low, *highs = spread.split("-")
    star = low in {"*", "?"}
    if star:
        start, end = bounds.least, bounds.most
    else:
        start = _number(low, bounds)
        if len(highs) > 1:
            raise CronError(f"too many hyphens: {text}")
        end = _number(highs[0], bounds) if highs else start
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    step = _integer(steps[0]) if steps else 1
    if steps and not highs and not star:
        end = bounds.most
    _check(text, bounds, start, end, step)
    return set(range(start, end + 1, step)), star and step <= 1


def _check(text: str, bounds: _Bounds, start: int, end: int, step: int) -> None:
    if start < bounds.least:
        raise CronError(f"beginning of range ({start}) below minimum ({bounds.least}): {text}")
    if end > bounds.most:
        raise CronError(f"end of range ({end}) above maximum ({bounds.most}): {text}")
    if start > end:
        raise CronError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")


def _number(text: str, bounds: _Bounds) -> int:
    name = text.lower()
    return bounds.names.index(name) + bounds.least if name in bounds.names else _integer(text)


def _integer(text: str) -> int:
    why = ""
    if not re.fullmatch(r"[-+]?[0-9]+", text):
        why = "invalid syntax"
    elif not -_BITS <= int(text) < _BITS:
        why = "value out of range"
    if why:
        said = f"strconv.Atoi: parsing {quoted(text)}: {why}"
        raise CronError(f"failed to parse int from {text}: {said}")
    if int(text) < 0:
        raise CronError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether the IANA time zone database has it."""
    return name in _zones()


def zone_of(name: str) -> tzinfo:
    """A time zone that is one."""
    return ZoneInfo(name)


_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=_DAYS_AHEAD))
_MANY = 100


def latest_between(
    schedule: Schedule, zone: tzinfo, earliest: datetime, now: datetime
) -> datetime | None:
    """The last time after *earliest* that is not after *now*."""
    for window in _WINDOWS:
        start = max(earliest, now - window)
        found, time = None, schedule.next_after(start, zone)
        while time is not None and time <= now:
            found, time = time, schedule.next_after(time, zone)
        if found is not None or start == earliest:
            return found
    return None


def are_many_between(schedule: Schedule, zone: tzinfo, earliest: datetime, now: datetime) -> bool:
    """Whether more than a hundred times lie there."""
    time: datetime | None = earliest
    for _ in range(_MANY + 1):
        time = schedule.next_after(time, zone) if time is not None else None
        if time is None or time > now:
            return False
    return True
