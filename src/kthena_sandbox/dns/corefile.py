"""The Corefile: which zones are served at which port, with which plugins. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"([^{}]+)\{((?:[^{}]|\{[^{}]*\})*)\}")
_NESTED = re.compile(r"\{[^{}]*\}")
_COMMENT = re.compile(r"#.*")
_USUAL_PORT = 53


class CorefileError(Exception):
    """A Corefile that cannot be read; the text says why."""


@dataclass(frozen=True)
class Zone:
    """A zone at a port. `name` is in lower case and ends with a dot."""

    name: str
    port: int
    plugins: frozenset[str]

    def holds(self, name: str) -> bool:
        """Whether a name is in the zone."""
        return self.name in {".", name} or name.endswith(f".{self.name}")


def read_corefile(text: str) -> list[Zone]:
    """All zones. Raises CorefileError."""
    text = _COMMENT.sub("", text)
    if _BLOCK.sub("", text).strip():
        raise CorefileError("Corefile: a server block is not closed")
    return [zone for block in _BLOCK.finditer(text) for zone in _zones(block[1], block[2])]


def _zones(heads: str, body: str) -> Iterator[Zone]:
    lines = [line.split() for line in _NESTED.sub("", body).splitlines()]
    plugins = frozenset(line[0] for line in lines if line)
    for head in re.split(r"[\s,]+", heads.strip()):
        name, _, port = head.removeprefix("dns://").partition(":")
        if not (port or str(_USUAL_PORT)).isdecimal():
            raise CorefileError(f"Corefile: {head!r} has no port")
        yield Zone(f"{name.rstrip('.')}.".lower(), int(port or _USUAL_PORT), plugins)


def zone_of(name: str, zones: Iterable[Zone]) -> Zone | None:
    """The smallest zone that a name is in."""
    return max(
        (zone for zone in zones if zone.holds(name)),
        key=lambda zone: len(zone.name) if zone.name != "." else 0,
        default=None,
    )
