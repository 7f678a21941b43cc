"""What a run leaves behind: samples, failures, versions and the machine, as one JSON file."""

from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent / "results"


class Sample(msgspec.Struct, frozen=True):
    """What one peer did in one round of a case; *values* by the names of the part's metrics."""

    part: str
    case: str
    peer: str
    round: int
    values: dict[str, float]


class Failure(msgspec.Struct, frozen=True):
    """Why a peer has no figures in a part, or in one *case* of it; "" stands for all."""

    peer: str
    reason: str
    part: str = ""
    case: str = ""


class Results(msgspec.Struct):
    """One run. *date* is ISO 8601 in UTC, *peers* are versions by name in the order of the run."""

    date: str
    machine: dict[str, Any]
    options: dict[str, Any]
    ours: str
    direct: str
    peers: dict[str, str] = {}
    samples: list[Sample] = []
    failures: list[Failure] = []
    schema: int = 1


def write(results: Results, folder: Path) -> Path:
    """Write a run below *folder*, named by its date, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.date.replace(':', '').replace('-', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path


def read(path: Path) -> Results:
    """Read a run. Raises OSError and msgspec.MsgspecError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
