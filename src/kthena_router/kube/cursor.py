"""What a line of a watch means, and where to go on after it (Kubernetes API concepts, efficient detection of changes)."""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec


class _Line(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Upsert:
    object: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Delete:
    object: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Progress:
    """A bookmark."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The version is too old: list again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The server reports an error, or the line cannot be read: list again, for nothing says what was missed."""

    message: str


Meaning: TypeAlias = Upsert | Delete | Progress | Expired | Failed
_decode_line = msgspec.json.Decoder(_Line).decode
_decode_version = msgspec.json.Decoder(_Versioned).decode
_decode_status = msgspec.json.Decoder(_Status).decode


class WatchCursor:
    """Holds the version from which a watch can be resumed."""

    def __init__(self, version: str) -> None:
        self.version = version

    def read(self, line: bytes) -> Meaning:
        """Return what *line* means, and move on."""
        try:
            event = _decode_line(line)
            if event.type == "ERROR":
                status = _decode_status(event.object)
                return Expired() if status.code == 410 else Failed(status.message)
            version = _decode_version(event.object).metadata.resource_version
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Failed(f"a line that cannot be read: {error}")
        if _is_before(version, self.version):
            return Failed(
                f"version {version} after {self.version}: the server has lost its history"
            )
        self.version = version or self.version
        match event.type:
            case "ADDED" | "MODIFIED":
                return Upsert(event.object)
            case "DELETED":
                return Delete(event.object)
            case "BOOKMARK":
                return Progress()
        return Failed(f"an event of unknown type {event.type!r}")


def _is_before(version: str, known: str) -> bool:
    """Return whether *version* is older than *known*, as after etcd was restored; of versions that are not numbers nobody can tell."""
    return version.isdecimal() and known.isdecimal() and int(version) < int(known)
