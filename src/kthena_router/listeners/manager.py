"""The ports that the snapshot wants against the ports that are open."""

import logging
import random
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import trio

from kthena_router.concurrency.published import Published
from kthena_router.concurrency.readiness import Readiness
from kthena_router.concurrency.supervision import Backoff
from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.connection_limits import ConnectionLimits
from kthena_router.listeners.port import Port, Server
from kthena_router.listeners.server import PortServer
from kthena_router.listeners.sockets import bind
from kthena_router.listeners.tls import load_tls
from kthena_router.routing.gateways import PortState, PortStates
from kthena_router.routing.snapshot import Snapshot
from kthena_router.settings import Settings
from kthena_router.telemetry.refusals import Refused, not_noted

log = logging.getLogger(__name__)

RETRY = Backoff(base=0.5, ceiling=10.0)


class ListenerManager:
    """Has one server for each port: the default port from start to end, any other while a listener wants it.

    Which Gateway, hostname or route a request belongs to is looked up for each request, so none of them touches a
    socket. What is open and what is not, and why, is published as PortStates. *open_server* binds or raises
    PortUnavailable.
    """

    def __init__(
        self,
        open_server: Callable[[int], Server],
        snapshots: Published[Snapshot],
        ports: Published[PortStates],
        settings: Settings,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._open_server = open_server
        self._snapshots = snapshots
        self._states = ports
        self._default_port = settings.port
        # Without Gateway API there is no status that could say that the port is taken.
        self._default_port_required = not settings.gateway_api
        self._chance = chance
        self._wanted: dict[int, Port] = {}
        self._alive: set[Port] = set()  # with those that are closed and drain
        self._carried_out: Published[Snapshot | None] = Published(None)
        self._managing = trio.CancelScope()

    async def run(
        self,
        traffic: trio.Nursery,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Open and close ports, with their servers in *traffic*, until `stop_all`; started when the default port was tried.

        Raises PortUnavailable when the default port is required and cannot be bound at the start.
        """
        with self._managing:
            default = await self._open(self._default_port, traffic)
            if self._default_port_required and default.failure is not None:
                self.stop_all()
                raise default.failure
            task_status.started()
            await self._follow_snapshots(traffic)

    async def wait_carried_out(self) -> None:
        """Return when every port of the current snapshot is open or reported, and no other is open."""
        while (done := self._carried_out.value) is not self._snapshots.value:
            await self._carried_out.wait_newer(done)

    def stop_all(self) -> None:
        """Refuse new connections on all ports; the servers end with their last requests, or at the drain time-out.

        What is published stays: with a rolling update the next router has these ports open already.
        """
        self._managing.cancel()
        for port in self._alive:
            port.close()

    def cut_all(self) -> None:
        """Stop, and end all connections now."""
        self._managing.cancel()
        for port in self._alive:
            port.cut()

    async def _follow_snapshots(self, traffic: trio.Nursery) -> None:
        snapshot = self._snapshots.value
        while True:
            wanted = snapshot.ports | {self._default_port}
            opening, closing = plan_ports(wanted, self._wanted)
            for number in closing:
                self._close(number)
            for number in opening:
                await self._open(number, traffic)
            self._carried_out.publish(snapshot)
            snapshot = await self._snapshots.wait_newer(snapshot)

    async def _open(self, number: int, traffic: trio.Nursery) -> Port:
        port = Port(
            number, self._open_server, report=self._note, backoff=RETRY, chance=self._chance
        )
        self._wanted[number] = port
        self._alive.add(port)
        traffic.start_soon(self._keep, port)
        await port.attempted.wait()
        return port

    async def _keep(self, port: Port) -> None:
        try:
            await port.run()
        finally:
            self._alive.discard(port)

    def _close(self, number: int) -> None:
        log.info("port %d: closed, no listener wants it", number)
        self._wanted.pop(number).close()
        self._publish({port: state for port, state in self._states.value.items() if port != number})

    def _note(self, port: Port, state: PortState) -> None:
        if self._wanted.get(port.number) is port:  # a closed one that still drains has no say
            if state.open:
                log.info("port %d: open", port.number)
            self._publish({**self._states.value, port.number: state})

    def _publish(self, states: Mapping[int, PortState]) -> None:
        self._states.publish(MappingProxyType(states))


def plan_ports(
    wanted: Collection[int], running: Collection[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ports to open and the ports to close, in ascending order."""
    return tuple(sorted(set(wanted) - set(running))), tuple(sorted(set(running) - set(wanted)))


def server_opener(
    make_app: Callable[[int], ASGIApp],
    settings: Settings,
    readiness: Readiness,
    refused: Refused = not_noted,
) -> Callable[[int], PortServer]:
    """Return what binds a port and makes its server; raise BadCertificate. TLS is for the default port only.

    Clients wait at *readiness*; *refused* is told of what no application is asked.
    """
    tls = load_tls(settings.tls_cert, settings.tls_key) if settings.tls_cert else None

    limits = settings.client_limits
    connections = ConnectionLimits(limits.connections, limits.connections_per_client)

    def open_server(port: int) -> PortServer:
        sockets = bind(settings.bind_address, port, stall_timeout=settings.stall_timeout)
        return PortServer(
            make_app(port),
            sockets,
            drain_timeout=settings.drain_timeout,
            stall_timeout=settings.stall_timeout,
            tls=tls if port == settings.port else None,
            readiness=readiness,
            limits=settings.client_limits,
            connections=connections,
            refused=refused,
        )

    return open_server
