"""Runs one container: a workload for a known image, nothing for a static one; restarts, probes, hooks, states."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import trio

from kthena_sandbox.client import ApiAway, ApiError
from kthena_sandbox.controllers.conditions import parse_time
from kthena_sandbox.echo.settings import SettingsError as EchoSettingsError
from kthena_sandbox.engine import SettingsError
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import images
from kthena_sandbox.kubelet.hooks import run_hook
from kthena_sandbox.kubelet.logs import ContainerLog
from kthena_sandbox.kubelet.podstatus import ContainerState, Termination
from kthena_sandbox.kubelet.podvolumes import Tell
from kthena_sandbox.kubelet.probes import Probe, check, read_probe, run_probe
from kthena_sandbox.kubelet.references import ConfigError
from kthena_sandbox.kubelet.workloads import KILLED, Exit, Workload

_LOG = logging.getLogger(__name__)
MakeWorkload = Callable[[Document, Callable[[str], None]], Awaitable[Workload]]
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0  # who ran that long is not in a crash loop
_STATIC_PERIOD = 1.0
_RETRY_SECONDS = 1.0
_LEAST_SECONDS = 2.0  # for a container whose preStop hook took all of its time


class Container:
    """One container of a pod at *address*; calls *changed* when its `state` does."""

    def __init__(
        self, document: Document, pod: Document, address: str, *,
        wall_clock: Callable[[], datetime], changed: Callable[[], None], tell: Tell,
    ) -> None:  # fmt: skip
        self.log = ContainerLog(wall_clock)
        self.previous_log: ContainerLog | None = None
        self._document = document
        self._pod = pod
        self._address = address
        self._wall_clock = wall_clock
        self._changed = changed
        self._tell = tell
        self.finished = False  # for good
        self._workload: Workload | None = None
        self._stopping = False
        self._closed = False  # takes no more connections
        self._condemned = ""  # why it is ended before its restart
        self._grace = 0.0
        self._sentence = trio.Event()
        self.state = self._first_state()

    def _first_state(self) -> ContainerState:
        """One that ran before, under another image or before a restart of the sandbox, counts as restarted."""
        name = self._document["name"]
        known = (self._pod.get("status") or {}).get("containerStatuses") or []
        before: Document = next((entry for entry in known if entry["name"] == name), {})
        ran = (before.get("state") or {}).get("running")
        restarts = int(before.get("restartCount", 0)) + bool(ran)
        ended = None
        if ran:
            started = parse_time(ran["startedAt"])
            ended = Termination(KILLED, "Error", "", started, self._wall_clock())
        return ContainerState(name, self._document["image"], restarts=restarts, before=ended)

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self._changed()

    def _wait(self, reason: str, message: str = "") -> None:
        self.state = self.state.waiting(reason, message)
        self._changed()

    async def run_static(self) -> None:
        """Stand for a server that runs elsewhere at the address: ready while it answers."""
        name = self._document["name"]
        self._set(running=self._wall_clock(), started=True)
        self._tell("Started", f"Container {name} stands for a server at {self._address}", False)
        self.log.write(f"INFO: the log of the server at {self._address} is not here, but with it")
        probe = read_probe(self._document, "readinessProbe") or self._static_probe()
        if probe is None:
            self._set(ready=True)
            return
        await self._keep_ready(probe)

    def _static_probe(self) -> Probe | None:
        ports = [entry["containerPort"] for entry in self._document.get("ports") or []]
        return Probe(port=ports[0], period=_STATIC_PERIOD, failures=1) if ports else None

    async def run_known(self, make: MakeWorkload) -> None:
        """Run what *make* makes, again and again as `restartPolicy` says."""
        failures = 0
        while True:
            began = trio.current_time()
            ended = await self._run_once(make)
            policy = self._pod["spec"].get("restartPolicy", "Always")
            if (
                self._stopping
                or policy == "Never"
                or (policy == "OnFailure" and not ended.exit_code)
            ):
                self.finished = True
                return
            steady = trio.current_time() - began > _STEADY_SECONDS
            failures = 1 if steady else failures + 1
            self.state = replace(self.state, before=ended, restarts=self.state.restarts + 1)
            await self._back_off(failures - bool(self._condemned))
            self.previous_log, self.log = self.log, ContainerLog(self._wall_clock)

    async def _back_off(self, failures: int) -> None:
        """Wait longer after every failure; the first kill by a probe is answered at once."""
        if not failures:
            return
        pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
        metadata, name = self._pod["metadata"], self.state.name
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        message = f"back-off {pause:.0f}s restarting failed container={name} pod={pod}"
        self._wait("CrashLoopBackOff", message)
        self._tell("BackOff", f"Back-off restarting failed container {name} in pod {pod}", True)
        await trio.sleep(pause)

    async def _run_once(self, make: MakeWorkload) -> Termination:
        started = self._wall_clock()
        self._condemned = ""
        image = self.state.image
        self._tell("Pulled", f'Container image "{image}" already present on machine', False)
        try:
            workload = await self._made(make)
        except (SettingsError, EchoSettingsError) as error:
            self._tell_running()
            self.log.write(f"error: {error}")
            exit_ = Exit(2, str(error))
        else:
            exit_ = await self._run_workload(workload, started)
        self.log.close()
        reason = "Error" if exit_.code else "Completed"
        ended = Termination(
            exit_.code, reason, self._condemned or exit_.message, started, self._wall_clock()
        )
        self._set(running=None, ended=ended, ready=False, started=False)
        return ended

    async def _made(self, make: MakeWorkload) -> Workload:
        """Made when what it takes its environment from is there. Raises SettingsError."""
        while True:
            try:
                return await make(self._document, self.log.write)
            except ApiAway:
                pass
            except (ConfigError, ApiError, OSError) as error:
                if self.state.message != str(error):
                    self._wait("CreateContainerConfigError", str(error))
                    self._tell("Failed", f"Error: {error}", True)
            await trio.sleep(_RETRY_SECONDS)

    def _tell_running(self) -> None:
        self._tell("Created", f"Created container: {self.state.name}", False)
        self._tell("Started", f"Started container {self.state.name}", False)

    async def _run_workload(self, workload: Workload, started: datetime) -> Exit:
        exit_ = Exit(KILLED)
        try:
            async with trio.open_nursery() as nursery:

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    nonlocal exit_
                    exit_ = await workload.run(task_status=task_status)
                    nursery.cancel_scope.cancel()

                await nursery.start(run)
                self._workload = workload
                self._set(running=started, ended=None)
                self._tell_running()
                await self._watch_over(workload)
        except* OSError as errors:
            exit_ = Exit(1, str(_first(errors)))
            self.log.write(f"error: {exit_.message}")
        except* Exception as errors:  # noqa: BLE001  one bad workload must not stop the kubelet
            _LOG.exception("container %s", self.state.name)
            exit_ = Exit(1, repr(_first(errors)))
        self._workload = None
        return exit_

    async def _watch_over(self, workload: Workload) -> None:
        """Run hook and probes while the workload runs, and end it where one finds it dead."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._execute, workload)
            hook = (self._document.get("lifecycle") or {}).get("postStart")
            if hook and (why := await run_hook(hook, self._document, self._address)):
                self._tell("FailedPostStartHook", f"PostStartHook failed: {why}", True)
                self._condemn(f"PostStartHook failed: {why}", "FailedPostStartHook", None)
            probed = self._document if workload.is_probed else {}
            if (startup := read_probe(probed, "startupProbe")) is not None:
                await self._wait_for_start(startup)
            self._set(started=True)
            if (liveness := read_probe(probed, "livenessProbe")) is not None:
                nursery.start_soon(self._keep_alive, liveness, "Liveness")
            if (readiness := read_probe(probed, "readinessProbe")) is None:
                self._set(ready=True)
                return
            await self._keep_ready(readiness)

    async def _execute(self, workload: Workload, *, task_status: trio.TaskStatus[None]) -> None:
        """End the workload when it is condemned; how it ended is seen where it runs."""
        self._sentence = trio.Event()
        task_status.started()
        await self._sentence.wait()
        await self._end(workload, self._grace)
        await trio.sleep_forever()

    def _condemn(self, message: str, why: str, grace: float | None) -> None:
        if self._stopping or self._condemned:
            return
        usual = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        self._grace = float(usual if grace is None else grace)
        self._condemned = message
        self._tell("Killing", why, False)
        self._sentence.set()

    async def _wait_for_start(self, probe: Probe) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._probe, probe, scope.cancel, self._die(probe, "Startup"))

    async def _keep_alive(self, probe: Probe, name: str) -> None:
        await self._probe(probe, lambda: None, self._die(probe, name))

    def _die(self, probe: Probe, name: str) -> Callable[[str], None]:
        def failed(message: str) -> None:
            if not self._stopping:
                self._tell("Unhealthy", f"{name} probe failed: {message}", True)
            why = f"Container {self.state.name} failed {name.lower()} probe, will be restarted"
            self._condemn(message, why, probe.grace)

        return failed

    async def _keep_ready(self, probe: Probe) -> None:
        def failed(message: str) -> None:
            self._tell("Unhealthy", f"Readiness probe failed: {message}", True)
            self._set(ready=False)

        def passed() -> None:
            self._set(ready=not self._closed)

        await self._probe(probe, passed, failed)

    async def _probe(
        self, probe: Probe, passed: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        async def ask() -> str:
            return await check(probe, self._address)

        await run_probe(probe, ask, passed, failed)

    def refuse_address(self, address: str, annotation: str) -> None:
        """Say that the author of the pod has given it an address that is none."""
        message = f"annotation {annotation}: {address!r} is not an IP address"
        self._wait("InvalidAddress", message)
        self._tell("Failed", message, True)

    def refuse_image(self, annotation: str) -> None:
        """Say that the image is unknown."""
        image = self.state.image
        message = images.refusal(image, annotation)
        self._wait("ErrImagePull", message)
        self._tell("Failed", f'Failed to pull image "{image}": {message}', True)

    async def stop(self, seconds: float) -> None:
        """End it for good: its hook, then the workload, both within *seconds*."""
        self._stopping = True
        workload = self._workload
        if workload is not None:
            began = trio.current_time()
            hook = (self._document.get("lifecycle") or {}).get("preStop")
            if hook and seconds:
                await self._run_pre_stop(hook, seconds)
                seconds = max(seconds - (trio.current_time() - began), _LEAST_SECONDS)
            await self._end(workload, seconds)
        self.log.close()

    async def _run_pre_stop(self, hook: Document, seconds: float) -> None:
        why = "it did not end within the grace period"
        with trio.move_on_after(seconds):
            why = await run_hook(hook, self._document, self._address)
        if why:
            self._tell("FailedPreStopHook", f"PreStopHook failed: {why}", True)

    async def _end(self, workload: Workload, seconds: float) -> None:
        if not workload.serves_while_it_ends:
            self._closed = True
            self._set(ready=False)
        await workload.end(seconds)


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
