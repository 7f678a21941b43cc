"""Runs one container: a workload for a known image, nothing for a static one; restarts and states."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import trio

from kthena_sandbox.client import ApiAway, ApiError
from kthena_sandbox.controllers.conditions import parse_time
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import images
from kthena_sandbox.kubelet.logs import ContainerLog
from kthena_sandbox.kubelet.podstatus import ContainerState, Tell, Termination
from kthena_sandbox.kubelet.probes import Probe, read_probe
from kthena_sandbox.kubelet.references import ConfigError
from kthena_sandbox.kubelet.supervision import Supervision, keep_ready
from kthena_sandbox.kubelet.workloads import KILLED, Exit, UsageError, Workload

_LOG = logging.getLogger(__name__)
MakeWorkload = Callable[[Document, Callable[[str], None]], Awaitable[Workload]]
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0  # who ran that long is not in a crash loop
_STATIC_PERIOD = 1.0
_RETRY_SECONDS = 1.0
_LOG_TELLS = "FallbackToLogsOnError"
_LAST_LINES, _LAST_BYTES = 80, 2048  # of a log, that tell why a container ended


class Container:
    """One container of a pod at *address*; calls *changed* when its `state` does."""

    def __init__(
        self, document: Document, pod: Document, address: str, *,
        wall_clock: Callable[[], datetime], changed: Callable[[], None], tell: Tell,
        initial: bool = False,
    ) -> None:  # fmt: skip
        self.log = ContainerLog(wall_clock)
        self.is_sidecar = initial and document.get("restartPolicy") == "Always"
        self._initial = initial
        self.previous_log: ContainerLog | None = None
        self._document = document
        self._pod = pod
        self._address = address
        self._wall_clock = wall_clock
        self._changed = changed
        self._tell = tell
        self.finished = False  # for good
        self._run: Supervision | None = None
        self._stopping = False
        self.state = self._first_state()

    def _first_state(self) -> ContainerState:
        """One that ran before, under another image or before a restart of the sandbox, counts as restarted."""
        name = self._document["name"]
        field = "initContainerStatuses" if self._initial else "containerStatuses"
        known = (self._pod.get("status") or {}).get(field) or []
        before: Document = next((entry for entry in known if entry["name"] == name), {})
        ran = (before.get("state") or {}).get("running")
        restarts = int(before.get("restartCount", 0)) + bool(ran)
        ended = None
        if ran:
            started = parse_time(ran["startedAt"])
            ended = Termination(KILLED, "Error", "", started, self._wall_clock())
        return ContainerState(name, self._document["image"], restarts=restarts, before=ended)

    @property
    def has_succeeded(self) -> bool:
        """Whether it has ended for good, and well."""
        return self.finished and self.state.ended is not None and not self.state.ended.exit_code

    def _policy(self) -> str:
        """When to restart it: an init container runs until it succeeds, a sidecar for ever."""
        policy = str(self._pod["spec"].get("restartPolicy", "Always"))
        if self.is_sidecar:
            return "Always"
        return "OnFailure" if self._initial and policy != "Never" else policy

    def _is_over(self, exit_code: int) -> bool:
        """Whether a container that has ended stays so."""
        policy = self._policy()
        return self._stopping or policy == "Never" or (policy == "OnFailure" and not exit_code)

    def wait_for_initials(self) -> None:
        """Say that init containers come first."""
        self._wait("PodInitializing")

    def leave_out(self) -> None:
        """Count as done: the server that the pod stands for has been prepared where it runs."""
        now = self._wall_clock()
        self.log.write(f"INFO: nothing is run for a server at {self._address}")
        self.log.close()
        self.finished = True
        self._set(ended=Termination(0, "Completed", "", now, now))

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
        await keep_ready(probe, self._address, lambda ready: self._set(ready=ready), self._tell)

    def _static_probe(self) -> Probe | None:
        ports = [entry["containerPort"] for entry in self._document.get("ports") or []]
        return Probe(port=ports[0], period=_STATIC_PERIOD, failures=1) if ports else None

    async def run_known(self, make: MakeWorkload) -> None:
        """Run what *make* makes, again and again as `restartPolicy` says."""
        failures = 0
        while not self._stopping:
            began = trio.current_time()
            ended, was_killed = await self._run_once(make)
            if self._is_over(ended.exit_code):
                self.finished = True
                self._changed()
                return
            steady = trio.current_time() - began > _STEADY_SECONDS
            failures = 1 if steady else failures + 1
            self.state = replace(self.state, before=ended, restarts=self.state.restarts + 1)
            await self._back_off(failures - was_killed)
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

    async def _run_once(self, make: MakeWorkload) -> tuple[Termination, bool]:
        """How it ended, and whether we have ended it."""
        started = self._wall_clock()
        image, condemned = self.state.image, ""
        self._tell("Pulled", f'Container image "{image}" already present on machine', False)
        try:
            workload = await self._made(make)
        except UsageError as error:
            self._tell_running()
            self.log.write(f"error: {error}")
            exit_ = Exit(2, str(error))
        else:
            grace = float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))
            supervision = Supervision(
                self._document, self._address, workload, grace, self._set, self._tell
            )
            exit_ = await self._run_workload(workload, supervision, started)
            condemned = supervision.condemned
        self.log.close()
        reason = "Error" if exit_.code else "Completed"
        message = condemned or exit_.message or self._last_words(exit_.code)
        ended = Termination(exit_.code, reason, message, started, self._wall_clock())
        self._set(running=None, ended=ended, ready=False, started=False)
        return ended, bool(condemned)

    def _last_words(self, exit_code: int) -> str:
        """The end of the log, where the container's `terminationMessagePolicy` asks for it, as far as a kubelet reads."""
        if not exit_code or self._document.get("terminationMessagePolicy") != _LOG_TELLS:
            return ""
        lines = [line for _, line in self.log.read(self.log.end - _LAST_LINES)]
        said = "".join(f"{line}\n" for line in lines).encode()
        return said[-_LAST_BYTES:].decode(errors="replace")

    async def _made(self, make: MakeWorkload) -> Workload:
        """Made when what it takes its environment from is there. Raises UsageError."""
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

    async def _run_workload(
        self, workload: Workload, supervision: Supervision, started: datetime
    ) -> Exit:
        exit_ = Exit(KILLED)
        try:
            async with trio.open_nursery() as nursery:

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    nonlocal exit_
                    exit_ = await workload.run(task_status=task_status)
                    nursery.cancel_scope.cancel()

                await nursery.start(run)
                self._set(running=started, ended=None)
                self._tell_running()
                self._run = supervision
                await supervision.watch()
        except* OSError as errors:
            exit_ = Exit(1, str(_first(errors)))
            self.log.write(f"error: {exit_.message}")
        except* Exception as errors:  # noqa: BLE001  one bad workload must not stop the kubelet
            _LOG.exception("container %s", self.state.name)
            exit_ = Exit(1, repr(_first(errors)))
        self._run = None
        return exit_

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

    def cut(self) -> None:
        """Say of one that still runs that it does not any more, for good."""
        self.finished = True
        if self.state.running is not None:
            now = self._wall_clock()
            ended = Termination(KILLED, "Error", "", self.state.running, now)
            self._set(running=None, ended=ended, ready=False, started=False)

    async def stop(self, seconds: float) -> None:
        """End it for good, within *seconds*."""
        self._stopping = True
        if self._run is not None:
            await self._run.end(seconds)
        self.log.close()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
