"""All controllers in one nursery over shared mirrors."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.apiendpoints import ApiEndpoints
from kthena_sandbox.controllers.budgets import Budgets
from kthena_sandbox.controllers.daemonsets import DaemonSets
from kthena_sandbox.controllers.deployments import Deployments
from kthena_sandbox.controllers.endpointslices import Endpoints
from kthena_sandbox.controllers.garbage import GarbageCollector
from kthena_sandbox.controllers.jobs import Jobs
from kthena_sandbox.controllers.namespaces import Namespaces
from kthena_sandbox.controllers.replicasets import ReplicaSets
from kthena_sandbox.controllers.rootca import RootCertificates
from kthena_sandbox.controllers.serviceaccounts import ServiceAccounts
from kthena_sandbox.controllers.statefulsets import StatefulSets
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import (
    BUDGETS,
    CONFIG_MAPS,
    DAEMON_SETS,
    DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    JOBS,
    NAMESPACES,
    NODES,
    REPLICA_SETS,
    REVISIONS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
    Kind,
)
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.services.loadbalancers import LoadBalancers
from kthena_sandbox.services.serviceproxy import ServiceProxy

_COMPONENTS = (
    "deployment-controller", "replicaset-controller", "statefulset-controller",
    "daemonset-controller", "job-controller", "service-controller", "kube-proxy",
)  # fmt: skip
_Mirrors = Mapping[Kind, Mirror]
_Recorders = Mapping[str, EventRecorder]


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
    kinds = (
        DEPLOYMENTS, REPLICA_SETS, NAMESPACES, DEFINITIONS, SERVICE_ACCOUNTS, SERVICES,
        ENDPOINT_SLICES, ENDPOINTS, NODES, STATEFUL_SETS, DAEMON_SETS, REVISIONS, JOBS,
        BUDGETS,
    )  # fmt: skip
    mirrors = {kind: Mirror(client, kind) for kind in kinds}
    mirrors[CONFIG_MAPS] = Mirror(client, CONFIG_MAPS, metadata_only=True)
    recorders = {name: EventRecorder(client, name, wall_clock) for name in _COMPONENTS}
    async with trio.open_nursery() as nursery:
        loops = (
            *_workloads(client, mirrors, pods, recorders, wall_clock),
            *_network(client, mirrors, pods, recorders),
            Namespaces(client, mirrors[NAMESPACES], wall_clock).loop,
            ServiceAccounts(client, mirrors[NAMESPACES], mirrors[SERVICE_ACCOUNTS]).loop,
            RootCertificates(client, mirrors[NAMESPACES], mirrors[CONFIG_MAPS]).loop,
            GarbageCollector(client, mirrors[DEFINITIONS]),
        )
        for runner in (*recorders.values(), *loops, *mirrors.values()):
            nursery.start_soon(runner.run)
        for mirror in (*mirrors.values(), pods):
            await mirror.synced.wait()
        task_status.started()


def _workloads(
    client: Client,
    mirrors: _Mirrors,
    pods: Mirror,
    recorders: _Recorders,
    wall_clock: Callable[[], datetime],
) -> Iterator[_Runner]:
    yield Deployments(
        client, mirrors[DEPLOYMENTS], mirrors[REPLICA_SETS], pods,
        events=recorders["deployment-controller"], wall_clock=wall_clock,
    ).loop  # fmt: skip
    yield ReplicaSets(
        client, mirrors[REPLICA_SETS], pods,
        events=recorders["replicaset-controller"], wall_clock=wall_clock,
    ).loop  # fmt: skip
    others = (
        (StatefulSets, "statefulset-controller"),
        (DaemonSets, "daemonset-controller"),
        (Jobs, "job-controller"),
    )
    for make, component in others:
        events = recorders[component]
        yield make(client, mirrors, pods, events=events, wall_clock=wall_clock).loop
    yield Budgets(client, mirrors, pods, wall_clock).loop


def _network(
    client: Client, mirrors: _Mirrors, pods: Mirror, recorders: _Recorders
) -> Iterator[_Runner]:
    services, slices = mirrors[SERVICES], mirrors[ENDPOINT_SLICES]
    yield ApiEndpoints(client).loop
    yield Endpoints(client, mirrors, pods).loop
    yield LoadBalancers(client, services, recorders["service-controller"]).loop
    yield ServiceProxy(services, slices, recorders["kube-proxy"])
