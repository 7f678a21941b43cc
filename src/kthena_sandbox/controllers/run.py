"""All controllers in one nursery over shared mirrors."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.deployments import Deployments
from kthena_sandbox.controllers.garbage import GarbageCollector
from kthena_sandbox.controllers.namespaces import Namespaces
from kthena_sandbox.controllers.replicasets import ReplicaSets
from kthena_sandbox.controllers.serviceaccounts import ServiceAccounts
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import (
    DEFINITIONS,
    DEPLOYMENTS,
    NAMESPACES,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
)
from kthena_sandbox.mirror import Mirror


class _Runner(Protocol):
    async def run(self) -> None:
        """Until cancelled."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


async def run_controllers(
    client: Client,
    pods: Mirror,
    wall_clock: Callable[[], datetime] = utc_now,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run until cancelled; started when everything has been listed. *pods* is run by the caller."""
    kinds = (DEPLOYMENTS, REPLICA_SETS, NAMESPACES, DEFINITIONS, SERVICE_ACCOUNTS)
    mirrors = tuple(Mirror(client, kind) for kind in kinds)
    deployments, replica_sets, namespaces, definitions, accounts = mirrors
    own = EventRecorder(client, "deployment-controller", wall_clock)
    theirs = EventRecorder(client, "replicaset-controller", wall_clock)
    loops: tuple[_Runner, ...] = (
        Deployments(
            client, deployments, replica_sets, pods, events=own, wall_clock=wall_clock
        ).loop,
        ReplicaSets(client, replica_sets, pods, events=theirs, wall_clock=wall_clock).loop,
        Namespaces(client, namespaces, wall_clock).loop,
        ServiceAccounts(client, namespaces, accounts).loop,
        GarbageCollector(client, definitions),
    )
    async with trio.open_nursery() as nursery:
        for runner in (own, theirs, *loops, *mirrors):
            nursery.start_soon(runner.run)
        for mirror in (*mirrors, pods):
            await mirror.synced.wait()
        task_status.started()
