"""Where the endpoints of a Service are, by its EndpointSlices."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.storage import Key

Document = dict[str, Any]
_SLICE_OF = "kubernetes.io/service-name"


def ready_endpoint(cluster: Cluster, key: Key, port: str) -> tuple[str, int] | None:
    """Address and port of a ready endpoint of the Service, by the name of the port."""
    slices = cluster.collection(cluster.kind("discovery.k8s.io", "v1", "endpointslices")).documents
    for place, entry in sorted(slices.items()):
        labels = entry["metadata"].get("labels") or {}
        if place.namespace == key.namespace and labels.get(_SLICE_OF) == key.name:
            found = _ready(entry, port)
            if found is not None:
                return found
    return None


def _ready(entry: Document, name: str) -> tuple[str, int] | None:
    ports = [port["port"] for port in entry.get("ports") or [] if (port.get("name") or "") == name]
    for endpoint in entry.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is not False and ports:
            return str(endpoint["addresses"][0]), int(ports[0])
    return None
