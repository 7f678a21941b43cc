"""Write the status of objects where it differs from what it should be."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import trio

from kthena_router.api.kinds import Kind
from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.published import Published
from kthena_router.kube.client import Conflict, KubeApi, KubeError, Missing
from kthena_router.kube.compiler import Compiler
from kthena_router.kube.tables import Tables
from kthena_router.routing.gateways import PortStates
from kthena_router.routing.snapshot import RoutingOptions, Snapshot
from kthena_router.routing.status_merge import plan_status
from kthena_router.routing.statuses import DesiredStatus, desired_statuses

log = logging.getLogger(__name__)

# A conflict or a failure is looked at again when something changes, and at the latest after this time.
LOOK_AGAIN_SECONDS = 5.0


class StatusWriter:
    """Compares and writes, one object after the other; the rate is that of the API client."""

    def __init__(
        self,
        api: KubeApi,
        tables: Tables,
        compiler: Compiler,
        snapshots: Published[Snapshot],
        ports: Published[PortStates],
        *,
        options: RoutingOptions,
        addresses: tuple[str, ...],
        wall_clock: Callable[[], datetime],
        leading: Callable[[], bool],
    ) -> None:
        self._api = api
        self._tables = tables
        self._compiler = compiler
        self._snapshots = snapshots
        self._ports = ports
        self._options = options
        self._addresses = addresses
        self._wall_clock = wall_clock
        self._leading = leading
        self._dropping: set[Kind[Any]] = set()  # kinds whose CRD has no room for our status
        self._failed: dict[tuple[Kind[Any], ObjectKey], str] = {}
        self._written: dict[
            tuple[Kind[Any], ObjectKey], str
        ] = {}  # the version that a write was based on

    async def run(self) -> None:
        """Write for ever, while this replica leads."""
        while True:
            snapshot, ports, changes = (
                self._snapshots.value,
                self._ports.value,
                self._tables.changes.value,
            )
            complete = not self._leading() or await self._write_all(snapshot, ports)
            wait = float("inf") if complete and self._leading() else LOOK_AGAIN_SECONDS
            with trio.move_on_after(wait):
                await self._wait_for_news(snapshot, ports, changes)
            await trio.sleep(0.05)

    async def _wait_for_news(self, snapshot: Snapshot, ports: PortStates, changes: object) -> None:
        async with trio.open_nursery() as nursery:

            async def one(published: Published[Any], seen: object) -> None:
                await published.wait_newer(seen)
                nursery.cancel_scope.cancel()

            nursery.start_soon(one, self._snapshots, snapshot)
            nursery.start_soon(one, self._ports, ports)
            nursery.start_soon(one, self._tables.changes, changes)

    async def _write_all(self, snapshot: Snapshot, ports: PortStates) -> bool:
        """Return whether everything is as it should be, or will be once the watch has caught up."""
        if not self._compiler.synced.is_set():
            return True
        complete = True
        for desired in desired_statuses(
            self._compiler.objects, snapshot, self._options, ports, self._addresses
        ):
            if desired.kind not in self._dropping:
                complete = await self._write(desired) and complete
        return complete

    async def _write(self, desired: DesiredStatus) -> bool:
        table = self._tables.by_kind[desired.kind]
        current = table.objects.get(desired.key)
        if current is None or current.metadata.generation != desired.generation:
            return True  # a newer compile is on its way
        place = (desired.kind, desired.key)
        version = current.metadata.resource_version
        if self._written.get(place) == version:
            return True  # already written on top of this version: wait for the watch to show it
        now = self._wall_clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = plan_status(current.status, desired, now)
        if status is None:
            return True
        body = {"metadata": {"resourceVersion": version}, "status": status}
        path = f"{desired.kind.path(*desired.key)}/status"
        try:
            answer = await self._api.request(
                "PATCH", path, body=body, content_type="application/merge-patch+json"
            )
        except (Conflict, Missing):
            return False
        except KubeError as error:
            self._report(place, error)
            return False
        self._written[place] = version
        self._failed.pop(place, None)
        self._check_kept(desired.kind, answer)
        return True

    def _report(self, place: tuple[Kind[Any], ObjectKey], error: KubeError) -> None:
        if self._failed.get(place) != str(error):
            log.warning("the status of %s %s was not written: %s", place[0].kind, place[1], error)
        self._failed[place] = str(error)

    def _check_kept(self, kind: Kind[Any], answer: bytes) -> None:
        status = msgspec.json.decode(answer, type=dict[str, Any]).get("status") or {}
        if not status.get("conditions"):
            self._dropping.add(kind)
            log.warning(
                "the cluster's CRD of %s has no status: install the CRDs of deploy/crds to see the router's verdicts",
                kind.kind,
            )
