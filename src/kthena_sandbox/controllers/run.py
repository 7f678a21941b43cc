"""All controllers in one nursery over shared mirrors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.apiendpoints import ApiEndpoints
from kthena_sandbox.controllers.autoscalers import Autoscalers
from kthena_sandbox.controllers.budgets import Budgets
from kthena_sandbox.controllers.cronjobs import CronJobs
from kthena_sandbox.controllers.daemonsets import DaemonSets
from kthena_sandbox.controllers.deployments import Deployments
from kthena_sandbox.controllers.endpointslices import COMPONENT as MIRRORS, Endpoints
from kthena_sandbox.controllers.ephemeralclaims import EphemeralClaims
from kthena_sandbox.controllers.flowschemas import FlowSchemas
from kthena_sandbox.controllers.garbage import GarbageCollector
from kthena_sandbox.controllers.jobs import Jobs
from kthena_sandbox.controllers.namespaces import Namespaces
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.controllers.policystatus import PolicyStatus
from kthena_sandbox.controllers.protection import Protection
from kthena_sandbox.controllers.quotas import Quotas
from kthena_sandbox.controllers.replicasets import ReplicaSets, replication_controllers
from kthena_sandbox.controllers.rootca import RootCertificates
from kthena_sandbox.controllers.serviceaccounts import ServiceAccounts
from kthena_sandbox.controllers.statefulsets import StatefulSets
from kthena_sandbox.controllers.taints import COMPONENT as TAINTS, TaintEvictions
from kthena_sandbox.controllers.tokensecrets import TokenSecrets
from kthena_sandbox.controllers.volume_plan import PROVISIONER
from kthena_sandbox.controllers.volumes import VolumeController
from kthena_sandbox.events import EventRecorder
from kthena_sandbox.kinds import (
    ATTRIBUTES_CLASSES,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    FLOW_SCHEMAS,
    JOBS,
    NAMESPACES,
    NODES,
    POLICIES,
    PRIORITY_LEVELS,
    QUOTAS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    REVISIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUMES,
)
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.services.loadbalancers import LoadBalancers
from kthena_sandbox.services.serviceproxy import ServiceProxy

_COMPONENTS = (
    "controllermanager",
    "deployment-controller", "replicaset-controller", "statefulset-controller",
    "daemonset-controller", "job-controller", "replication-controller", "cronjob-controller",
    "horizontal-pod-autoscaler", "service-controller", "kube-proxy", "persistentvolume-controller",
    PROVISIONER, "ephemeral_volume", TAINTS, MIRRORS,
)  # fmt: skip
_WORKLOADS = (
    Deployments,
    ReplicaSets,
    replication_controllers,
    StatefulSets,
    DaemonSets,
    Jobs,
    CronJobs,
    Autoscalers,
    Budgets,
)
_ACCOUNT_SECONDS = 5.0


class _Runner(Protocol):
    async def run(self) -> None:
        """Until cancelled."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


async def run_controllers(
    client: Client,
    pods: Mirror,
    volumes: Path,
    wall_clock: Callable[[], datetime] = utc_now,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run until cancelled; started when everything has been listed and pods can be made. *pods* is run by the caller.

    In the folder *volumes* are those that are made for claims.
    """
    kinds = (
        DEPLOYMENTS, REPLICA_SETS, NAMESPACES, DEFINITIONS, SERVICE_ACCOUNTS, SERVICES,
        ENDPOINT_SLICES, ENDPOINTS, NODES, STATEFUL_SETS, DAEMON_SETS, REVISIONS, JOBS,
        BUDGETS, CLAIMS, VOLUMES, STORAGE_CLASSES, QUOTAS, REPLICATION_CONTROLLERS, CRON_JOBS,
        AUTOSCALERS, POLICIES, ATTRIBUTES_CLASSES, FLOW_SCHEMAS, PRIORITY_LEVELS,
    )  # fmt: skip
    mirrors = {kind: Mirror(client, kind) for kind in kinds}
    mirrors |= {kind: Mirror(client, kind, metadata_only=True) for kind in (CONFIG_MAPS, SECRETS)}
    recorders = {name: EventRecorder(client, name, wall_clock) for name in _COMPONENTS}
    parts = Parts(client, mirrors, pods, recorders, wall_clock)
    collector = GarbageCollector(client, mirrors[DEFINITIONS])
    accounts = ServiceAccounts(client, mirrors[NAMESPACES], mirrors[SERVICE_ACCOUNTS])
    async with trio.open_nursery() as nursery:
        loops = (
            *(make(parts).loop for make in _WORKLOADS),
            *_network(parts),
            *_storage(parts, volumes),
            Namespaces(client, mirrors[NAMESPACES], wall_clock).loop,
            accounts.loop,
            TokenSecrets(client, mirrors[SERVICE_ACCOUNTS], mirrors[SECRETS]).loop,
            RootCertificates(client, mirrors[NAMESPACES], mirrors[CONFIG_MAPS]).loop,
            collector,
            Quotas(parts, collector).loop,
            PolicyStatus(parts).loop,
            FlowSchemas(parts).loop,
            TaintEvictions(parts).loop,
        )
        for runner in (*recorders.values(), *loops, *mirrors.values()):
            nursery.start_soon(runner.run)
        for mirror in (*mirrors.values(), pods):
            await mirror.synced.wait()
        with trio.move_on_after(_ACCOUNT_SECONDS):  # a webhook that is down may refuse them
            await accounts.wait_complete()
        task_status.started()


def _network(parts: Parts) -> Iterator[_Runner]:
    services, slices = parts.mirrors[SERVICES], parts.mirrors[ENDPOINT_SLICES]
    yield ApiEndpoints(parts.client).loop
    yield Endpoints(parts.client, parts.mirrors, parts.pods, parts.recorders[MIRRORS]).loop
    yield LoadBalancers(parts.client, services, parts.recorders["service-controller"]).loop
    yield ServiceProxy(services, slices, parts.recorders["kube-proxy"])


def _storage(parts: Parts, folder: Path) -> Iterator[_Runner]:
    protection = Protection(parts)
    yield EphemeralClaims(parts).loop
    yield VolumeController(parts, folder)
    yield protection.claims
    yield protection.volumes
    yield protection.classes
