"""The API server as a child: started, waited for, started again on its port with its state."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from kthena_sandbox.entrance import Entrance, read_entrance
from kthena_sandbox.processes import Children

_LISTENS = re.compile(r"kubernetes API on https?://\S+:(\d+)$")
_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_START_SECONDS = 30.0
_NOWHERE = Entrance("")


class SandboxError(Exception):
    """The sandbox cannot start; the text says why."""


@dataclass
class ApiProcess:
    """The child. `entrance` is known when it has started."""

    port: int
    kubeconfig: Path
    state: Path
    insecure: bool
    children: Children
    environ: Mapping[str, str]
    tell: Callable[[str], None]
    entrance: Entrance = _NOWHERE
    _said: list[str] = field(default_factory=list)
    _ready: trio.Event = field(default_factory=trio.Event)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep it running until cancelled. Raises SandboxError where it cannot start at all."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_running)
            with trio.move_on_after(_START_SECONDS):
                await self._ready.wait()
            if not self.entrance.server:
                raise SandboxError("the API server does not start: " + " ".join(self._said[-3:]))
            task_status.started()

    async def _keep_running(self) -> None:
        pause = _PAUSE
        while True:
            began = trio.current_time()
            code = await self.children.run(self._command(), self.environ, self._hear, patience=5.0)
            if not self.entrance.server:
                self._ready.set()
                return
            if trio.current_time() - began > _LONGEST_PAUSE:
                pause = _PAUSE
            self.tell(f"the API server ended with code {code}; starting it again")
            await trio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "kthena_sandbox", "apiserver", "--port", str(self.port),
            "--kubeconfig", str(self.kubeconfig), "--state", str(self.state),
            *(["--insecure"] if self.insecure else []),
        ]  # fmt: skip

    def _hear(self, line: str) -> None:
        self._said.append(line)
        del self._said[:-10]
        if (match := _LISTENS.match(line)) is None:
            self.tell(f"apiserver | {line}")
            return
        self.port = int(match[1])
        self.entrance = read_entrance(self.kubeconfig)
        self._ready.set()
