"""The publisher of root certificates: every namespace has the ConfigMap by which its pods know the API server."""

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.kinds import CONFIG_MAPS, Document, Key, is_leaving, key_of
from kthena_sandbox.mirror import Mirror

NAME = "kube-root-ca.crt"
_ANNOTATION = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver "
    "when using internal endpoints such as the internal service IP or kubernetes.default.svc. "
    "No other usage is guaranteed across distributions of Kubernetes clusters."
}


class RootCertificates:
    """Writes the ConfigMap where it is missing or says something else. For a server of plain HTTP it is empty."""

    def __init__(self, client: Client, namespaces: Mirror, config_maps: Mirror) -> None:
        self._client = client
        self._namespaces = namespaces
        self._config_maps = config_maps
        self.loop: Reconciler[str] = Reconciler("root certificates", self._reconcile)
        namespaces.subscribe(self._namespace_changed)
        config_maps.subscribe(self._config_map_changed)

    def _namespace_changed(self, before: Document | None, after: Document | None) -> None:
        if after is not None:
            self.loop.add(after["metadata"]["name"])

    def _config_map_changed(self, before: Document | None, after: Document | None) -> None:
        key = key_of(after or before or {})
        if key.name == NAME:
            self.loop.add(key.namespace)

    async def _reconcile(self, name: str) -> float | None:
        namespace = self._namespaces.objects.get(Key("", name))
        if namespace is None or is_leaving(namespace):
            return None
        data = {"data": {"ca.crt": self._client.ca_pem}}
        key = Key(name, NAME)
        if key not in self._config_maps.objects:
            metadata = {"name": NAME, "namespace": name, "annotations": _ANNOTATION}
            try:
                await self._client.create(CONFIG_MAPS, data | {"metadata": metadata})
            except ApiError as error:
                if error.code not in {403, 404, 409}:  # it is going, or it is there
                    raise
            return None
        found = await self._client.find(CONFIG_MAPS, key)
        if found is not None and (found.get("data") != data["data"] or not _is_described(found)):
            annotations = (found["metadata"].get("annotations") or {}) | _ANNOTATION
            metadata = found["metadata"] | {"annotations": annotations}
            await self._client.replace(CONFIG_MAPS, found | data | {"metadata": metadata})
        return None


def _is_described(config_map: Document) -> bool:
    return bool((config_map["metadata"].get("annotations") or {}).keys() & _ANNOTATION.keys())
