"""Child processes: their output line by line, an orderly end, and none that outlives us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial

import trio

_LIBC = ctypes.CDLL(None)  # loaded here, since a forked child should do as little as possible
_PR_SET_PDEATHSIG = 1
_LONGEST_LINE = 1024 * 1024
_LAST_WORDS_SECONDS = 1.0


def _die_with(parent: int) -> None:
    """Runs in the child: be killed when the parent is gone, even if it was killed itself (prctl(2))."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def _start(
    command: Sequence[str], environ: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], trio.lowlevel.FdStream]:
    """The child and what it says. Raises OSError.

    Started here and not by trio, which does it in a thread: the signal for orphans comes when the
    *thread* that started the child ends. Its own process group keeps Ctrl-C for us, who end things
    in order.
    """
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=writing,
            stderr=subprocess.STDOUT, process_group=0,
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509  we start no threads before
        )  # fmt: skip
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return process, trio.lowlevel.FdStream(reading)


async def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the child's end; its code, negative for a signal."""
    if not hasattr(os, "pidfd_open"):
        return await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
    watched = os.pidfd_open(process.pid)
    try:
        await trio.lowlevel.wait_readable(watched)
    finally:
        os.close(watched)
    return process.wait()


async def lines(stream: trio.abc.ReceiveStream) -> AsyncGenerator[str, None]:
    """The lines of a child's output."""
    rest = b""
    async for piece in stream:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        rest = rest[-_LONGEST_LINE:]
    if rest:
        yield rest.decode(errors="replace")


class Child:
    """One child that lives, or has ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def terminate(self) -> None:
        """SIGTERM, if it still lives."""
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, if it still lives."""
        if self._process.poll() is None:
            self._process.kill()

    async def wait(self) -> int:
        """Wait for its end; its code, negative for a signal."""
        code = self._process.poll()
        return await _wait(self._process) if code is None else code

    async def end(self, patience: float) -> None:
        """SIGTERM and, *patience* seconds later, SIGKILL; returns when it has ended."""
        self.terminate()
        with trio.move_on_after(patience):
            await self.wait()
            return
        self.kill()
        await self.wait()


class Children:
    """All children that live. `kill` ends them at once, for those who cannot wait."""

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen[bytes]] = set()

    def kill(self) -> None:
        """SIGKILL to all of them."""
        for process in self._alive:
            process.kill()

    async def run(
        self, command: Sequence[str], environ: Mapping[str, str], tell: Callable[[str], None], *,
        patience: float = 10.0,
    ) -> int:  # fmt: skip
        """Run *command* to its end, with its lines passed to *tell*; returns its code.

        When cancelled it gets SIGTERM and, *patience* seconds later, SIGKILL. Raises OSError.
        """
        async with self.running(command, environ, tell, patience=patience) as child:
            return await child.wait()

    @asynccontextmanager
    async def running(
        self, command: Sequence[str], environ: Mapping[str, str], tell: Callable[[str], None], *,
        patience: float = 10.0,
    ) -> AsyncIterator[Child]:  # fmt: skip
        """The same with a child to handle; one that lives at the end of the block is ended. Raises OSError."""
        process, output = _start(command, environ)
        self._alive.add(process)
        child = Child(process)
        async with trio.open_nursery() as nursery:
            last_words = await nursery.start(_forward, output, tell)
            try:
                yield child
            finally:
                with trio.CancelScope(shield=True):
                    await child.end(patience)
                self._alive.discard(process)
                last_words.deadline = trio.current_time() + _LAST_WORDS_SECONDS


async def _forward(
    stream: trio.abc.ReceiveStream,
    tell: Callable[[str], None],
    *,
    task_status: trio.TaskStatus[trio.CancelScope],
) -> None:
    """Pass the child's lines on to its end, also while it is being ended."""
    with trio.CancelScope(shield=True) as scope:
        task_status.started(scope)
        async with stream, aclosing(lines(stream)) as told:
            async for line in told:
                tell(line)
