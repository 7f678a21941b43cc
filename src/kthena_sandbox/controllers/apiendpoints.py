"""Endpoints and EndpointSlice of the Service `kubernetes`, which every API server keeps for itself."""

from kthena_sandbox.client import Client
from kthena_sandbox.controllers.endpoints_plan import SERVICE_NAME
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import ENDPOINT_SLICES, ENDPOINTS, Document, Key, Kind

KUBERNETES = Key("default", "kubernetes")
_SECONDS = 10.0
_NAME = "https"


def api_endpoints(host: str, port: int) -> tuple[Document, Document]:
    """The Endpoints and the EndpointSlice. Pure."""
    metadata = {"name": KUBERNETES.name, "namespace": KUBERNETES.namespace}
    # Written by hand as it were, and with a slice of its own: nothing for the mirror.
    unmirrored = {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}
    named = [{"name": _NAME, "port": port, "protocol": "TCP"}]
    endpoints = {
        "metadata": metadata | unmirrored,
        "subsets": [{"addresses": [{"ip": host}], "ports": named}],
    }
    slice_ = {
        "metadata": metadata | {"labels": {SERVICE_NAME: KUBERNETES.name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": named,
    }
    return endpoints, slice_


class ApiEndpoints:
    """Writes both at the start, and again when somebody changes them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.loop: Reconciler[str] = Reconciler("apiendpoints", self._reconcile)
        self.loop.add("")

    async def _reconcile(self, _: str) -> float:
        endpoints, slice_ = api_endpoints(*self._client.address)
        await self._keep(ENDPOINTS, endpoints)
        await self._keep(ENDPOINT_SLICES, slice_)
        return _SECONDS

    async def _keep(self, kind: Kind, wanted: Document) -> None:
        present = await self._client.find(kind, KUBERNETES)
        if present is None:
            await self._client.create(kind, wanted)
            return
        content = {name: value for name, value in wanted.items() if name != "metadata"}
        if any(present.get(name) != value for name, value in content.items()):
            await self._client.replace(kind, present | content)
