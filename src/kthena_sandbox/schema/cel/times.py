"""Durations and time stamps (the specification's "Timestamp and Duration")."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kthena_sandbox.schema.cel.kinds import CelError, Duration, Timestamp
from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.values import is_number, span

_DURATION = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+|0)")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
                "h": 3600 * 10**9}  # fmt: skip
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))"
)
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9


def duration(text: Any) -> Duration:
    """A duration as Go writes it. Raises CelError."""
    if isinstance(text, Duration):
        return text
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise CelError(f'time: invalid duration "{text}"')
    total = sum(
        round(float(amount) * _NANOSECONDS[unit]) for amount, unit in _PART.findall(found[2])
    )
    return Duration(-total if found[1] == "-" else total)


def timestamp(given: Any) -> Timestamp:
    """A moment as RFC 3339 writes it, or seconds from 1970 on. Raises CelError."""
    if isinstance(given, Timestamp):
        return given
    if is_number(given) and isinstance(given, int):
        return Timestamp(given * _SECOND)
    found = _STAMP.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise CelError(f'parsing time "{given}" as "2006-01-02T15:04:05Z07:00": cannot parse')
    numbers = [int(part) for part in found.groups()[:6]]
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    try:
        moment = datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise CelError(f'parsing time "{given}": {error}') from error
    offset = -offset if found[8] == "-" else offset
    seconds = int((moment - offset - _EPOCH) / timedelta(seconds=1))
    fraction = int((found[7] or "").ljust(9, "0"))
    return Timestamp(seconds * _SECOND + fraction, int(offset / timedelta(minutes=1)))


def date_stamp(text: str) -> Timestamp:
    """The first moment of a day."""
    return timestamp(f"{text}T00:00:00Z")


def shown_duration(value: Duration) -> str:
    """As a text: in seconds."""
    seconds = f"{value.nanoseconds / _SECOND:.9f}".rstrip("0").rstrip(".")
    return f"{seconds}s"


def shown_timestamp(value: Timestamp) -> str:
    """As a text, with the offset with which it was written."""
    seconds, rest = divmod(value.nanoseconds, _SECOND)
    moment = _EPOCH + timedelta(seconds=seconds, minutes=value.offset)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    hours, minutes = divmod(abs(value.offset), 60)
    zone = f"{'-' if value.offset < 0 else '+'}{hours:02d}:{minutes:02d}" if value.offset else "Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


def _zone(name: str) -> tzinfo:
    found = _OFFSET.fullmatch(name)
    if found is not None:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CelError(f"unknown time zone {name}") from error


def _part(read: Callable[[datetime], int]) -> Callable[..., int]:
    def part(value: Timestamp, zone: str = "UTC") -> int:
        return read((_EPOCH + span(value.nanoseconds)).astimezone(_zone(zone)))

    return part


def _whole(nanoseconds: int) -> Callable[[Duration], int]:
    def count(value: Duration) -> int:
        whole = abs(value.nanoseconds) // nanoseconds
        return whole if value.nanoseconds >= 0 else -whole

    return count


_PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
    "getMilliseconds": lambda moment: moment.microsecond // 1000,
}


LIBRARY = Library(
    {"duration": duration, "timestamp": timestamp},
    {
        **{(Timestamp, name): _part(read) for name, read in _PARTS.items()},
        (Duration, "getHours"): _whole(3600 * _SECOND),
        (Duration, "getMinutes"): _whole(60 * _SECOND),
        (Duration, "getSeconds"): _whole(_SECOND),
        (Duration, "getMilliseconds"): _whole(10**6),
    },
    """
    duration: (string) -> duration
    duration: (duration) -> duration
    timestamp: (string) -> timestamp
    timestamp: (int) -> timestamp
    timestamp: (timestamp) -> timestamp
    """
    + "\n".join(
        f"{name}: timestamp.() -> int\n{name}: timestamp.(string) -> int" for name in _PARTS
    )
    + "\n".join(
        f"\n{name}: duration.() -> int"
        for name in ("getHours", "getMinutes", "getSeconds", "getMilliseconds")
    ),
)
