"""Process groups on a core of their own: started, watched through /proc, ended whole."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_IDLE_SHARE = 0.1  # of a core
# Below Linux's ephemeral ports, so that no outgoing connection takes a port between choice and use.
_PORTS = range(20000, 32000)
_GIVEN: set[int] = set()  # peers start at the same time, and take their ports a moment later


@dataclass(frozen=True)
class Usage:
    """What one line of /proc/PID/stat says: the process group, and CPU seconds with reaped children."""

    group: int
    cpu_seconds: float


def parse_stat(text: str, ticks_per_second: int) -> Usage:
    """Read /proc/PID/stat; the command in it may hold anything, so the fields are counted from its end."""
    fields = text.rpartition(")")[2].split()
    return Usage(int(fields[2]), sum(int(field) for field in fields[11:15]) / ticks_per_second)


def parse_resident(text: str) -> int:
    """Return the resident bytes of /proc/PID/smaps_rollup."""
    line = next((line for line in text.splitlines() if line.startswith("Rss:")), "Rss: 0 kB")
    return int(line.split()[1]) * 1024


def _precise(process: Path) -> float:
    """Return the CPU seconds of a process' threads from `schedstat`, 0 where there is none.

    /proc/PID/stat counts in hundredths of a second, too coarse for a second at a light load.
    """
    total = 0
    with contextlib.suppress(OSError):  # it ends while it is looked at
        for path in process.glob("task/*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(path.read_text().split()[0])
    return total / 1e9


def parse_core(text: str, core: int) -> tuple[int, int]:
    """Return the busy and all ticks of a core so far, from /proc/stat."""
    for line in text.splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            ticks = [int(field) for field in fields[:8]]  # user … steal; guests are within user
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    return 0, 0


def core_ticks(core: int) -> tuple[int, int]:
    """Return the busy and all ticks of a core so far."""
    return parse_core(Path("/proc/stat").read_text(), core)


def _prepare_child(parent: int, core: int | None) -> None:
    """Runs in the child: pin it, and have it killed when we are gone, even if killed ourselves."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    if core is not None:
        os.sched_setaffinity(0, {core})


def last_words(text: str) -> str:
    """Return the last lines of a log that say something, for a failure's reason."""
    lines = [line.strip(" |+-\t") for line in text[-4000:].splitlines()]
    return "; ".join([line for line in lines if line][-2:])[-300:]


class Group:
    """A command and all that it starts."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path | None) -> None:
        self.process = process
        self.log = log

    @property
    def alive(self) -> bool:
        """Whether the command itself still runs."""
        return self.process.poll() is None

    def _members(self) -> Iterator[tuple[Path, Usage]]:
        for path in Path("/proc").glob("[0-9]*"):
            # A process may end between two looks.
            with contextlib.suppress(OSError):
                usage = parse_stat((path / "stat").read_text(), _TICKS_PER_SECOND)
                if usage.group == self.process.pid:
                    yield path, usage

    def cpu_seconds(self) -> float:
        """User and system time of all members so far: of their threads in ns, where the kernel tells."""
        return sum(_precise(path) or usage.cpu_seconds for path, usage in self._members())

    async def rest(self) -> None:
        """Return when the group has done what was asked of it, or is still at it after `_PATIENCE_SECONDS`."""
        with trio.move_on_after(_PATIENCE_SECONDS):
            while True:
                before = self.cpu_seconds()
                await trio.sleep(_LOOK_SECONDS)
                if self.cpu_seconds() - before < _LOOK_SECONDS * _IDLE_SHARE:
                    return

    def resident_bytes(self) -> int:
        """Resident memory of all members; what they share counts for each of them."""
        total = 0
        for path, _ in self._members():
            with contextlib.suppress(OSError):
                total += parse_resident((path / "smaps_rollup").read_text())
        return total

    def last_words(self) -> str:
        """The end of the log, for a failure's reason."""
        if self.log is None or not self.log.exists():
            return ""
        return last_words(self.log.read_text(errors="replace"))

    async def stop(self) -> None:
        """End the command with SIGTERM, and whatever is left of the group with SIGKILL."""
        with trio.CancelScope(shield=True):
            if self.alive:
                self.process.terminate()
                with trio.move_on_after(_PATIENCE_SECONDS):
                    await _wait(self.process)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            with trio.move_on_after(_PATIENCE_SECONDS):
                while self.resident_bytes():  # noqa: ASYNC110  the kernel tells of none but children
                    await trio.sleep(0.01)


async def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait until a child has ended, without a thread for it."""
    watched = os.pidfd_open(process.pid)
    try:
        await trio.lowlevel.wait_readable(watched)
    finally:
        os.close(watched)


def start(
    command: Sequence[str],
    *,
    core: int | None,
    log: Path | None = None,
    environ: Mapping[str, str],
    stdout: int | None = None,
) -> Group:
    """Start *command* as a group of its own, output in *log*. Raises OSError.

    Started here and not by trio, which does it in a thread: the signal for orphans comes when the
    thread that started the child ends.
    """
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(log.open("wb")) if log is not None else subprocess.DEVNULL
        process = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=sink if stdout is None else stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(_prepare_child, os.getpid(), core),  # noqa: PLW1509  no threads yet
        )
    return Group(process, log)


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_ports(count: int = 1, address: str = "127.0.0.1") -> int:
    """Return the first of *count* consecutive ports of *address* that nobody holds or was given before."""
    while True:
        first = random.choice(_PORTS[: len(_PORTS) - count])
        wanted = range(first, first + count)
        if _GIVEN.isdisjoint(wanted) and all(_is_free(address, port) for port in wanted):
            _GIVEN.update(wanted)
            return first
