"""The string formats that a kube-apiserver checks in custom resources; others are ignored."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_DATE_TIME = re.compile(r"(?i)\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)")
_DURATION = re.compile(
    r"-?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|0"
    r"|\d+ ?(d|day|days|w|week|weeks|h|hour|hours|m|min|minute|minutes|s|sec|second|seconds"
    r"|milli|millis|millisecond|milliseconds|micro|micros|nano|nanos|ns|us|ms)"
)
_HOST_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*\.?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MAC = re.compile(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}")


def is_of_format(text: str, name: str) -> bool:
    """Whether the text has the format; True for formats that nobody checks."""
    rule = _RULES.get(name.replace("-", ""))
    return rule is None or rule(text)


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def rule(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, AddressValueError):
            return False
        return True

    return rule


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _date_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    day_and_time = text[:19].upper().replace(":60", ":59")
    return _parses(datetime.fromisoformat)(day_and_time)


def _is_request_uri(text: str) -> bool:
    if text.startswith("/"):
        return True
    parts = urlsplit(text)
    return bool(parts.scheme) and not text.startswith(":") and " " not in parts.netloc


def _cidr(text: str) -> bool:
    return "/" in text and _parses(lambda value: ip_network(value, strict=False))(text)


_RULES: Mapping[str, Callable[[str], bool]] = {
    "byte": _matches(_BASE64),
    "cidr": _cidr,
    "date": lambda text: len(text) == 10 and _parses(date.fromisoformat)(text),
    "datetime": _date_time,
    "duration": _matches(_DURATION),
    "email": _matches(_EMAIL),
    "hostname": lambda text: len(text) <= 255 and _HOSTNAME.fullmatch(text) is not None,
    "ipv4": _parses(IPv4Address),
    "ipv6": _parses(IPv6Address),
    "mac": _matches(_MAC),
    "uri": lambda text: _parses(urlsplit)(text) and _is_request_uri(text),
    "uuid": _matches(_UUID),
}
