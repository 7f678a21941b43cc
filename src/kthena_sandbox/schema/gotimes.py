"""What Go's `time.Parse` says about a text that is no time of RFC 3339."""

import re
from datetime import datetime

_DATE = (
    ("2006", "[0-9]{4}"), ("-", "-"), ("01", "[0-9]{2}"), ("-", "-"), ("02", "[0-9]{2}"), ("T", "T"),
    ("15", "[0-9]{1,2}"), (":", ":"), ("04", "[0-9]{2}"), (":", ":"), ("05", "[0-9]{2}"),
)  # fmt: skip
_ZONE = ("Z07:00", "Z|[-+][0-9]{2}:[0-9]{2}")
_SECONDS = (*_DATE, ("", r"([.,][0-9]+)?"), _ZONE)
_MICRO = (*_DATE, (".000000", r"[.,][0-9]{6}"), _ZONE)


def time_problem(text: str, *, micro: bool) -> str:
    """Why a text is no `metav1.Time`, or with *micro* no `metav1.MicroTime`; empty where it is one."""
    layout = "2006-01-02T15:04:05.000000Z07:00" if micro else "2006-01-02T15:04:05Z07:00"
    rest = text
    for element, pattern in _MICRO if micro else _SECONDS:
        found = re.match(pattern, rest)
        if found is None:
            return f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"'
        rest = rest[found.end() :]
    if rest:
        return f'parsing time "{text}": extra text: "{rest}"'
    return _out_of_range(text)


def _out_of_range(text: str) -> str:
    year, month, day, hour, minute, second = (int(part) for part in re.findall("[0-9]+", text)[:6])
    for name, value, least, most in (
        ("month", month, 1, 12), ("hour", hour, 0, 23), ("minute", minute, 0, 59), ("second", second, 0, 59),
    ):  # fmt: skip
        if not least <= value <= most:
            return f'parsing time "{text}": {name} out of range'
    try:
        datetime(max(year, 1), month, day)  # noqa: DTZ001  only to see whether there is such a day
    except ValueError:
        return f'parsing time "{text}": day out of range'
    return ""
