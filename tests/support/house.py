"""The real application, server and transport, with mock engines behind them, over loopback sockets."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import trio
from tests.support.build import (
    from_all,
    listener,
    make_gateway,
    make_gateway_class,
    make_model_route,
    make_model_server,
    make_objects,
    make_pod,
)
from tests.support.http1 import LIMITS
from tests.support.upstream import until

from kthena_router.concurrency.published import Published
from kthena_router.listeners.connection_limits import ConnectionLimits
from kthena_router.listeners.server import PortServer
from kthena_router.listeners.sockets import bind
from kthena_router.proxy.app import RouterApp
from kthena_router.proxy.services import Services
from kthena_router.routing.snapshot import RoutingOptions, Snapshot, compile_snapshot
from kthena_router.scheduling.scheduler import LeastInFlight
from kthena_router.settings import AccessLogSettings, ClientLimits, Settings
from kthena_router.telemetry.access_log import AccessLog
from kthena_router.telemetry.health import Health
from kthena_router.telemetry.loads import LoadTable
from kthena_router.telemetry.metrics import Metrics
from kthena_router.telemetry.refusals import Refusals
from kthena_router.upstream.pools import Pools
from kthena_sandbox.engine.engine import Engine
from kthena_sandbox.engine.settings import EngineSettings

REAL_MODEL = "real-model"


class Lines:
    """Collects what the access log writes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str, /) -> None:
        self.lines.append(text)

    def flush(self) -> None:
        pass


class House:
    """A router with one Gateway `default` on port 8080 (by name; the socket is a free one) and its engines."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.snapshots: Published[Snapshot] = Published(Snapshot())
        self.pools = Pools(
            connect_timeout=settings.connect_timeout, idle_timeout=settings.idle_timeout
        )
        self.loads = LoadTable()
        self.metrics = Metrics()
        self.log = Lines()
        self.health = Health()
        self.draining = False
        self.engines: list[Engine] = []
        self.server: PortServer
        self.services = Services(
            settings=settings,
            snapshots=self.snapshots,
            pools=self.pools,
            scheduler=LeastInFlight(),
            loads=self.loads,
            metrics=self.metrics,
            access_log=AccessLog(AccessLogSettings(), self.log),
            health=self.health,
            draining=lambda: self.draining,
            dice=lambda: 0.0,
            new_request_id=lambda: "made-here",
            wall_clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60)

    def stats(self, index: int = 0) -> dict[str, Any]:
        return self.engines[index].state.observed.document()

    def asked(self, index: int = 0) -> int:
        """Return how many completions an engine was asked for."""
        return int(self.stats(index)["requests"].get("/v1/completions", 0))

    async def logged(self) -> str:
        """Return the first line of the access log; it is written when the answer is out."""
        await until(lambda: bool(self.log.lines))
        return self.log.lines[0]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of all series of *name* that carry *labels*."""
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"kthena_router_{name}" and labels.items() <= sample.labels.items()
        )

    def serve(
        self,
        ports: Iterable[int],
        *,
        route: dict[str, Any] | None = None,
        hostname: str | None = None,
        **server: Any,
    ) -> None:
        """Publish a configuration with one pod for each of *ports*, an engine's or any other."""
        numbers = list(ports)
        names = [f"pod-{index}" for index in range(len(numbers))]
        named: dict[str, Any] = {"hostname": hostname} if hostname else {}
        objects = [
            make_gateway_class(),
            make_gateway(listeners=[listener(**from_all(), **named)]),
            make_model_server(**{"model": REAL_MODEL, **server}),
            make_model_route(**{"parents": [{"name": "default"}], **(route or {})}),
            *(make_pod(name, labels={"app": "server"}, address="127.0.0.1") for name in names),
        ]
        options = RoutingOptions(gateway_api=True, default_port=8080)
        snapshot = compile_snapshot(make_objects(*objects), options)
        self.snapshots.publish(_with_ports(snapshot, dict(zip(names, numbers, strict=True))))

    async def post(self, path: str = "/v1/completions", **body: Any) -> httpx.Response:
        headers = body.pop("headers", {})
        async with self.client as client:
            return await client.post(
                path, json={"model": "m", "prompt": "hi", **body}, headers=headers
            )


def _with_ports(snapshot: Snapshot, ports: dict[str, int]) -> Snapshot:
    """Pods of a test share an address, so each gets a port of its own."""
    for route in snapshot.routes.values():
        for rule in route.rules:
            for one in rule.targets:
                moved = tuple(
                    type(e)(e.uid, e.namespace, e.name, e.address, ports[e.name])
                    for e in one.backend.endpoints
                )
                object.__setattr__(one.backend, "endpoints", moved)
    return snapshot


@asynccontextmanager
async def open_house(
    engines: int = 1,
    *,
    engine: dict[str, Any] | None = None,
    limits: ClientLimits = LIMITS,
    **settings: Any,
) -> AsyncIterator[House]:
    """Run a router with as many engines; everything has ended when the block has."""
    house = House(Settings(gateway_api=True, **settings))
    async with trio.open_nursery() as nursery:
        ports = []
        for _ in range(engines):
            one = Engine(
                EngineSettings(models=(REAL_MODEL,), root=REAL_MODEL, port=0, **(engine or {}))
            )
            ports.append((await nursery.start(one.run)).port)
            house.engines.append(one)
        house.serve(ports)
        app = RouterApp(8080, house.services, default=True)
        sockets = bind("127.0.0.1", 0, stall_timeout=60)
        services = house.services
        refusals = Refusals(house.metrics, services.access_log, services.wall_clock)
        house.server = PortServer(
            app,
            sockets,
            drain_timeout=1,
            limits=limits,
            connections=ConnectionLimits(limits.connections),
            refused=refusals.note,
        )
        await nursery.start(house.server.run)
        try:
            yield house
        finally:
            house.server.cut()
            await house.pools.aclose()
            nursery.cancel_scope.cancel()
