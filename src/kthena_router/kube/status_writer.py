"""Write the status of objects where it differs from what it should be."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import trio

from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, Kind
from kthena_router.api.meta import ObjectKey, ObjectMeta
from kthena_router.concurrency.published import Published
from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.attempts import Attempts
from kthena_router.kube.client import (
    Conflict,
    Forbidden,
    KubeApi,
    KubeError,
    Missing,
    Unavailable,
    decoded,
)
from kthena_router.kube.compiler import Compiler
from kthena_router.kube.tables import Tables
from kthena_router.routing.gateways import PortStates
from kthena_router.routing.snapshot import RoutingOptions, Snapshot
from kthena_router.routing.status_merge import plan_status
from kthena_router.routing.status_news import News, news
from kthena_router.routing.statuses import DesiredStatus, desired_statuses
from kthena_router.settings import LEASE_NAME

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.05
# Every write names who writes, so that `managedFields` tells (Kubernetes API concepts, field management).
FIELD_MANAGER = LEASE_NAME
OUTAGE_BACKOFF = Backoff(base=0.5, ceiling=2.0, spread=0.5)
ROUND_SECONDS = 1.0  # of writing what may be old news
# Until a CRD that did not keep a status is tried again: it may be another one by now.
RECHECK_SECONDS = 30.0
NEVER = float("inf")
NOTHING: frozenset[str] = frozenset()

_Place = tuple[Kind[Any], ObjectKey]


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Written(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    status: dict[str, Any] | None = None


class StatusWriter:
    """Compares and writes, one object after the other, while *leading*; the rate is that of the API client.

    With many objects a round takes minutes, so it ends soon when there is news, and the next one goes on with the
    objects that it has not come to.
    """

    def __init__(
        self,
        api: KubeApi,
        tables: Tables,
        compiler: Compiler,
        snapshots: Published[Snapshot],
        ports: Published[PortStates],
        *,
        options: RoutingOptions,
        wall_clock: Callable[[], datetime],
        chance: Callable[[], float],
        leading: Published[bool],
    ) -> None:
        self._api = api
        self._tables = tables
        self._compiler = compiler
        self._snapshots = snapshots
        self._ports = ports
        self._options = options
        self._wall_clock = wall_clock
        self._chance = chance
        self._leading = leading
        self._attempts: dict[_Place, Attempts] = {}
        self._reported: dict[_Place, str] = {}
        self._forbidden: dict[Kind[Any], Attempts] = {}
        self._altered: set[Kind[Any]] = set()
        self._dropped: dict[Kind[Any], frozenset[str]] = {}  # fields that a CRD does not keep
        self._recheck_at: dict[Kind[Any], float] = {}
        self._told: dict[Kind[Any], frozenset[str]] = {}  # the log has been
        self._outages = 0

    async def run(self) -> None:
        """Write for ever."""
        while True:
            snapshot, ports, leading = self._snapshots.value, self._ports.value, self._leading.value
            pause = NEVER
            if leading and self._compiler.synced.is_set():
                pause = await self._write_all(snapshot, ports)
            with trio.move_on_after(pause):
                await self._wait_for_news(snapshot, ports, leading)
            await trio.sleep(SETTLE_SECONDS)

    async def _wait_for_news(self, snapshot: Snapshot, ports: PortStates, leading: bool) -> None:
        async with trio.open_nursery() as nursery:

            async def one(published: Published[Any], seen: object) -> None:
                await published.wait_newer(seen)
                nursery.cancel_scope.cancel()

            nursery.start_soon(one, self._snapshots, snapshot)
            nursery.start_soon(one, self._ports, ports)
            nursery.start_soon(one, self._leading, leading)

    async def _write_all(self, snapshot: Snapshot, ports: PortStates) -> float:
        """Return the seconds after which to look again, whatever happens."""
        wanted = desired_statuses(self._compiler.objects, snapshot, self._options, ports)
        self._forget_others(wanted)
        self._doubt_drops(trio.current_time())
        for desired in wanted:
            self._attempts.setdefault((desired.kind, desired.key), Attempts())
        pause, until = NEVER, trio.current_time() + ROUND_SECONDS
        try:
            for desired in sorted(wanted, key=self._turn):
                if not self._leading.value:
                    return NEVER
                if not self._is_current(snapshot, ports) and trio.current_time() > until:
                    return 0.0
                pause = min(pause, await self._bring_up_to_date(desired))
                await trio.lowlevel.checkpoint()  # requests go first
        except Unavailable as error:
            log.debug("%s", error)  # an outage is reported once for the whole API
            self._outages += 1
            return OUTAGE_BACKOFF.delay(self._outages, self._chance())
        self._outages = 0
        rechecks = [at - trio.current_time() for at in self._recheck_at.values()]
        return max(min([pause, *rechecks]), 0.0)

    def _turn(self, desired: DesiredStatus) -> tuple[bool, float]:
        """Sort key: Gateways first, which are few and waited for, then what has not been looked at for longest."""
        waited_for = desired.kind in {GATEWAY_CLASS, GATEWAY}
        return not waited_for, self._attempts[desired.kind, desired.key].looked

    def _is_current(self, snapshot: Snapshot, ports: PortStates) -> bool:
        return self._snapshots.value is snapshot and self._ports.value is ports

    def _forget_others(self, wanted: tuple[DesiredStatus, ...]) -> None:
        places = {(desired.kind, desired.key) for desired in wanted}
        for memory in (self._attempts, self._reported):
            for place in memory.keys() - places:
                del memory[place]

    def _doubt_drops(self, now: float) -> None:
        """Try anew what a CRD did not keep half a minute ago: with the first object that comes, not with all of them."""
        for kind in [kind for kind, at in self._recheck_at.items() if at <= now]:
            del self._recheck_at[kind], self._dropped[kind]
            for place in [place for place in self._attempts if place[0] is kind]:
                del self._attempts[place]

    async def _bring_up_to_date(self, desired: DesiredStatus) -> float:
        """Write one status if it differs; return the seconds after which to look at it again."""
        now = trio.current_time()
        attempts = self._attempts[desired.kind, desired.key]
        attempts.looked = now
        current = self._tables.by_kind[desired.kind].objects.get(desired.key)
        if current is None or not _is_of(desired, current.metadata):
            return NEVER  # a newer snapshot is on its way
        lost = self._dropped.get(desired.kind, NOTHING)
        if "conditions" in lost:
            return NEVER
        kept = {name: value for name, value in desired.status.items() if name not in lost}
        status = plan_status(current.status, replace(desired, status=kept), self._now())
        version = current.metadata.resource_version
        if status is None or attempts.settled(version, kept):
            return NEVER
        forbidden = self._forbidden.get(desired.kind)
        wait = max(attempts.wait(now), forbidden.wait(now) if forbidden else 0.0)
        return wait or await self._write(desired, current, kept, status)

    async def _write(
        self, desired: DesiredStatus, current: Any, kept: dict[str, Any], status: dict[str, Any]
    ) -> float:
        """Write over the status of *current*, and return the seconds after which to try again."""
        attempts = self._attempts[desired.kind, desired.key]
        try:
            if await self._write_version(desired, current.metadata.resource_version, kept, status):
                _tell(desired, news(current.status, status))
        except Unavailable:
            raise
        except KubeError as error:
            now = trio.current_time()
            attempts.failed(now, self._chance())
            self._report(desired, error)
            if isinstance(error, Forbidden):  # so are probably all others of the kind
                self._forbidden.setdefault(desired.kind, Attempts()).failed(now, self._chance())
            return attempts.wait(now)
        return NEVER

    async def _write_version(
        self, desired: DesiredStatus, version: str, kept: dict[str, Any], status: dict[str, Any]
    ) -> bool:
        """Write on top of *version*, note what came of it, and return whether *version* was still the newest.

        Raises KubeError for what may be mended.
        """
        place = (desired.kind, desired.key)
        attempts = self._attempts[place]
        try:
            written = await self._patch(desired, version, status)
        except Conflict:
            attempts.overtaken(version)
            return False
        except Missing:
            await self._check_subresource(desired, version)
            attempts.overtaken(version)
            return False
        attempts.wrote(version, kept, written.metadata.resource_version)
        self._reported.pop(place, None)
        self._forbidden.pop(desired.kind, None)
        kept_all = self._note_dropped(desired.kind, status, written.status or {})
        if attempts.futile is not None and kept_all:
            self._note_altered(desired)
        return True

    async def _patch(
        self, desired: DesiredStatus, version: str, status: dict[str, Any]
    ) -> _Written:
        """Write *status* if *version* is still the newest (Kubernetes API concepts, resource versions)."""
        path = f"{desired.kind.path(*desired.key)}/status"
        answer = await self._api.request(
            "PATCH",
            path,
            params={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"resourceVersion": version}, "status": status},
            content_type="application/merge-patch+json",
        )
        return decoded(answer, _Written, f"PATCH {path}")

    async def _check_subresource(self, desired: DesiredStatus, version: str) -> None:
        """Tell an object that has just been deleted from a CRD without the status subresource."""
        try:
            answer = await self._api.request("GET", desired.kind.path(*desired.key))
        except Missing:
            return
        found = decoded(answer, _Written, str(desired.key))
        if found.metadata.resource_version == version:
            self._drop(desired.kind, frozenset({"conditions"}))

    def _note_dropped(
        self, kind: Kind[Any], wanted: dict[str, Any], written: dict[str, Any]
    ) -> bool:
        """See from the answer what the schema of the CRD has pruned; return whether it was nothing."""
        lost = {name for name, value in wanted.items() if value and name not in written}
        if lost:
            self._drop(kind, frozenset(lost))
        return not lost

    def _drop(self, kind: Kind[Any], fields: frozenset[str]) -> None:
        self._dropped[kind] = self._dropped.get(kind, NOTHING) | fields
        self._recheck_at.setdefault(kind, trio.current_time() + RECHECK_SECONDS)
        told = self._told.get(kind, NOTHING)
        self._told[kind] = told | fields
        # Without conditions there is no status at all: nothing more to say then.
        if "conditions" not in told and fields - told:
            log.warning(
                "the cluster's CRD of %s does not keep %s of the status: "
                "to see what the router says there, install the CRDs that belong to it",
                kind.kind,
                ", ".join(sorted(fields)),
            )

    def _note_altered(self, desired: DesiredStatus) -> None:
        """Say once that the API keeps something else than what is written, whatever makes it do so."""
        if desired.kind not in self._altered:
            log.warning(
                "the API does not keep the status of %s %s, and perhaps of others, as it is written: "
                "it is left as the API has it",
                desired.kind.kind,
                desired.key,
            )
        self._altered.add(desired.kind)

    def _report(self, desired: DesiredStatus, error: KubeError) -> None:
        place = (desired.kind, desired.key)
        text = str(error)
        silent = isinstance(error, Forbidden) and desired.kind in self._forbidden
        if self._reported.get(place) != text and not silent:
            log.warning(
                "the status of %s %s was not written: %s", desired.kind.kind, desired.key, text
            )
        self._reported[place] = text

    def _now(self) -> str:
        return self._wall_clock().strftime("%Y-%m-%dT%H:%M:%SZ")


def _tell(desired: DesiredStatus, told: tuple[News, ...]) -> None:
    """Log what users read in the status, for operators who read the log."""
    for one in told:
        level = logging.WARNING if one.bad else logging.INFO
        log.log(level, "%s %s %s", desired.kind.kind, desired.key, one.text)


def _is_of(desired: DesiredStatus, metadata: ObjectMeta) -> bool:
    """Return whether *desired* is of this very object: another one may have the name, and the generation, by now."""
    return (desired.uid, desired.generation) == (metadata.uid, metadata.generation)
