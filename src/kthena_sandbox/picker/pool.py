"""What is known of a pool and of the pods in its namespace, by watching them."""

import trio

from kthena_sandbox.client import Client
from kthena_sandbox.kinds import INFERENCE_POOLS, PODS, Key
from kthena_sandbox.mirror import Mirror
from kthena_sandbox.picker.choice import Endpoint, endpoints_of

HEALTH_SERVICE = "inference-extension"


class PoolView:
    """`run` keeps it current."""

    def __init__(self, client: Client, pool: Key) -> None:
        self._key = pool
        self._pools = Mirror(client, INFERENCE_POOLS, namespace=pool.namespace)
        self._pods = Mirror(client, PODS, namespace=pool.namespace)

    def is_served(self, service: str) -> bool | None:
        """The health of a service: the picker's is well when the pool is there and all pods were seen."""
        synced = self._pods.synced.is_set() and self._key in self._pools.objects
        return {"": True, HEALTH_SERVICE: synced}.get(service)

    def endpoints(self) -> list[Endpoint]:
        """The pool's; none where there is no such pool."""
        pool = self._pools.objects.get(self._key)
        return endpoints_of(pool, self._pods.objects.values()) if pool else []

    async def run(self) -> None:
        """Watch for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pools.run)
            nursery.start_soon(self._pods.run)
