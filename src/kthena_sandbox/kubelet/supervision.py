"""Hooks and probes of one run of a container, and the end of what they find dead."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet.hooks import run_hook
from kthena_sandbox.kubelet.podstatus import Tell
from kthena_sandbox.kubelet.probes import Execute, Probe, check, read_probe, refuse, run_probe
from kthena_sandbox.kubelet.workloads import Workload

_LEAST_SECONDS = 2.0  # for a container whose preStop hook took all of its time


class Show(Protocol):
    """Takes what changes in a container's state."""

    def __call__(self, *, ready: bool = ..., started: bool = ...) -> None: ...


async def keep_ready(
    probe: Probe, address: str, show: Callable[[bool], None], tell: Tell, execute: Execute = refuse
) -> None:
    """Show a container ready while its probe succeeds, until cancelled."""

    def failed(message: str) -> None:
        tell("Unhealthy", f"Readiness probe failed: {message}", True)
        show(False)

    async def ask() -> str:
        return await check(probe, address, execute)

    await run_probe(probe, ask, lambda: show(True), failed)


@dataclass
class Supervision:
    """One run of *workload*, which has *grace* seconds to end. `condemned` says why it was ended, "" where it was not."""

    document: Document
    address: str
    workload: Workload
    grace: float
    show: Show
    tell: Tell
    condemned: str = ""
    _ending: bool = False
    _closed: bool = False
    _sentence: trio.Event = field(default_factory=trio.Event)

    async def watch(self) -> None:
        """Run hook and probes until cancelled, and end the workload where one finds it dead."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._execute)
            await self._run_post_start()
            probed = self.document if self.workload.is_probed else {}
            if (startup := read_probe(probed, "startupProbe")) is not None:
                await self._wait_for_start(startup)
            self.show(started=True)
            if (liveness := read_probe(probed, "livenessProbe")) is not None:
                failed = self._dead(liveness, "Liveness")
                nursery.start_soon(self._probe, liveness, _nothing, failed)
            if (readiness := read_probe(probed, "readinessProbe")) is None:
                self._show_ready(True)
            else:
                await keep_ready(
                    readiness, self.address, self._show_ready, self.tell, self.workload.execute
                )

    async def _probe(
        self, probe: Probe, passed: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        async def ask() -> str:
            return await check(probe, self.address, self.workload.execute)

        await run_probe(probe, ask, passed, failed)

    def _show_ready(self, ready: bool) -> None:
        self.show(ready=ready and not self._closed)

    async def _run_post_start(self) -> None:
        hook = (self.document.get("lifecycle") or {}).get("postStart")
        if hook and (
            why := await run_hook(hook, self.document, self.address, self.workload.execute)
        ):
            self.tell("FailedPostStartHook", f"PostStartHook failed: {why}", True)
            self._condemn(f"PostStartHook failed: {why}", "FailedPostStartHook", None)

    async def _wait_for_start(self, probe: Probe) -> None:
        with trio.CancelScope() as scope:
            await self._probe(probe, scope.cancel, self._dead(probe, "Startup"))

    def _dead(self, probe: Probe, name: str) -> Callable[[str], None]:
        def failed(message: str) -> None:
            if not self._ending:
                self.tell("Unhealthy", f"{name} probe failed: {message}", True)
            container = self.document["name"]
            why = f"Container {container} failed {name.lower()} probe, will be restarted"
            self._condemn(message, why, probe.grace)

        return failed

    def _condemn(self, message: str, why: str, grace: float | None) -> None:
        if self._ending or self.condemned:
            return
        self.grace = self.grace if grace is None else float(grace)
        self.condemned = message
        self.tell("Killing", why, False)
        self._sentence.set()

    async def _execute(self) -> None:
        """End the workload when it is condemned; how it ended is seen where it runs."""
        await self._sentence.wait()
        await self._end(self.grace)

    async def end(self, seconds: float) -> None:
        """End it for good: its hook, then the workload, both within *seconds*."""
        self._ending = True
        began = trio.current_time()
        hook = (self.document.get("lifecycle") or {}).get("preStop")
        if hook and seconds:
            await self._run_pre_stop(hook, seconds)
            seconds = max(seconds - (trio.current_time() - began), _LEAST_SECONDS)
        await self._end(seconds)

    async def _run_pre_stop(self, hook: Document, seconds: float) -> None:
        why = "it did not end within the grace period"
        with trio.move_on_after(seconds):
            why = await run_hook(hook, self.document, self.address, self.workload.execute)
        if why:
            self.tell("FailedPreStopHook", f"PreStopHook failed: {why}", True)

    async def _end(self, seconds: float) -> None:
        if not self.workload.serves_while_it_ends:
            self._closed = True
            self.show(ready=False)
        await self.workload.end(seconds)


def _nothing() -> None:
    pass
