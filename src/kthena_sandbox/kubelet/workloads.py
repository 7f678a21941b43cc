"""What runs in a container: an engine in this process, or a program as a process of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import trio

from kthena_sandbox.engine import Engine
from kthena_sandbox.kubelet.commands import refusal, router_arguments
from kthena_sandbox.kubelet.probes import refuse
from kthena_sandbox.processes import Child, Children

KILLED = 137
_TERMINATED = 143  # by SIGTERM
_NODE_GOES_SECONDS = 5.0  # for processes when the sandbox itself ends


class UsageError(Exception):
    """The program refuses its arguments or environment; the text says why."""


class Exit(NamedTuple):
    """How a workload ended."""

    code: int
    message: str = ""


class Workload(Protocol):
    """`run` it once."""

    serves_while_it_ends: bool
    is_probed: bool

    async def run(self, *, task_status: trio.TaskStatus[None]) -> Exit:
        """Run to the end; started when it runs. Raises OSError where it cannot."""

    async def end(self, seconds: float) -> None:
        """Ask it to end, and end it after *seconds*, or when cancelled."""

    async def execute(self, command: Sequence[str]) -> str:
        """Run a command beside it: "" when it succeeds, otherwise what went wrong."""


class EngineWorkload:
    """A mock engine."""

    serves_while_it_ends = False  # it takes no more connections
    is_probed = True

    def __init__(self, engine: Engine, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._say = say

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Exit:
        """Serve until it is ended. Raises OSError."""
        settings = self._engine.settings
        try:
            async with trio.open_nursery() as nursery:
                address = await nursery.start(self._engine.run)
                names = ", ".join(settings.models)
                where = f"http://{address.host}:{address.port}"
                self._say(f"INFO: {settings.engine} engine for {names} on {where}")
                task_status.started()
        except* OSError as errors:
            where = f"{settings.host}:{settings.port}"
            raise OSError(f"cannot listen on {where}: {_first(errors)}") from errors
        return Exit(KILLED)

    async def execute(self, command: Sequence[str]) -> str:
        """There is no program that could be run."""
        return await refuse(command)

    async def end(self, seconds: float) -> None:
        """Let requests finish."""
        self._say("INFO: Shutting down")
        await self._engine.server.drain(seconds)


class Server(Protocol):
    """`run` serves until it is cancelled; started when it listens. Raises OSError."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Serve."""


class ServerWorkload:
    """A server that runs in this process, and ends at once."""

    serves_while_it_ends = False
    is_probed = True

    def __init__(self, server: Server) -> None:
        self._server = server
        self._scope = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Exit:
        """Serve until it is ended. Raises OSError."""
        with self._scope:
            await self._server.run(task_status=task_status)
        return Exit(_TERMINATED)

    async def execute(self, command: Sequence[str]) -> str:
        """There is no program that could be run."""
        return await refuse(command)

    async def end(self, seconds: float) -> None:
        """Cut what is under way, as a program that knows no signals does."""
        self._scope.cancel()
        await trio.lowlevel.checkpoint()


class StandIn:
    """Nothing: a pod that has to be there and Ready, and is never asked anything. Its probes are left out."""

    serves_while_it_ends = False
    is_probed = False

    def __init__(self, say: Callable[[str], None], what: str) -> None:
        self._say = say
        self._what = what
        self._scope = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Exit:
        """Say what is missing, and wait for the end."""
        self._say(f"INFO: the sandbox does not run {self._what}: nothing listens here")
        task_status.started()
        with self._scope:
            await trio.sleep_forever()
        return Exit(_TERMINATED)

    async def execute(self, command: Sequence[str]) -> str:
        """There is no program that could be run."""
        return await refuse(command)

    async def end(self, seconds: float) -> None:
        """At once."""
        self._scope.cancel()
        await trio.lowlevel.checkpoint()


class ProcessWorkload:
    """A process, with what it says as the log."""

    serves_while_it_ends = True  # as it sees fit
    is_probed = True

    def __init__(
        self,
        children: Children,
        command: Sequence[str],
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._children = children
        self.command = command
        self.environ = environ
        self._say = say
        self._child: Child | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> Exit:
        """Run to the end; the code of one that a signal ended is 128 and the signal, as in a shell. Raises OSError."""
        running = self._children.running(
            self.command, self.environ, self._say, patience=_NODE_GOES_SECONDS
        )
        async with running as self._child:
            task_status.started()
            code = await self._child.wait()
        return Exit(code if code >= 0 else 128 - code)

    async def end(self, seconds: float) -> None:
        """SIGTERM, then SIGKILL."""
        if self._child is None:
            return
        try:
            await self._child.end(seconds)
        finally:
            self._child.kill()

    async def execute(self, command: Sequence[str]) -> str:
        """Run the router's program once more, with the same environment."""
        arguments = router_arguments(command)
        if arguments is None:
            return refusal(command)
        said: list[str] = []
        program = [*self.command[:3], *arguments]
        try:
            code = await self._children.run(program, self.environ, said.append, patience=0.0)
        except OSError as error:
            return str(error)
        return "" if code == 0 else "\n".join(said) or f"command exited with {code}"


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
