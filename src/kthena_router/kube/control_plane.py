"""Everything that goes on between the cluster and the snapshot, in one nursery."""

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime

import trio

from kthena_router.api.kinds import watched_kinds
from kthena_router.concurrency.published import Published
from kthena_router.concurrency.supervision import Backoff, run_forever
from kthena_router.kube.bootstrap import Bootstrap
from kthena_router.kube.client import KubeApi
from kthena_router.kube.compiler import Compiler
from kthena_router.kube.lease import Election
from kthena_router.kube.reflector import Reflector
from kthena_router.kube.status_writer import StatusWriter
from kthena_router.kube.tables import Tables
from kthena_router.routing.gateways import PortStates
from kthena_router.routing.snapshot import RoutingOptions, Snapshot
from kthena_router.settings import Settings

log = logging.getLogger(__name__)

BACKOFF = Backoff(base=1.0, ceiling=30.0)


class ControlPlane:
    """`synced` is set when the first listing of every watched kind is compiled and published."""

    def __init__(
        self,
        api: KubeApi,
        settings: Settings,
        snapshots: Published[Snapshot],
        ports: Published[PortStates],
        *,
        addresses: tuple[str, ...],
        wall_clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        options = RoutingOptions(
            gateway_api=settings.gateway_api,
            default_port=settings.port,
            reserved_ports=settings.reserved_ports,
            addresses=addresses,
            enforce_allowed_routes=settings.model_route_allowed_routes == "enforce",
        )
        tables = Tables(watched_kinds(gateway_api=settings.gateway_api))
        compiler = Compiler(tables, options, snapshots)
        self._election = Election(api, settings.namespace, settings.identity, wall_clock, chance)
        self.synced: trio.Event = compiler.synced
        self._chance = chance
        self._services: list[Callable[[], Awaitable[None]]] = [
            compiler.run,
            *(Reflector(api, table, chance).run for table in tables.by_kind.values()),
            self._election.run,
            StatusWriter(
                api,
                tables,
                compiler,
                snapshots,
                ports,
                options=options,
                wall_clock=wall_clock,
                chance=chance,
                leading=self._election.leading,
            ).run,
        ]
        self._compiler = compiler
        self._bootstrap = Bootstrap(api, tables, settings, chance) if settings.gateway_api else None
        if self._bootstrap is not None:
            self._services.append(self._bootstrap.run)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; trouble with the API is waited out, and the last snapshot stays in force."""
        async with trio.open_nursery() as nursery:
            for service in self._services:
                nursery.start_soon(self._keep_running, service)
            task_status.started()

    async def wait_settled(self) -> None:
        """Return when the first listing is in force, with the GatewayClass and the Gateway that the router makes itself.

        Before its GatewayClass is there no Gateway is the router's. Where they cannot be made it is not waited for them.
        """
        await self.synced.wait()
        if self._bootstrap is not None:
            await self._bootstrap.settled.wait()
            await self._compiler.wait_compiled()

    def step_aside(self) -> None:
        """Leave writing status to another replica: one that drains opens no more ports."""
        self._election.resign()

    async def _keep_running(self, service: Callable[[], Awaitable[None]]) -> None:
        """Run *service* for ever: a bug shows its traceback, but what is served goes on without it."""
        await run_forever(
            service, retry_on=Exception, backoff=BACKOFF, chance=self._chance, on_failure=_show
        )


def _show(errors: BaseExceptionGroup[Exception]) -> None:
    log.error("a fault in the control plane, which starts again", exc_info=errors)
