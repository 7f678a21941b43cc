from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from tests.sandbox.house import Cluster, running_api

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.rootca import NAME, RootCertificates
from kthena_sandbox.kinds import CONFIG_MAPS, NAMESPACES, Key
from kthena_sandbox.mirror import Mirror

CERTIFICATE = Key("default", NAME)


@asynccontextmanager
async def _publishing(folder: Path) -> AsyncIterator[tuple[Cluster, Client]]:
    async with running_api(folder) as cluster, trio.open_nursery() as nursery:
        client = cluster.client
        client.ca_pem = "the certificate"
        namespaces = Mirror(client, NAMESPACES)
        config_maps = Mirror(client, CONFIG_MAPS, metadata_only=True)
        publisher = RootCertificates(client, namespaces, config_maps)
        for runner in (namespaces, config_maps, publisher.loop):
            nursery.start_soon(runner.run)
        yield cluster, client
        nursery.cancel_scope.cancel()


async def test_every_namespace_has_the_certificate_and_keeps_it(tmp_path: Path) -> None:
    async with _publishing(tmp_path) as (cluster, client):

        async def published() -> bool:
            found = await client.find(CONFIG_MAPS, CERTIFICATE)
            return found is not None and found["data"] == {"ca.crt": "the certificate"}

        await cluster.until(published)
        await client.patch(CONFIG_MAPS, CERTIFICATE, {"data": {"ca.crt": "another"}})
        await cluster.until(published)
        await client.delete(CONFIG_MAPS, CERTIFICATE)
        await cluster.until(published)
        await client.create(NAMESPACES, {"metadata": {"name": "new"}})
        await cluster.until(lambda: client.find(CONFIG_MAPS, Key("new", NAME)))
