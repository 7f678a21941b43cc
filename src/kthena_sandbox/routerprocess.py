"""The router as a child, as it would run in a cluster: its only way in is the kubeconfig."""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import trio

from kthena_sandbox.apiprocess import SandboxError
from kthena_sandbox.polling import holds_within
from kthena_sandbox.processes import Children
from kthena_sandbox.settings import Settings

ADDRESS = "127.0.0.1"
NAMESPACE = "kthena-system"
_DRAIN_TIMEOUT = "8s"  # at a terminal nobody waits for five minutes; the router itself keeps to it
_READY_SECONDS = 60.0
_PAUSE = 0.5
_LONGEST_PAUSE = 10.0


def command(settings: Settings, kubeconfig: Path) -> list[str]:
    """The router's command line; what the user gives comes last and wins."""
    return [
        sys.executable, "-m", "kthena_router", "--enable-gateway-api=true",
        f"--kubeconfig={kubeconfig}", f"--bind-address={ADDRESS}", f"--port={settings.router_port}",
        f"--management-port={settings.management_port}", f"--metrics-port={settings.metrics_port}",
        "--shutdown-delay=0s", *settings.router_args,
    ]  # fmt: skip


@dataclass
class RouterProcess:
    """The child."""

    settings: Settings
    kubeconfig: Path
    children: Children
    environ: Mapping[str, str]
    tell: Callable[[str], None]
    _was_ready: bool = False
    _ended: trio.Event = field(default_factory=trio.Event)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep it running until cancelled; started when it is ready. Raises SandboxError."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_running)
            await self._wait_ready()
            self._was_ready = True
            task_status.started()

    async def _keep_running(self) -> None:
        environ = {"DRAIN_TIMEOUT": _DRAIN_TIMEOUT} | dict(self.environ)
        environ |= {"POD_NAMESPACE": NAMESPACE, "POD_NAME": "kthena-router-sandbox"}
        environ |= {"PYTHONUNBUFFERED": "1"}
        pause = _PAUSE
        while True:
            began = trio.current_time()
            code = await self.children.run(
                command(self.settings, self.kubeconfig), environ, self._hear, patience=math.inf
            )
            if not self._was_ready:
                raise SandboxError(f"the router ended with code {code} before it was ready")
            if trio.current_time() - began > _LONGEST_PAUSE:
                pause = _PAUSE
            self.tell(f"the router ended with code {code}; starting it again")
            await trio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _hear(self, line: str) -> None:
        self.tell(f"router | {line}")

    async def _wait_ready(self) -> None:
        url = f"http://{ADDRESS}:{self.settings.management_port}/readyz"
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            if await holds_within(_READY_SECONDS, partial(_answers, client, url)):
                return
        raise SandboxError(f"the router is not ready after {_READY_SECONDS:.0f} s: see {url}")


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False
