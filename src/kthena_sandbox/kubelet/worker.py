"""One pod on the node, from its address to its end."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from ipaddress import ip_address

import trio

from kthena_sandbox.client import ApiAway, ApiError, Client
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import PODS, Document, key_of, uid_of
from kthena_sandbox.kubelet import images
from kthena_sandbox.kubelet.addresses import ANNOTATION, AddressPool, NoAddress
from kthena_sandbox.kubelet.claimfolders import ClaimFolders
from kthena_sandbox.kubelet.containers import Container
from kthena_sandbox.kubelet.deadline import EXPIRED, Deadline
from kthena_sandbox.kubelet.initials import run_in_order, stop_sidecars
from kthena_sandbox.kubelet.podstatus import ContainerState, status_of
from kthena_sandbox.kubelet.podvolumes import PodVolumes
from kthena_sandbox.kubelet.runtime import Runtime
from kthena_sandbox.kubelet.tokens import PodTokens
from kthena_sandbox.kubelet.unapplied import check_user, unapplied
from kthena_sandbox.kubelet.workloads import Workload
from kthena_sandbox.mirror import Mirror

FINISHED = {"Succeeded", "Failed"}  # phases in which nothing runs any more
_AWAY_PAUSE = 0.3
_ADDRESS_PAUSE = 5.0


def wanted_address(pod: Document) -> str:
    """The address that the author gave the pod, "" without one."""
    return str((pod["metadata"].get("annotations") or {}).get(ANNOTATION, ""))


def is_address(text: str) -> bool:
    """Whether a text is an address of IP."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def ports_of(pod: Document) -> list[int]:
    """The ports that its containers declare."""
    containers = pod["spec"]["containers"]
    return [
        entry["containerPort"] for container in containers for entry in container.get("ports") or []
    ]


class PodWorker:
    """Runs the pod's containers and writes its status; `pod` is its newest state."""

    def __init__(
        self, pod: Document, client: Client, mirror: Mirror, addresses: AddressPool, *,
        runtime: Runtime, events: EventRecorder, wall_clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.pod = pod
        self.containers: list[Container] = []
        self._initial: list[Container] = []
        self._moved = trio.Event()
        self._images_changed: list[trio.Event] = []
        self._client = client
        self._mirror = mirror
        self._addresses = addresses
        self._runtime = runtime
        self._events = events
        self._wall_clock = wall_clock
        self._volumes = PodVolumes(
            runtime.host.folder_of(pod), runtime.sources, PodTokens(client, wall_clock),
            pod, self._tell, claims=ClaimFolders(client),
        )  # fmt: skip
        self._address = ""
        self._started = wall_clock()
        self._deadline = Deadline(pod, self._started, wall_clock)
        self._expired = False
        self._address_changed = trio.Event()
        self._news = trio.Event()
        self._written: Document = {}
        self._scope = trio.CancelScope()
        self._ending: float | None = None
        self._end_asked = trio.Event()

    @property
    def uid(self) -> str:
        """Which pod it is."""
        return uid_of(self.pod)

    def update(self, pod: Document) -> None:
        """Take over the pod's newest state; one on its way out is ended."""
        if wanted_address(pod) != wanted_address(self.pod) and not self._expired:
            self._address_changed.set()
        self.pod = pod
        self._volumes.pod_changed(pod)
        self._deadline.update(pod)
        grace = pod["metadata"].get("deletionGracePeriodSeconds")
        if grace is not None and (self._ending is None or grace < self._ending):
            self._ending = float(grace)
            self._end_asked.set()
        for container, document, changed in zip(
            self.containers, pod["spec"]["containers"], self._images_changed, strict=False
        ):
            if container.state.image != document["image"] and not container.finished:
                changed.set()
        self._changed()

    def cancel(self) -> None:
        """The pod is gone: stop at once."""
        self._scope.cancel()

    @property
    def all_containers(self) -> list[Container]:
        """Those that come first, and the others."""
        return [*self._initial, *self.containers]

    def _changed(self) -> None:
        self._news.set()
        self._moved.set()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of the containers."""
        while not holds():
            self._moved = trio.Event()
            await self._moved.wait()

    async def run(self) -> None:
        """Run the pod until it is cancelled, or until it has ended and been let go."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_status)
                nursery.start_soon(self._run_where_it_is)
                await self._end_asked.wait()
                await self._stop()
                nursery.cancel_scope.cancel()
            await self._let_go()

    async def _run_where_it_is(self) -> None:
        """Run the containers, and others in their place when the author gives the pod another address."""
        while True:
            self._address_changed = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_until_deadline)
                await self._address_changed.wait()
                await self._stop_containers(self._grace())
                nursery.cancel_scope.cancel()
            self._address = ""
            self._addresses.give_back(self.uid)

    async def _run_until_deadline(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_containers)
            await self._deadline.wait()
            if (self.pod.get("status") or {}).get("phase") in FINISHED:
                return
            self._tell(EXPIRED["reason"], EXPIRED["message"], True)
            await self._stop_containers(self._grace())
            nursery.cancel_scope.cancel()
        for container in self.all_containers:
            container.cut()
        self._expired = True
        self._changed()

    async def _run_containers(self) -> None:
        static = wanted_address(self.pod)
        if static and not is_address(static):
            self._make_containers()
            for container in self.containers:
                container.refuse_address(static, ANNOTATION)
            return
        await self._take_address(static)
        self._make_containers()
        self._changed()
        async with trio.open_nursery() as nursery:
            if not static:
                self._tell_unapplied()
            if not static and self.pod["spec"].get("volumes"):
                await nursery.start(self._volumes.run, self._address)
            run = partial(self._run_as, static=static, initial=True)
            if not await run_in_order(self._initial, run, self._until, nursery):
                return
            for index in range(len(self.containers)):
                nursery.start_soon(self._run_container, index, static)
            await self._until(lambda: all(entry.finished for entry in self.containers))
            if self._ending is None:
                await stop_sidecars(self._initial, self._grace())

    def _grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _tell_unapplied(self) -> None:
        if fields := unapplied(self.pod):
            why = f"The sandbox runs processes of this machine, and does not apply: {', '.join(fields)}"
            self._tell("NotApplied", why, True)
        if missing := self._volumes.unsupported():
            why = f"The sandbox has no such volumes, and the pod runs without: {', '.join(missing)}"
            self._tell("NotMounted", why, True)

    def _make_containers(self) -> None:
        documents = self.pod["spec"]["containers"]
        self.containers = [self._container(entry) for entry in documents]
        self._images_changed = [trio.Event() for _ in documents]
        first = self.pod["spec"].get("initContainers") or []
        self._initial = [self._container(entry, initial=True) for entry in first]
        if first:
            for container in [*self._initial[1:], *self.containers]:
                container.wait_for_initials()

    async def _run_container(self, index: int, static: str) -> None:
        """Run a container, and another one in its place whenever it gets another image."""
        while True:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._run_as, self.containers[index], static)
                await self._images_changed[index].wait()
                await self._replace(index)
                nursery.cancel_scope.cancel()

    async def _run_as(self, container: Container, static: str, *, initial: bool = False) -> None:
        documents = self.pod["spec"]["containers"]
        known = any(images.program_of(entry["image"]) is not None for entry in documents)
        if images.program_of(container.state.image) is not None:
            await container.run_known(self._make)
        elif static and initial and not container.is_sidecar:
            container.leave_out()
        elif static and (initial or not known):
            await container.run_static()
        else:
            container.refuse_image(ANNOTATION)

    async def _make(self, document: Document, say: Callable[[str], None]) -> Workload:
        check_user(document, self.pod)
        return await self._runtime.make(document, self.pod, self._address, say)

    async def _replace(self, index: int) -> None:
        """Stop a container whose image is no longer that of the pod, and make its successor."""
        self._images_changed[index] = trio.Event()
        before = self.containers[index]
        if before.state.running is not None:
            why = f"Container {before.state.name} definition changed, will be restarted"
            self._tell("Killing", why, False)
            await before.stop(self._grace())
        after = self._container(self.pod["spec"]["containers"][index])
        after.previous_log = before.log
        self.containers[index] = after
        self._changed()

    def _container(self, document: Document, *, initial: bool = False) -> Container:
        return Container(
            document, self.pod, self._address,
            wall_clock=self._wall_clock, changed=self._changed, tell=self._tell, initial=initial,
        )  # fmt: skip

    async def _take_address(self, static: str) -> None:
        before = (self.pod.get("status") or {}).get("podIP", "")
        while not self._address:
            try:
                self._address = static or self._addresses.take(self.uid, ports_of(self.pod), before)
            except NoAddress as error:
                self._tell("FailedCreatePodSandBox", str(error), True)
                await trio.sleep(_ADDRESS_PAUSE)

    def _tell(self, reason: str, message: str, is_warning: bool) -> None:
        self._events.tell(self.pod, reason, message, "Warning" if is_warning else "Normal")

    def _states(self, containers: list[Container], field: str) -> list[ContainerState]:
        if containers:
            return [container.state for container in containers]
        documents = self.pod["spec"].get(field) or []
        return [ContainerState(entry["name"], entry["image"]) for entry in documents]

    async def _write_status(self) -> None:
        """Write the status whenever it changes, as soon as the API takes it."""
        while True:
            self._news = trio.Event()
            if not await self._write_once():
                await trio.sleep(_AWAY_PAUSE)
                continue
            await self._news.wait()

    async def _write_once(self) -> bool:
        status = status_of(
            self.pod, self._states(self.containers, "containers"),
            self._states(self._initial, "initContainers"), self._address,
            (self._started, self._wall_clock()),
        ) | (EXPIRED if self._expired else {})  # fmt: skip
        present = self.pod.get("status") or {}
        if all(present.get(name) == value for name, value in status.items()):
            return True
        change = {"metadata": {"uid": self.uid}, "status": status}
        try:
            written = await self._client.patch(PODS, key_of(self.pod), change, "status")
        except ApiAway:
            return False
        except ApiError as error:
            return error.code == 404  # the watch will tell that it is gone
        self._mirror.note(written)
        return True

    async def _stop(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._shorten, nursery.cancel_scope)
            await self._stop_containers(self._ending or 0.0)
            nursery.cancel_scope.cancel()

    async def _stop_containers(self, seconds: float) -> None:
        began = trio.current_time()
        for container in self.all_containers:
            self._tell("Killing", f"Stopping container {container.state.name}", False)
        async with trio.open_nursery() as draining:
            for container in self.all_containers:
                if not container.is_sidecar:
                    draining.start_soon(container.stop, seconds)
        spent = trio.current_time() - began
        await stop_sidecars(self._initial, max(0.0, seconds - spent))

    async def _shorten(self, scope: trio.CancelScope) -> None:
        """End the drain when the grace period becomes zero, as `kubectl delete --now` does."""
        while self._ending:
            self._end_asked = trio.Event()
            await self._end_asked.wait()
        await trio.lowlevel.checkpoint()
        scope.cancel()

    async def _let_go(self) -> None:
        await let_go(self._client, self.pod)


async def let_go(client: Client, pod: Document) -> None:
    """Tell the API that nothing of a pod runs any more; tried again while the API is away."""
    while True:
        try:
            await client.delete(PODS, key_of(pod), uid_of(pod), gracePeriodSeconds=0)
        except ApiAway:
            await trio.sleep(_AWAY_PAUSE)
            continue
        except ApiError as error:
            if error.code in {404, 409}:
                return
            await trio.sleep(_AWAY_PAUSE)
            continue
        return
