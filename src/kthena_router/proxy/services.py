"""What the application of a port needs of the rest of the house, handed in at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kthena_router.concurrency.published import Published
from kthena_router.routing.snapshot import Snapshot
from kthena_router.scheduling.scheduler import Scheduler
from kthena_router.settings import Settings
from kthena_router.telemetry.access_log import AccessLog
from kthena_router.telemetry.health import Health
from kthena_router.telemetry.loads import LoadTable
from kthena_router.telemetry.metrics import Metrics
from kthena_router.upstream.pools import Pools


@dataclass(frozen=True, slots=True)
class Services:
    """*draining*: whether answers should ask clients to connect anew. *dice*: uniform in [0, 1)."""

    settings: Settings
    snapshots: Published[Snapshot]
    pools: Pools
    scheduler: Scheduler
    loads: LoadTable
    metrics: Metrics
    access_log: AccessLog
    health: Health
    draining: Callable[[], bool]
    dice: Callable[[], float]
    new_request_id: Callable[[], str]
    wall_clock: Callable[[], datetime]
