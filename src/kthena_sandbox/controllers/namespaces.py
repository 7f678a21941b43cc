"""The namespace controller: empties a namespace that is being deleted, then lets it go."""

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.catalogue import discover
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import NAMESPACES, Document, Key, Kind, is_leaving, key_of, uid_of
from kthena_sandbox.mirror import Mirror

_AGAIN_SECONDS = 0.25


class Namespaces:
    """Reconciles namespaces that are on their way out."""

    def __init__(self, client: Client, namespaces: Mirror) -> None:
        self._client = client
        self._namespaces = namespaces
        self.loop: Reconciler[Key] = Reconciler("namespaces", self._reconcile)
        namespaces.subscribe(self._changed)

    def _changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None and is_leaving(after):
            self.loop.add(key_of(after))

    async def _reconcile(self, key: Key) -> float | None:
        namespace = self._namespaces.objects.get(key)
        if namespace is None or not is_leaving(namespace):
            return None
        left = 0
        for kind in await discover(self._client):
            if kind.namespaced:
                left += await self._empty(kind, key.name)
        if left:
            return _AGAIN_SECONDS
        await self._finalize(namespace)
        return None

    async def _empty(self, kind: Kind, name: str) -> int:
        """Delete all objects of a kind; how many are still there."""
        objects = await self._client.list(kind, name)
        for document in objects:
            if is_leaving(document):
                continue
            try:
                await self._client.delete(
                    kind, key_of(document), uid_of(document), propagationPolicy="Background"
                )
            except ApiError as error:
                if error.code not in {404, 409}:
                    raise
        return len(objects)

    async def _finalize(self, namespace: Document) -> None:
        kept = [
            entry for entry in namespace["spec"].get("finalizers") or [] if entry != "kubernetes"
        ]
        document = namespace | {"spec": {"finalizers": kept}}
        await self._client.replace(NAMESPACES, document, "finalize")
