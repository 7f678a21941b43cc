"""What a process holds and uses, seen from outside: proc(5)."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class ProcessFigures:
    descriptors: int
    sockets: int
    threads: int
    resident_mebibytes: float
    cpu_seconds: float


def figures_of(pid: int) -> ProcessFigures:
    """Read the figures of a process that lives."""
    folder = Path(f"/proc/{pid}")
    links: list[str] = []
    for entry in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            links.append(str(entry.readlink()))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    return ProcessFigures(
        descriptors=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
        threads=int(status["Threads"]),
        resident_mebibytes=int(status["VmRSS"].split()[0]) * 1024 / MEBIBYTE,
        cpu_seconds=(int(user) + int(system)) / TICKS_PER_SECOND,
    )
