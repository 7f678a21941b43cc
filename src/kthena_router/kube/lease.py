"""Leader election on a Lease (client-go's leaderelection): only the holder writes status."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import trio

from kthena_router.concurrency.published import Published
from kthena_router.kube.client import (
    Conflict,
    Forbidden,
    KubeApi,
    KubeError,
    Missing,
    Unavailable,
    decoded,
)
from kthena_router.settings import LEASE_NAME

log = logging.getLogger(__name__)

DURATION_SECONDS = 15
RENEW_DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 2.0
RETRY_SPREAD = 0.2
WITHOUT_SECONDS = 30.0  # how often to see whether Leases can be had meanwhile
RELEASE_SECONDS = 2.0
# An API server that starts may refuse before it has read its roles.
REFUSALS_IN_A_ROW = 3


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """`coordination.k8s.io/v1`, LeaseSpec."""

    holder_identity: str | None = ""
    lease_duration_seconds: int | None = DURATION_SECONDS
    acquire_time: str | None = None  # RFC 3339 with microseconds
    renew_time: str | None = None
    lease_transitions: int | None = 0


class Lease(msgspec.Struct, frozen=True):
    """*metadata* is sent back as it came: its resourceVersion is the lock."""

    metadata: dict[str, Any]
    spec: LeaseSpec | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A Lease, and when on our own clock it was first seen so: clocks of machines are not compared."""

    lease: Lease
    since: float

    def held_by_rival(self, identity: str, now: float) -> bool:
        """Return whether somebody else holds it and has renewed it within its duration."""
        spec = self.lease.spec or LeaseSpec()
        duration = spec.lease_duration_seconds or DURATION_SECONDS
        return (spec.holder_identity or "") not in {"", identity} and now < self.since + duration


def next_spec(before: LeaseSpec | None, identity: str, now: str) -> LeaseSpec:
    """Return the record of *identity*, which acquires or renews at *now*."""
    if before is None:
        return LeaseSpec(identity, DURATION_SECONDS, now, now, 0)
    mine = before.holder_identity == identity
    acquired = (before.acquire_time or now) if mine else now
    transitions = (before.lease_transitions or 0) + (0 if mine else 1)
    return LeaseSpec(identity, DURATION_SECONDS, acquired, now, transitions)


class Election:
    """Tries to hold the Lease; `leading` says whether this replica writes status.

    Where Leases cannot be had (no RBAC for them, no such namespace), every replica writes: all of them come to
    the same statuses, while with none nobody would learn what became of an object.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        identity: str,
        wall_clock: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._identity = identity
        self._wall_clock = wall_clock
        self._chance = chance
        self._observed: Observation | None = None
        self._renewed = 0.0
        self._current = False  # whether what was observed is still the newest version
        self._unanswered = False  # a write was made, and whether it succeeded is not known
        self._without = False
        self._refusals = 0
        self._resigned = False
        self._candidacy = trio.CancelScope()
        self._rival = ""
        self._reported = ""
        self.leading = Published(False)

    async def run(self) -> None:
        """Acquire and renew until `resign`; released when it ends, also when it is cancelled."""
        if not self._resigned:
            await self._stand()
        await trio.sleep_forever()

    def resign(self) -> None:
        """Let go of the Lease, and do not try for it again."""
        self._resigned = True
        self._candidacy.cancel()

    async def _stand(self) -> None:
        with trio.CancelScope() as self._candidacy:
            try:
                while True:
                    await self._try()
                    pause = WITHOUT_SECONDS if self._without else RETRY_SECONDS
                    await self._sleep(pause * (1.0 + RETRY_SPREAD * self._chance()))
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + RELEASE_SECONDS):
                    await self._release()

    async def _sleep(self, seconds: float) -> None:
        """Sleep, and step down in time when the last renewal is too old."""
        until = trio.current_time() + seconds
        deadline = self._renewed + RENEW_DEADLINE_SECONDS
        if self.leading.value and not self._without and deadline < until:
            await trio.sleep_until(deadline)
            self._step_down("it could not be renewed")
        await trio.sleep_until(until)

    async def _try(self) -> None:
        started = trio.current_time()
        was_current, self._current = self._current, False
        try:
            with trio.CancelScope(deadline=self._give_up_at(started)):
                held = await self._acquire_or_renew(was_current)
                self._conclude(held, started)
        except (Forbidden, Missing) as error:
            self._do_without(error)
        except Conflict:
            pass  # a rival was faster: look again
        except Unavailable as error:
            log.debug("%s", error)  # an outage is reported once for the whole API
        except KubeError as error:
            if not self._reported:
                log.warning("Lease %s/%s: %s", self._namespace, LEASE_NAME, error)
            self._reported = str(error)

    def _give_up_at(self, started: float) -> float:
        """Return when a request that hangs has to end, so that it does not keep us from stepping down."""
        patience = started + RENEW_DEADLINE_SECONDS / 2
        if not self.leading.value or self._without:
            return patience
        return min(patience, self._renewed + RENEW_DEADLINE_SECONDS)

    def _conclude(self, held: bool, started: float) -> None:
        self._without = False
        self._refusals = 0
        self._reported = ""
        if not held:
            self._step_down("another replica holds it")
            return
        self._renewed = started
        self._rival = ""
        if not self.leading.value:
            log.info("holding Lease %s/%s: writing status", self._namespace, LEASE_NAME)
            self.leading.publish(True)

    def _step_down(self, reason: str) -> None:
        if self.leading.value:
            log.warning(
                "lost Lease %s/%s, not writing status: %s", self._namespace, LEASE_NAME, reason
            )
            self.leading.publish(False)

    def _do_without(self, error: KubeError) -> None:
        self._refusals += 1
        if self._refusals < REFUSALS_IN_A_ROW:
            return
        if not self._without:
            log.warning(
                "no Lease can be had, so status is written as if this were the only replica: %s",
                error,
            )
        self._without = True
        if not self.leading.value:
            self.leading.publish(True)

    async def _acquire_or_renew(self, current: bool) -> bool:
        """Return whether the Lease is held. Raises KubeError; Conflict where a rival was faster."""
        if not (current and self.leading.value):
            try:
                self._observe(await self._read())
            except Missing:
                return await self._create()
        observed = self._observed
        if observed is None or observed.held_by_rival(self._identity, trio.current_time()):
            self._note_rival()
            return False
        lease = observed.lease
        try:
            await self._put(lease.metadata, next_spec(lease.spec, self._identity, self._now()))
        except Missing:  # deleted since it was observed
            return await self._create()
        return True

    async def _read(self) -> Lease:
        return decoded(await self._api.request("GET", f"{self._path}/{LEASE_NAME}"), Lease, "Lease")

    def _observe(self, lease: Lease) -> None:
        seen = self._observed
        if seen is None or seen.lease.spec != lease.spec:
            self._observed = Observation(lease, trio.current_time())
        else:
            self._observed = Observation(lease, seen.since)
        self._current = True

    def _note_rival(self) -> None:
        spec = (self._observed.lease.spec if self._observed else None) or LeaseSpec()
        rival = spec.holder_identity or ""
        if rival != self._rival:
            log.info("%s holds Lease %s/%s", rival, self._namespace, LEASE_NAME)
        self._rival = rival

    async def _create(self) -> bool:
        metadata = {"name": LEASE_NAME, "namespace": self._namespace}
        body = self._body(metadata, next_spec(None, self._identity, self._now()))
        await self._write("POST", self._path, body)
        return True

    async def _put(self, metadata: dict[str, Any], spec: LeaseSpec) -> None:
        await self._write("PUT", f"{self._path}/{LEASE_NAME}", self._body(metadata, spec))

    async def _write(self, method: str, path: str, body: dict[str, Any]) -> None:
        self._unanswered = True
        try:
            answer = await self._api.request(method, path, body=body)
        except Unavailable:
            raise
        except KubeError:
            self._unanswered = False
            raise
        self._unanswered = False
        self._observe(decoded(answer, Lease, "Lease"))

    @staticmethod
    def _body(metadata: dict[str, Any], spec: LeaseSpec) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }

    def _now(self) -> str:
        return self._wall_clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    async def _release(self) -> None:
        """Let another replica take over at once, also where we may hold the Lease without having been told."""
        if not (self.leading.value or self._unanswered):
            return
        self.leading.publish(False)
        if self._without:
            return
        try:
            lease = await self._read()
            before = lease.spec or LeaseSpec()
            if before.holder_identity == self._identity:
                now = self._now()
                await self._put(
                    lease.metadata, LeaseSpec(None, 1, now, now, before.lease_transitions)
                )
        except KubeError as error:
            log.debug("the Lease was not released: %s", error)
