"""Leader election on a Lease (client-go's leaderelection): only the holder writes status."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import trio

from kthena_router.kube.client import Conflict, Forbidden, KubeApi, KubeError, Missing
from kthena_router.settings import LEASE_NAME

log = logging.getLogger(__name__)

DURATION_SECONDS = 15
RENEW_DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 2.0


class Election:
    """Tries to hold the Lease. A rival's record counts from when it was seen to change: clocks are not compared."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        identity: str,
        wall_clock: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._identity = identity
        self._wall_clock = wall_clock
        self._chance = chance
        self._seen: dict[str, Any] = {}
        self._seen_at = 0.0
        self._renewed_at: float | None = None
        self._without = False
        self.won = trio.Event()

    @property
    def leading(self) -> bool:
        """Return whether this replica writes status now."""
        if self._without:
            return True
        return (
            self._renewed_at is not None
            and trio.current_time() - self._renewed_at < RENEW_DEADLINE_SECONDS
        )

    async def run(self) -> None:
        """Acquire and renew, for ever; released when it is cancelled."""
        try:
            while True:
                await self._try()
                await trio.sleep(RETRY_SECONDS * (1.0 + 0.2 * self._chance()))
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self._release()

    async def _try(self) -> None:
        try:
            if await self._acquire_or_renew():
                if not self.leading:
                    log.info("holding Lease %s: this replica writes status", LEASE_NAME)
                self._renewed_at = trio.current_time()
                self.won.set()
            self._without = False
        except (Forbidden, Missing) as error:
            if not self._without:
                log.warning("no Lease can be had, so every replica writes status: %s", error)
            self._without = True
            self.won.set()
        except Conflict:
            pass  # a rival was faster
        except KubeError as error:
            log.debug("%s", error)

    async def _acquire_or_renew(self) -> bool:
        now = self._wall_clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            content = await self._api.request("GET", f"{self._path}/{LEASE_NAME}")
        except Missing:
            await self._api.request(
                "POST", self._path, body=self._lease({}, self._record(now, now, 0))
            )
            return True
        lease = msgspec.json.decode(content, type=dict[str, Any])
        spec = lease.get("spec") or {}
        if spec != self._seen:
            self._seen, self._seen_at = spec, trio.current_time()
        holder = spec.get("holderIdentity") or ""
        duration = spec.get("leaseDurationSeconds") or DURATION_SECONDS
        if holder not in {"", self._identity} and trio.current_time() < self._seen_at + duration:
            return False
        mine = holder == self._identity
        acquired = spec.get("acquireTime") or now if mine else now
        transitions = (spec.get("leaseTransitions") or 0) + (0 if mine else 1)
        body = self._lease(lease["metadata"], self._record(acquired, now, transitions))
        await self._api.request("PUT", f"{self._path}/{LEASE_NAME}", body=body)
        return True

    def _record(self, acquired: str, renewed: str, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": acquired,
            "renewTime": renewed,
            "leaseTransitions": transitions,
        }

    def _lease(self, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
        named = metadata or {"name": LEASE_NAME, "namespace": self._namespace}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": named,
            "spec": spec,
        }

    async def _release(self) -> None:
        if not self.leading or self._without:
            return
        try:
            content = await self._api.request("GET", f"{self._path}/{LEASE_NAME}")
            lease = msgspec.json.decode(content, type=dict[str, Any])
            if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                lease["spec"] = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await self._api.request("PUT", f"{self._path}/{LEASE_NAME}", body=lease)
        except KubeError as error:
            log.debug("the Lease was not released: %s", error)
