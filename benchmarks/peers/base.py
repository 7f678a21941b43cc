"""What a peer is to the run."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import trio

from benchmarks.errors import Unavailable
from benchmarks.native import Backend
from benchmarks.processes import Group, start

PATH = "/v1/chat/completions"
_QUESTION = {"model": "bench", "messages": [{"role": "user", "content": "Are you there?"}]}
_START_SECONDS = 90.0


@dataclass(frozen=True)
class Cores:
    """Where the router runs, and where everything else; None leaves it to the kernel."""

    router: int | None
    rest: int | None


@dataclass(frozen=True)
class Kit:
    """What installing takes; *environ* is ours, with what leads to package registries."""

    cache: Path
    environ: Mapping[str, str]
    may_use_apt: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What running takes; *folder* is for configuration and logs, and is emptied by the next run."""

    kit: Kit
    backend: Backend
    cores: Cores
    folder: Path

    def write(self, name: str, text: str) -> Path:
        """Write a peer's configuration, `@BACKEND@` and `@FOLDER@` replaced, and return the file."""
        path = self.folder / name
        text = text.replace("@BACKEND@", self.backend.target).replace("@FOLDER@", str(self.folder))
        path.write_text(text)
        return path

    def clean_environ(self, **extra: str) -> dict[str, str]:
        """An environment without proxies, tokens and the like."""
        ours = self.kit.environ
        kept = {name: ours[name] for name in ("PATH", "LANG") if name in ours}
        return kept | {"HOME": str(self.folder)} | extra


@dataclass(frozen=True)
class Running:
    """A peer that answers at *target*; without a *group* there is nothing to weigh."""

    target: str
    group: Group | None = None


class Peer(Protocol):
    """One of those that are measured.

    *leaves_out* names parts in which it does not take part; *why* says so in the results.
    """

    @property
    def name(self) -> str: ...

    @property
    def leaves_out(self) -> frozenset[str]: ...

    @property
    def why(self) -> str: ...

    def prepare(self, kit: Kit) -> str:
        """Install what is missing, and return the version. Raises Unavailable."""

    def open(self, surroundings: Surroundings) -> AbstractAsyncContextManager[Running]:
        """Start it, wait until it answers, end it. Raises Unavailable."""


@dataclass(frozen=True)
class Direct:
    """No proxy at all: what backend and load generator can do, and the ground of added times."""

    name: str = "no proxy"
    leaves_out: frozenset[str] = frozenset({"memory", "slow"})
    why: str = "there is no process to weigh"

    def prepare(self, kit: Kit) -> str:
        return ""

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        yield Running(surroundings.backend.target)


@dataclass
class _Attempt:
    said: str = "no answer"
    tries: int = field(default=0)


async def _ask(client: httpx.AsyncClient, url: str, attempt: _Attempt) -> bool:
    attempt.tries += 1
    try:
        answer = await client.post(url, json=_QUESTION)
    except httpx.HTTPError as error:
        attempt.said = str(error) or type(error).__name__
        return False
    attempt.said = f"HTTP {answer.status_code}: {answer.text[:200]}"
    return answer.status_code == 200


async def wait_until_it_answers(target: str, group: Group) -> None:
    """Ask until a completion comes back. Raises Unavailable with what was said instead."""
    attempt = _Attempt()
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        with trio.move_on_after(_START_SECONDS):
            while group.alive:
                if await _ask(client, f"http://{target}{PATH}", attempt):
                    return
                await trio.sleep(0.1)
    ended = "" if group.alive else f", it ended with code {group.process.returncode}"
    raise Unavailable(f"{attempt.said}{ended}: {group.last_words()}")


@asynccontextmanager
async def serving(
    surroundings: Surroundings,
    name: str,
    command: Sequence[str],
    target: str,
    environ: Mapping[str, str],
) -> AsyncIterator[Running]:
    """Run a command on the router's core while the block lasts. Raises Unavailable."""
    log = surroundings.folder / f"{name}.log"
    try:
        group = start(command, core=surroundings.cores.router, log=log, environ=environ)
    except OSError as error:
        raise Unavailable(str(error)) from error
    try:
        await wait_until_it_answers(target, group)
        yield Running(target, group)
    finally:
        await group.stop()
