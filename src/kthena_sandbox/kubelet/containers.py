"""Runs one container: an engine for a known image, nothing for a static one; restarts, probes, states."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import trio

from kthena_sandbox.controllers.conditions import parse_time
from kthena_sandbox.engine import Engine, SettingsError, parse_settings
from kthena_sandbox.kinds import Document
from kthena_sandbox.kubelet import images
from kthena_sandbox.kubelet.environment import ConfigError, arguments_of, variables_of
from kthena_sandbox.kubelet.logs import ContainerLog
from kthena_sandbox.kubelet.podstatus import ContainerState, Termination
from kthena_sandbox.kubelet.probes import Probe, check, read_probe, run_probe

_LOG = logging.getLogger(__name__)
Tell = Callable[[str, str, bool], None]  # reason, message, whether it is a warning
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0  # who ran that long is not in a crash loop
_STATIC_PERIOD = 1.0
_KILLED = 137


class _Ended(Exception):
    """The workload stopped by itself."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


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
        self._engine: Engine | None = None
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
            ended = Termination(_KILLED, "Error", "", started, self._wall_clock())
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

    async def run_known(self) -> None:
        """Run the engine of the image, again and again as `restartPolicy` says."""
        name = self.state.name
        if mounts := [entry["mountPath"] for entry in self._document.get("volumeMounts") or []]:
            why = (
                f"The sandbox mounts no volumes: container {name} runs without {', '.join(mounts)}"
            )
            self._tell("NotMounted", why, True)
        failures = 0
        while True:
            began = trio.current_time()
            ended = await self._run_once(name)
            policy = self._pod["spec"].get("restartPolicy", "Always")
            if policy == "Never" or (policy == "OnFailure" and not ended.exit_code):
                self.finished = True
                return
            steady = trio.current_time() - began > _STEADY_SECONDS
            failures = 1 if steady else failures + 1
            self.state = replace(self.state, before=ended, restarts=self.state.restarts + 1)
            await self._back_off(failures - (ended.exit_code == _KILLED))
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

    async def _run_once(self, name: str) -> Termination:
        started = self._wall_clock()
        image = self.state.image
        self._tell("Pulled", f'Container image "{image}" already present on machine', False)
        try:
            engine = self._make_engine()
        except ConfigError as error:
            self._wait("CreateContainerConfigError", str(error))
            self._tell("Failed", f"Error: {error}", True)
            await trio.sleep_forever()
        except SettingsError as error:
            self._tell_running(name)
            self.log.write(f"error: {error}")
            failure = _Ended(2, str(error))
        else:
            failure = await self._run_engine(engine, name, started)
        self.log.close()
        ended = Termination(failure.exit_code, "Error", str(failure), started, self._wall_clock())
        self._set(running=None, ended=ended, ready=False, started=False)
        return ended

    def _tell_running(self, name: str) -> None:
        self._tell("Created", f"Created container: {name}", False)
        self._tell("Started", f"Started container {name}", False)

    def _make_engine(self) -> Engine:
        variables = variables_of(self._document, self._pod, self._address)
        defaults = images.defaults_of(self.state.image) or {}
        arguments = arguments_of(self._document, variables)
        settings, ignored = parse_settings(arguments, variables, defaults=defaults)
        if ignored:
            self.log.write(f"INFO: not simulated: {' '.join(ignored)}")
        return Engine(replace(settings, host=self._address), log=self.log.write)

    async def _run_engine(self, engine: Engine, name: str, started: datetime) -> _Ended:
        failure = _Ended(_KILLED, "")
        try:
            async with trio.open_nursery() as nursery:
                address = await nursery.start(engine.run)
                self._engine = engine
                names = ", ".join(engine.settings.models)
                where = f"http://{address.host}:{address.port}"
                self.log.write(f"INFO: {engine.settings.engine} engine for {names} on {where}")
                self._set(running=started, ended=None)
                self._tell_running(name)
                await self._watch_over()
        except* OSError as errors:
            port = engine.settings.port
            failure = _Ended(1, f"cannot listen on {self._address}:{port}: {_first(errors)}")
            self.log.write(f"error: {failure}")
        except* _Ended as errors:
            failure = _Ended(_KILLED, str(_first(errors)))
        except* Exception as errors:  # noqa: BLE001  one bad engine must not stop the kubelet
            _LOG.exception("container %s", name)
            failure = _Ended(1, repr(_first(errors)))
        self._engine = None
        return failure

    async def _watch_over(self) -> None:
        """Run the probes while the engine serves. Raises _Ended where it is found dead."""
        startup = read_probe(self._document, "startupProbe")
        if startup is not None:
            await self._wait_for_start(startup)
        self._set(started=True)
        readiness = read_probe(self._document, "readinessProbe")
        liveness = read_probe(self._document, "livenessProbe")
        async with trio.open_nursery() as nursery:
            if liveness is not None:
                nursery.start_soon(self._keep_alive, liveness, "Liveness")
            if readiness is None:
                self._set(ready=True)
                await trio.sleep_forever()
            await self._keep_ready(readiness)

    async def _wait_for_start(self, probe: Probe) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._probe, probe, scope.cancel, self._die("Startup"))

    async def _keep_alive(self, probe: Probe, name: str) -> None:
        await self._probe(probe, lambda: None, self._die(name))

    def _die(self, probe: str) -> Callable[[str], None]:
        def failed(message: str) -> None:
            self._tell("Unhealthy", f"{probe} probe failed: {message}", True)
            why = f"Container {self.state.name} failed {probe.lower()} probe, will be restarted"
            self._tell("Killing", why, False)
            raise _Ended(_KILLED, message)

        return failed

    async def _keep_ready(self, probe: Probe) -> None:
        def failed(message: str) -> None:
            self._tell("Unhealthy", f"Readiness probe failed: {message}", True)
            self._set(ready=False)

        await self._probe(probe, lambda: self._set(ready=True), failed)

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

    async def drain(self, seconds: float) -> None:
        """Stop accepting and let requests finish for *seconds*."""
        if self._engine is not None:
            self.log.write("INFO: Shutting down")
            self._set(ready=False)
            await self._engine.server.drain(seconds)
        self.log.close()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
