"""The nursery tree, and the only place where the rooms meet: what is used stands outside, its users inside.

plumbing      management and metrics servers, control plane, pools; ends when traffic has drained
└─ traffic    the listener manager, a server for each port, a task for each connection and request
"""

import gc
import logging
import random
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import trio

from kthena_router.admin.management_app import management_app
from kthena_router.admin.metrics_app import metrics_app
from kthena_router.concurrency.published import Published
from kthena_router.concurrency.readiness import Readiness, ReadinessClock
from kthena_router.kube.api_client import open_kube_api
from kthena_router.kube.client import NoCluster
from kthena_router.kube.control_plane import ControlPlane
from kthena_router.listeners.asgi import ASGIApp
from kthena_router.listeners.descriptors import raise_descriptor_limit
from kthena_router.listeners.manager import ListenerManager, server_opener
from kthena_router.listeners.server import PortServer
from kthena_router.listeners.sockets import PortUnavailable, bind
from kthena_router.listeners.tls import BadCertificate
from kthena_router.proxy.app import RouterApp
from kthena_router.proxy.services import Services
from kthena_router.routing.gateways import PortStates
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Snapshot
from kthena_router.scheduling.scheduler import LeastInFlight
from kthena_router.settings import ClientLimits, Settings
from kthena_router.telemetry.access_log import AccessLog
from kthena_router.telemetry.health import Health
from kthena_router.telemetry.loads import LoadTable
from kthena_router.telemetry.metrics import Metrics
from kthena_router.telemetry.refusals import Refusals
from kthena_router.upstream.pools import Pools

log = logging.getLogger("kthena_router")

FIRST_SYNC = "the first listing of all resources"
PORTS_BOUND = "the ports of the first configuration"
OPERATORS_DRAIN_SECONDS = 15.0
# What an operator can mend; anything else is a bug and shows its traceback.
EXPECTED = (NoCluster, PortUnavailable, BadCertificate, OSError)


def main(settings: Settings) -> int:
    """Run until a signal ends it, and return the exit code: 0 after a drain, 1 for what an operator has to mend."""
    raise_descriptor_limit()
    failures: list[Exception] = []
    try:
        trio.run(run, settings, clock=ReadinessClock())
    except* EXPECTED as errors:
        failures.extend(_leaves(errors))
    for failure in failures:
        log.error("%s", failure)
    return 1 if failures else 0


def _leaves(errors: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in errors.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


class Rooms:
    """Everything that lives as long as the daemon."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.draining = False
        self.health = Health()
        self.health.require(FIRST_SYNC)
        self.health.require(PORTS_BOUND)
        self.metrics = Metrics()
        self.snapshots: Published[Snapshot] = Published(EMPTY_SNAPSHOT)
        self.ports: Published[PortStates] = Published({})
        self.readiness = Readiness()
        self.pools = Pools(
            connect_timeout=settings.connect_timeout,
            idle_timeout=settings.idle_timeout,
            readiness=self.readiness,
        )
        self.services = Services(
            settings=settings,
            snapshots=self.snapshots,
            pools=self.pools,
            scheduler=LeastInFlight(),
            loads=LoadTable(),
            metrics=self.metrics,
            access_log=AccessLog(settings.access_log),
            health=self.health,
            draining=lambda: self.draining,
            dice=random.random,
            new_request_id=new_request_id,
            wall_clock=lambda: datetime.now(UTC),
        )
        refusals = Refusals(self.metrics, self.services.access_log, self.services.wall_clock)
        opener = server_opener(self.make_app, settings, self.readiness, refusals.note)
        self.listeners = ListenerManager(opener, self.snapshots, self.ports, settings)

    def make_app(self, port: int) -> ASGIApp:
        """Return the application of *port*."""
        return RouterApp(port, self.services, default=port == self.settings.port)

    async def drop_unused_pools(self) -> None:
        """Follow the snapshots: connections to endpoints that are gone are closed."""
        snapshot = self.snapshots.value
        while True:
            snapshot = await self.snapshots.wait_newer(snapshot)
            self.pools.retain(snapshot.endpoints)

    async def become_ready(self, control_plane: ControlPlane) -> None:
        """Note the first configuration, and that its ports are open or reported."""
        await control_plane.synced.wait()
        self.health.satisfy(FIRST_SYNC)
        await control_plane.wait_settled()
        await self.listeners.wait_carried_out()
        # What is here now stays. Full collections of garbage, which hold everybody, need not look at it: with 200 streams
        # the longest takes 46 ms of CPU in place of 91.
        gc.collect()
        gc.freeze()
        # Requests make objects and drop them in equal numbers; with the default of 700 between two looks at the young ones, the
        # collector takes 4 % of the CPU.
        gc.set_threshold(20_000, 20, 20)
        self.health.satisfy(PORTS_BOUND)


async def run(settings: Settings) -> None:
    """Open the rooms, serve until the first signal, drain, and close the rooms again."""
    rooms = Rooms(settings)
    async with trio.open_nursery() as plumbing:
        draining = await plumbing.start(
            watch_signals, plumbing.cancel_scope, rooms.listeners.cut_all
        )
        plumbing.start_soon(rooms.readiness.run)
        plumbing.start_soon(rooms.services.access_log.run)
        await _start_operators_servers(rooms, plumbing)
        async with trio.open_nursery() as traffic:
            await traffic.start(rooms.listeners.run, traffic)
            plumbing.start_soon(rooms.pools.run)
            plumbing.start_soon(rooms.drop_unused_pools)
            plumbing.start_soon(rooms.metrics.run, rooms.snapshots)
            plumbing.start_soon(_follow_cluster, rooms, draining)
            await draining.wait()
            rooms.health.not_ready("draining")
            rooms.draining = True
            await trio.sleep(settings.shutdown_delay)  # until load balancers have noticed
            rooms.listeners.stop_all()
        log.info("drained")
        plumbing.cancel_scope.cancel(reason="traffic has drained")


async def _follow_cluster(rooms: Rooms, draining: trio.Event) -> None:
    """Keep the snapshot as the cluster has it, and until *draining* tell the cluster what became of it."""
    async with open_kube_api(rooms.settings.cluster) as api, trio.open_nursery() as nursery:
        control_plane = ControlPlane(
            api,
            rooms.settings,
            rooms.snapshots,
            rooms.ports,
            addresses=gateway_addresses(rooms.settings),
            wall_clock=rooms.services.wall_clock,
        )
        nursery.start_soon(rooms.become_ready, control_plane)
        nursery.start_soon(control_plane.run)
        await draining.wait()
        control_plane.step_aside()


async def _start_operators_servers(rooms: Rooms, plumbing: trio.Nursery) -> None:
    """Serve probes and metrics from the first second, and until traffic has drained."""
    settings = rooms.settings
    for port, app in (
        (settings.management_port, management_app(rooms.health)),
        (settings.metrics_port, metrics_app(rooms.metrics.render)),
    ):
        sockets = bind(settings.bind_address, port, stall_timeout=settings.stall_timeout)
        server = PortServer(
            app,
            sockets,
            drain_timeout=OPERATORS_DRAIN_SECONDS,
            readiness=rooms.readiness,
            limits=ClientLimits(http1=settings.client_limits.http1),
        )
        await plumbing.start(server.run)


async def watch_signals(
    everything: trio.CancelScope,
    cut: Callable[[], None],
    *,
    task_status: trio.TaskStatus[trio.Event] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hand out an event that the first signal sets; the second one ends everything at once."""
    first = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started(first)
        async for number in signals:
            name = signal.Signals(number).name
            if first.is_set():
                log.warning("%s again: ending now", name)
                cut()
                everything.cancel(reason="second signal")
                return
            log.info("%s: draining", name)
            first.set()


def new_request_id() -> str:
    """Return a random UUID of version 4 (RFC 9562 5.4), in half the time that the library takes."""
    digits = f"{random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def gateway_addresses(settings: Settings) -> tuple[str, ...]:
    """Return the addresses that Gateway status shows: what was set, the bind address, or the one that leads outside."""
    if settings.gateway_address:
        return (settings.gateway_address,)
    if settings.bind_address not in {"", "::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        return (settings.bind_address,)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # RFC 5737; a datagram socket sends nothing when it connects
        except OSError:
            return ("127.0.0.1",)
        return (str(probe.getsockname()[0]),)
