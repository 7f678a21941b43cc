"""The compiled part, `native/`: built at first use, then run as backend and as load generator."""

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import trio

from benchmarks.errors import BenchmarkError, MeasurementFailed
from benchmarks.processes import Group, free_ports, start

SOURCES = Path(__file__).parent / "native"
_COMPILE = ("cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")
_FIRST_ADDRESS = "127.77.0.1"
_BACKEND_SECONDS = 6 * 3600
_OVERTIME_SECONDS = 45.0


def build(cache: Path) -> Path:
    """Compile the program where its sources have changed, and return its path. Raises BenchmarkError."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    program = cache / f"bench-{digest}"
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = cache / f"bench-{digest}.{os.getpid()}"
    files = [str(path) for path in sources if path.suffix == ".c"]
    command = [*_COMPILE, "-o", str(unfinished), *files]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchmarkError("a C compiler is needed: apt-get install gcc libc6-dev") from error
    if done.returncode:
        raise BenchmarkError(f"cc fails: {done.stderr.strip()}")
    unfinished.rename(program)
    return program


class Stats(msgspec.Struct, frozen=True):
    """The backend's counters; `left` are pairs of a stream's ticket and CLOCK_MONOTONIC ns."""

    requests: int
    streams_open: int
    events: int
    disconnects: int
    cpu_seconds: float
    left: list[tuple[int, int]]


class Times(msgspec.Struct, frozen=True):
    """A distribution of times in µs."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0


class LoadResult(msgspec.Struct, frozen=True):
    """What the load generator says at the end; see `native/load.c`."""

    seconds: float
    answers: int
    streaming: int  # clients within a stream at the end
    events: int
    reads: int
    bytes: int
    errors: int
    reconnects: int
    first_error: str
    cpu_seconds: float
    left: list[tuple[int, int]]
    latency: Times
    first_event: Times
    gap: Times
    delay: Times


class Backend:
    """The running backend: *addresses* of them from 127.77.0.1 on, all on one port."""

    def __init__(self, port: int, addresses: int, client: httpx.AsyncClient) -> None:
        self.port = port
        self.addresses = [f"127.77.0.{number + 1}" for number in range(addresses)]
        self._client = client
        self._tickets = 0

    def take_tickets(self, count: int) -> int:
        """Return the first of *count* numbers that no request before had."""
        first = self._tickets
        self._tickets += count
        return first

    @property
    def target(self) -> str:
        """Its first address, as `host:port`."""
        return f"{self.addresses[0]}:{self.port}"

    async def set(self, **settings: int) -> None:
        """Change how the requests that come now are answered; see `native/backend.c`."""
        answer = await self._client.get("/settings", params=settings)
        answer.raise_for_status()

    async def stats(self) -> Stats:
        """The counters of now."""
        answer = await self._client.get("/stats")
        return msgspec.json.decode(answer.content, type=Stats)


@asynccontextmanager
async def open_backend(
    program: Path, addresses: int, core: int | None, log: Path
) -> AsyncIterator[Backend]:
    """Run the backend. Raises BenchmarkError where it does not start."""
    port = free_ports(address=_FIRST_ADDRESS)
    command = [
        *(str(program), "backend", "--address", _FIRST_ADDRESS, "--addresses", str(addresses)),
        *("--port", str(port), "--seconds", str(_BACKEND_SECONDS)),
    ]
    group = start(command, core=core, log=log, environ={})
    try:
        base = f"http://{_FIRST_ADDRESS}:{port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=10.0) as client:
            await _wait_until_listening(client, group)
            yield Backend(port, addresses, client)
    finally:
        await group.stop()


async def _wait_until_listening(client: httpx.AsyncClient, group: Group) -> None:
    while group.alive:
        try:
            await client.get("/health")
        except httpx.ConnectError:
            await trio.sleep(0.02)
        else:
            return
    raise BenchmarkError(f"the backend does not start: {group.last_words()}")


async def run_load(
    program: Path,
    mode: str,
    target: str,
    *,
    core: int | None,
    observe: Callable[[str], None] = lambda line: None,
    **options: float | str,
) -> LoadResult:
    """Run the load generator; *observe* is told `begin` and `end` of the measured time as they come.

    Raises MeasurementFailed.
    """
    command = [str(program), "load", mode, "--target", target]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    last = ""
    with trio.move_on_after(_seconds_of(options)) as scope:
        last = await _follow(command, core, observe)
    if scope.cancelled_caught:
        raise MeasurementFailed("the load generator did not end in time")
    try:
        return msgspec.json.decode(last, type=LoadResult)
    except msgspec.DecodeError as error:
        raise MeasurementFailed(f"the load generator failed: {last[-200:]}") from error


def _seconds_of(options: Mapping[str, float | str]) -> float:
    named = ("seconds", "warmup", "patience")
    return sum(float(options.get(name, 1)) for name in named) + _OVERTIME_SECONDS


async def _follow(command: list[str], core: int | None, observe: Callable[[str], None]) -> str:
    """Run a command, pass its lines on, and return the last one."""
    reading, writing = os.pipe()
    try:
        group = start(command, core=core, environ={}, stdout=writing)
    finally:
        os.close(writing)
    rest = b""
    last = ""
    try:
        async with trio.lowlevel.FdStream(reading) as stream:
            async for piece in stream:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    last = line.decode(errors="replace")
                    if last in {"begin", "end"}:
                        observe(last)
    finally:
        await group.stop()
    return last
