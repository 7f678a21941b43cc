"""Keeps the listening sockets of all Services as their ports, types and endpoints change, like kube-proxy."""

import os

import trio

from kthena_sandbox.controllers.endpoints_plan import service_of
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.datagrams import bind_datagrams
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.httpd.server import bind
from kthena_sandbox.kinds import Document, Key, is_leaving, key_of
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.services.datagrams import DatagramForwarder
from kthena_sandbox.services.forwarding import Forwarder
from kthena_sandbox.services.frontends import Frontend, Route, routes_of, unforwarded

_AGAIN_SECONDS = 2.0


class ServiceProxy:
    """Follows the mirrors of Services and EndpointSlices, which the caller runs."""

    def __init__(self, services: Mirror, slices: Mirror, events: EventRecorder) -> None:
        self._services = services
        self._slices = slices
        self._events = events
        self._open: dict[Key, dict[Frontend, Forwarder | DatagramForwarder]] = {}
        self._told: dict[Key, set[str]] = {}
        self._nursery: trio.Nursery | None = None
        self._loop: Reconciler[Key] = Reconciler("serviceproxy", self._reconcile)
        services.subscribe(self._service_changed)
        slices.subscribe(self._slice_changed)

    def _service_changed(self, before: Document | None, after: Document | None) -> None:
        self._loop.add(key_of(after or before or {}))

    def _slice_changed(self, before: Document | None, after: Document | None) -> None:
        for document in filter(None, (before, after)):
            if name := service_of(document):
                self._loop.add(Key(document["metadata"]["namespace"], name))

    async def run(self) -> None:
        """Forward until cancelled."""
        async with trio.open_nursery() as self._nursery:
            try:
                await self._loop.run()
            finally:
                for forwarders in self._open.values():
                    for forwarder in forwarders.values():
                        forwarder.close()

    async def _reconcile(self, key: Key) -> float | None:
        if not (self._services.synced.is_set() and self._slices.synced.is_set()):
            return 0.05
        service = self._services.objects.get(key)
        wanted: dict[Frontend, Route] = {}
        if service is not None and not is_leaving(service):
            wanted = routes_of(service, self._slices_of(key))
        forwarders = self._open.setdefault(key, {})
        for frontend in set(forwarders) - set(wanted):
            forwarders.pop(frontend).close()
        problems = set() if service is None else set(unforwarded(service))
        taken = self._listen(forwarders, wanted)
        self._tell(key, service, problems | taken)
        if not forwarders:
            del self._open[key]
        return _AGAIN_SECONDS if taken else None

    def _listen(
        self, forwarders: dict[Frontend, Forwarder | DatagramForwarder],
        wanted: dict[Frontend, Route],
    ) -> set[str]:  # fmt: skip
        """Open what is missing; what could not be had, in words."""
        problems = set()
        for frontend, route in wanted.items():
            if frontend in forwarders:
                forwarders[frontend].turns.route = route
                continue
            try:
                forwarder = _forwarder(frontend, route)
            except OSError as error:
                problems.add(_problem(frontend, route, error))
                continue
            forwarders[frontend] = forwarder
            assert self._nursery is not None  # noqa: S101  reconciled only while it runs
            self._nursery.start_soon(forwarder.run, self._nursery)
        return problems

    def _tell(self, key: Key, service: Document | None, problems: set[str]) -> None:
        """An Event for every problem that is new."""
        known = self._told.pop(key, set())
        if service is None or not problems:
            return
        for text in sorted(problems - known):
            self._events.tell(service, "PortNotForwarded", text, "Warning")
        self._told[key] = problems

    def _slices_of(self, key: Key) -> list[Document]:
        found = [
            entry for entry in self._slices.objects.values()
            if service_of(entry) == key.name and entry["metadata"]["namespace"] == key.namespace
        ]  # fmt: skip
        return sorted(found, key=lambda entry: str(entry["metadata"]["name"]))


def _forwarder(frontend: Frontend, route: Route) -> Forwarder | DatagramForwarder:
    """With its socket bound. Raises OSError."""
    host, port, protocol = frontend
    if protocol == "UDP":
        return DatagramForwarder(bind_datagrams(host, port), route)
    return Forwarder(bind(host, port), route)


def _problem(frontend: Frontend, route: Route, error: OSError) -> str:
    hint = ""
    if isinstance(error, PermissionError):
        hint = "; ports below 1024 need the setting net.ipv4.ip_unprivileged_port_start=0"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"port {route.port}: cannot listen on {frontend}: {reason}{hint}"
