"""The picker's command line. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SWITCHES = {"secure-serving", "health-checking", "zap-devel"}
# Where its metrics are, which nothing serves here, and how its log looks.
_WITHOUT_EFFECT = {
    "metrics-port", "v", "pool-group", "zap-devel", "zap-encoder", "zap-log-level",
    "zap-stacktrace-level", "zap-time-encoding",
}  # fmt: skip


class SettingsError(Exception):
    """A command line that is refused; the text says why."""


@dataclass(frozen=True)
class PickerSettings:
    """Which pool, and where it is served."""

    pool: str = ""
    namespace: str = ""
    port: int = 9002
    health_port: int = 9003
    tls: bool = True
    answers_health: bool = False  # on the first port too


def read_settings(arguments: Sequence[str]) -> PickerSettings:
    """The settings. Raises SettingsError in pflag's words."""
    given = dict(_flags(arguments))
    usual = PickerSettings()
    return PickerSettings(
        pool=given.get("pool-name", ""),
        namespace=given.get("pool-namespace", ""),
        port=_number(given, "grpc-port", usual.port),
        health_port=_number(given, "grpc-health-port", usual.health_port),
        tls=_truth(given, "secure-serving", usual.tls),
        answers_health=_truth(given, "health-checking", usual.answers_health),
    )


def _flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    known = {
        "pool-name", "pool-namespace", "grpc-port", "grpc-health-port", *_SWITCHES, *_WITHOUT_EFFECT,
    }  # fmt: skip
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or name not in known:
            raise SettingsError(f"unknown flag: {argument}")
        if not equals and name not in _SWITCHES:
            value = next(rest, "")
            if not value:
                raise SettingsError(f"flag needs an argument: --{name}")
        yield name, value


def _number(given: dict[str, str], name: str, usual: int) -> int:
    text = given.get(name, str(usual))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f'invalid argument "{text}" for "--{name}" flag')
    return int(text)


def _truth(given: dict[str, str], name: str, usual: bool) -> bool:
    match given.get(name):
        case None:
            return usual
        case "" | "true" | "1":
            return True
        case "false" | "0":
            return False
        case text:
            raise SettingsError(f'invalid argument "{text}" for "--{name}" flag')
