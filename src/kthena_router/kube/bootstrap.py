"""GatewayClass `kthena-router` and Gateway `default`: made at the start, and again when they are deleted."""

import logging
from collections.abc import Callable
from contextlib import suppress

import trio

from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, NAMESPACE
from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.client import Conflict, KubeApi, KubeError, Unavailable
from kthena_router.kube.tables import ObjectTable, Tables
from kthena_router.routing.gateways import is_ours
from kthena_router.settings import (
    CONTROLLER_NAME,
    DEFAULT_GATEWAY_NAME,
    GATEWAY_CLASS_NAME,
    Settings,
)

log = logging.getLogger(__name__)

REFUSED_BACKOFF = Backoff(base=1.0, ceiling=30.0)
OUTAGE_BACKOFF = Backoff(base=0.5, ceiling=2.5, spread=0.5)
SETTLE_SECONDS = 0.1
UNSEEN_SECONDS = 5.0  # how long the watch may take to show what was created
NEVER = float("inf")
CLASS_KEY = ObjectKey("", GATEWAY_CLASS_NAME)


def gateway_class() -> dict[str, object]:
    """Return the GatewayClass to create."""
    return {
        "apiVersion": GATEWAY_CLASS.api_version,
        "kind": GATEWAY_CLASS.kind,
        "metadata": {"name": GATEWAY_CLASS_NAME},
        "spec": {"controllerName": CONTROLLER_NAME},
    }


def default_gateway(namespace: str, port: int) -> dict[str, object]:
    """Return the Gateway to create."""
    listener = {
        "name": "default",
        "port": port,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return {
        "apiVersion": GATEWAY.api_version,
        "kind": GATEWAY.kind,
        "metadata": {"name": DEFAULT_GATEWAY_NAME, "namespace": namespace},
        "spec": {"gatewayClassName": GATEWAY_CLASS_NAME, "listeners": [listener]},
    }


class Bootstrap:
    """Follows the tables for the two objects; what exists is left as it is.

    `settled` is set once both are there, or cannot be made yet.
    """

    def __init__(
        self, api: KubeApi, tables: Tables, settings: Settings, chance: Callable[[], float]
    ) -> None:
        self._api = api
        self.settled = trio.Event()
        self._tables = tables
        self._namespaces = tables.by_kind[NAMESPACE]
        self._classes = tables.by_kind[GATEWAY_CLASS]
        self._gateways = tables.by_kind[GATEWAY]
        self._gateway_key = ObjectKey(settings.namespace, DEFAULT_GATEWAY_NAME)
        self._gateway = default_gateway(settings.namespace, settings.port)
        self._port = settings.port
        self._chance = chance
        # When something was created in a table, and at which of its revisions.
        self._created: dict[ObjectTable, tuple[float, int]] = {}
        self._reported: set[str] = set()

    async def run(self) -> None:
        """Create what is missing, for ever."""
        failures = 0
        while True:
            seen, namespaces = self._tables.changes.value, self._namespaces.revision
            try:
                pause = await self._create_missing()
            except KubeError as error:
                failures += 1
                away = isinstance(error, Unavailable)  # reported once for the whole API
                if not away:
                    self._report(f"GatewayClass or default Gateway cannot be created yet: {error}")
                backoff = OUTAGE_BACKOFF if away else REFUSED_BACKOFF
                self.settled.set()
                with trio.move_on_after(backoff.delay(failures, self._chance())):
                    await self._wait_for_namespaces(namespaces)
                await trio.sleep(SETTLE_SECONDS)
                continue
            failures = 0
            if pause == NEVER and self._tables.listed:
                self.settled.set()
            with trio.move_on_after(pause):
                await self._tables.changes.wait_newer(seen)
            await trio.sleep(SETTLE_SECONDS)

    async def _wait_for_namespaces(self, revision: int) -> None:
        """Return when a namespace has come, gone or changed: the one that was missing may be there."""
        while self._namespaces.revision == revision:
            await self._tables.changes.wait_newer(self._tables.changes.value)

    async def _create_missing(self) -> float:
        """Return the seconds after which to look again, whatever happens. Raises KubeError."""
        if not self._tables.listed:
            return NEVER
        self._report_strangers()
        pause, trouble = NEVER, None
        for table, key, body in (
            (self._classes, CLASS_KEY, gateway_class()),
            (self._gateways, self._gateway_key, self._gateway),
        ):
            try:
                pause = min(pause, await self._ensure(table, key, body))
            except Unavailable:
                raise
            except KubeError as error:  # need not hold for the other
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return pause

    async def _ensure(self, table: ObjectTable, key: ObjectKey, body: dict[str, object]) -> float:
        """Create the object if it is not there; return the seconds after which the watch should show it."""
        if not table.served or key in table.objects or key in table.undecodable:
            return NEVER
        created, revision = self._created.get(table, (-NEVER, 0))
        wait = created + UNSEEN_SECONDS - trio.current_time()
        if revision == table.revision and wait > 0:
            return wait  # the watch has yet to show it
        revision = table.revision
        with suppress(Conflict):  # another replica was faster
            await self._api.request("POST", table.kind.path(key.namespace), body=body)
            log.info("created %s %s", table.kind.kind, key)
        self._created[table] = (trio.current_time(), revision)
        return UNSEEN_SECONDS

    def _report_strangers(self) -> None:
        """Say where an object that should be ours was made by somebody else for something else."""
        found = self._classes.objects.get(CLASS_KEY)
        if found is not None and not is_ours(found):
            owner = found.spec.controller_name
            self._report(
                f"GatewayClass {CLASS_KEY} belongs to {owner}: its Gateways are not served"
            )
        gateway = self._gateways.objects.get(self._gateway_key)
        if gateway is None:
            return
        if gateway.spec.gateway_class_name != GATEWAY_CLASS_NAME:
            other = gateway.spec.gateway_class_name
            self._report(f"Gateway {self._gateway_key} is of class {other}, and is left as it is")
        elif all(listener.port != self._port for listener in gateway.spec.listeners):
            self._report(
                f"Gateway {self._gateway_key} has no listener on port {self._port}, which is --port, "
                "and is left as it is: requests there find no route"
            )

    def _report(self, text: str) -> None:
        if text not in self._reported:
            log.warning("%s", text)
        self._reported.add(text)
