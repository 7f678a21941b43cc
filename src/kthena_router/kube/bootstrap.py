"""GatewayClass `kthena-router` and Gateway `default`: made at the start, and again when they are deleted."""

import logging
from collections.abc import Callable
from typing import Any

import trio

from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, Kind
from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.client import Conflict, KubeApi, KubeError
from kthena_router.kube.tables import Tables
from kthena_router.routing.gateways import is_ours
from kthena_router.settings import (
    CONTROLLER_NAME,
    DEFAULT_GATEWAY_NAME,
    GATEWAY_CLASS_NAME,
    Settings,
)

log = logging.getLogger(__name__)

BACKOFF = Backoff(base=1.0, ceiling=30.0)


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
    """Watches the tables for the two objects; what exists is left as it is."""

    def __init__(
        self, api: KubeApi, tables: Tables, settings: Settings, chance: Callable[[], float]
    ) -> None:
        self._api = api
        self._tables = tables
        self._settings = settings
        self._chance = chance
        self._reported: set[str] = set()

    async def run(self) -> None:
        """Create what is missing, for ever."""
        failures = 0
        while True:
            seen = self._tables.changes.value
            try:
                await self._create_missing()
                failures = 0
            except KubeError as error:
                failures += 1
                if failures == 1:
                    log.warning(
                        "the GatewayClass or the default Gateway cannot be created yet: %s", error
                    )
                await trio.sleep(BACKOFF.delay(failures, self._chance()))
                continue
            await self._tables.changes.wait_newer(seen)
            await trio.sleep(0.1)

    async def _create_missing(self) -> None:
        if not self._tables.listed:
            return
        classes = self._tables.by_kind[GATEWAY_CLASS]
        gateways = self._tables.by_kind[GATEWAY]
        found = classes.objects.get(ObjectKey("", GATEWAY_CLASS_NAME))
        if classes.served and found is None:
            await self._create(GATEWAY_CLASS, "", gateway_class())
        elif found is not None and not is_ours(found):
            self._report(
                f"GatewayClass {GATEWAY_CLASS_NAME} belongs to {found.spec.controller_name}"
            )
        key = ObjectKey(self._settings.namespace, DEFAULT_GATEWAY_NAME)
        if gateways.served and key not in gateways.objects and key not in gateways.undecodable:
            body = default_gateway(self._settings.namespace, self._settings.port)
            await self._create(GATEWAY, self._settings.namespace, body)

    async def _create(self, kind: Kind[Any], namespace: str, body: dict[str, object]) -> None:
        try:
            await self._api.request("POST", kind.path(namespace), body=body)
            log.info("created %s %s", kind.kind, kind.path(namespace))
        except Conflict:
            await trio.sleep(0.5)  # another replica was faster: the watch will show it

    def _report(self, text: str) -> None:
        if text not in self._reported:
            log.warning("%s, so Gateways of that class are not served here", text)
        self._reported.add(text)
