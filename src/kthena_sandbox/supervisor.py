"""Starts the sandbox's parts in order, waits for a signal, and ends them in the reverse order."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from kthena_sandbox.apiprocess import ApiProcess, SandboxError
from kthena_sandbox.applying import ApplyError, apply, read_documents
from kthena_sandbox.check import run_check
from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.cluster import ensure_router_service, running_cluster
from kthena_sandbox.demo import run_demo, wait_for_default_gateway
from kthena_sandbox.kubelet.runtime import Host
from kthena_sandbox.manifests import Manifests
from kthena_sandbox.notifying import notify
from kthena_sandbox.ports import check_ports
from kthena_sandbox.processes import Children
from kthena_sandbox.routerprocess import ADDRESS, RouterProcess
from kthena_sandbox.settings import Settings, default_kubeconfig


def say(line: str) -> None:
    """Tell the user."""
    print(line, flush=True)


@contextmanager
def _run_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kthena-sandbox-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Supervisor:
    """One run of the sandbox."""

    settings: Settings
    environ: Mapping[str, str]
    children: Children

    async def run(self) -> int:
        """Until a signal, or to the end of the check; the exit code. Raises SandboxError and others."""
        with _run_folder() as folder:
            kubeconfig = self.settings.kubeconfig or default_kubeconfig(
                self.settings.api_port, self.environ, folder
            )
            server = ApiProcess(
                self.settings.api_port, kubeconfig.absolute(),
                self.settings.state or folder / "state", self.settings.insecure, self.children,
                self.environ, say,
            )  # fmt: skip
            async with (
                _running(server.run),
                self._cluster(server, folder) as client,
                AsyncExitStack() as parts,
            ):
                await self._prepare(client)
                if self.settings.manifests:
                    manifests = Manifests(self.settings.manifests, client, say)
                    await parts.enter_async_context(_running(manifests.run))
                if not self.settings.router:
                    return await self._use(client, server)
                router = RouterProcess(
                    self.settings, server.kubeconfig, self.children, self.environ, say
                )
                await parts.enter_async_context(_running(router.run))
                return await self._use(client, server)

    @asynccontextmanager
    async def _cluster(self, server: ApiProcess, folder: Path) -> AsyncIterator[Client]:
        host = Host(server.entrance, folder / "kubelet", self.environ, self.children)
        async with running_cluster(host, self._volumes(folder)) as client:
            yield client

    def _volumes(self, folder: Path) -> Path:
        """Beside the state, with which the volumes of claims stay; otherwise they go with this run."""
        state = self.settings.state
        return state.absolute().with_name(f"{state.name}.volumes") if state else folder / "volumes"

    async def _prepare(self, client: Client) -> None:
        if self.settings.router:
            await ensure_router_service(client, self.settings.router_port)
        for path in self.settings.apply:
            for document in read_documents(path):
                say(await apply(client, document))

    async def _use(self, client: Client, server: ApiProcess) -> int:
        if self.settings.router:
            await wait_for_default_gateway(client)
        if self.settings.demo:
            await run_demo(client, self.settings, say)
        say(f"export KUBECONFIG={server.kubeconfig}")
        say("sandbox ready")
        notify(self.environ, "READY=1")
        if self.settings.check:
            return await run_check(client, self.settings, server.kubeconfig, self.environ, say)
        self._say_what_next(server.entrance.server)
        return await trio.sleep_forever()

    def _say_what_next(self, url: str) -> None:
        say(f"The Kubernetes API is on {url}. In another terminal, after the export above, try")
        say("  kubectl get pods,gateways,modelroutes -A")
        if self.settings.demo and self.settings.router:
            for port in (self.settings.router_port, self.settings.gateway_port):
                say(
                    f"  curl http://{ADDRESS}:{port}/v1/completions -H 'Content-Type: application/json' "
                    """-d '{"model": "deepseek-r1", "prompt": "What is Kubernetes?", "max_tokens": 100}'"""
                )
        say("Ctrl-C ends the sandbox.")


@asynccontextmanager
async def _running(start: Callable[..., Awaitable[None]]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(start)
        yield
        nursery.cancel_scope.cancel()


async def _supervise(settings: Settings, environ: Mapping[str, str]) -> int:
    children = Children()
    code = 0
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as watching:

            async def heed(scope: trio.CancelScope) -> None:
                async for _ in signals:
                    if scope.cancel_called:
                        children.kill()
                    else:
                        say("ending the sandbox; once more to end it at once")
                        notify(environ, "STOPPING=1")
                        scope.cancel()

            with trio.CancelScope() as scope:
                watching.start_soon(heed, scope)
                code = await Supervisor(settings, environ, children).run()
            watching.cancel_scope.cancel()
    return code


def main(settings: Settings) -> int:
    """Run the sandbox; the exit code: 0 after a signal or a passed check, 1 otherwise."""
    failures: list[BaseException] = []
    code = 1
    try:
        code = trio.run(_supervise, check_ports(settings, say), dict(os.environ))
    except* (SandboxError, ApplyError, ApiError, ApiAway, OSError) as errors:
        failures.extend(_leaves(errors))
    for failure in failures:
        print(f"sandbox: {failure}", file=sys.stderr)
    return 1 if failures else code


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
