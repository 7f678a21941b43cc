"""What every cluster has from its first moment: namespaces, the `kubernetes` Service, classes, roles, the bundled CRDs."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import resources
from random import Random
from typing import Any

import yaml

from kthena_sandbox.apiserver import definitions, lifecycle, mutations
from kthena_sandbox.apiserver.auth.aggregation import aggregate
from kthena_sandbox.apiserver.auth.authorizer import GROUP as RBAC
from kthena_sandbox.apiserver.auth.defaultroles import default_access
from kthena_sandbox.apiserver.catalogue import Catalogue
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.defaultflows import GROUP as FLOWS, PRODUCER, default_flows
from kthena_sandbox.apiserver.fieldmanagers import API_SERVER
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.negotiation import JsonLoader
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.reviews import REVIEWS
from kthena_sandbox.apiserver.services import KUBERNETES, RANGE
from kthena_sandbox.apiserver.storage import CollectionKey, Key, Store
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.classrules import SYSTEM_CLASSES
from kthena_sandbox.schema.flowrules import dangling

Document = dict[str, Any]

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system", "kthena-system")
NETWORKING = "networking.k8s.io"
_RANGE_MANAGER = "kubernetes-service-cidr-controller"
_RANGE_READY = {
    "type": "Ready",
    "status": "True",
    "reason": "",
    "message": "Kubernetes default Service CIDR is ready",
}
_CONSUMER = "api-priority-and-fairness-config-consumer-v1"
_EPOCH = datetime.fromisoformat("2024-01-01T00:00:00+00:00")


def first_revision(now: datetime) -> int:
    """Where the revisions of a server without a state file begin.

    It lies above all that an earlier server has given out (below a thousand writes a second), so that
    clients who come back with an old one are told 410 instead of waiting for a future that passed.
    """
    return int((now - _EPOCH).total_seconds() * 1000)


def known_types(store: Store) -> Catalogue:
    """The built-in kinds and those of the definitions in the store."""
    catalogue = Catalogue((*BUILTIN, *REVIEWS))
    key = CollectionKey(definitions.GROUP, definitions.PLURAL)
    for definition in store.collection(key).documents.values():
        catalogue = definitions.defined(catalogue, definition)
    return catalogue


def bundled_definitions() -> Iterator[Document]:
    """The CRDs that come with the sandbox."""
    folder = resources.files("kthena_sandbox") / "crds"
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            text = entry.read_text(encoding="utf-8")
            yield from filter(None, yaml.load_all(text, Loader=JsonLoader))


def start_cluster(
    store: Store, clock: Any, dice: Random, port: int,
    *, disabled_plugins: frozenset[str] = frozenset(),
) -> Cluster:  # fmt: skip
    """A cluster over the store, with whatever is missing of its first objects created."""
    cluster = Cluster(store, known_types(store), clock, dice, disabled_plugins)
    for name in NAMESPACES:
        _ensure(cluster, "", "namespaces", "", {"metadata": {"name": name}})
    _ensure(cluster, "", "services", "default", _kubernetes_service(port))
    _ensure_all(cluster, "scheduling.k8s.io", "priorityclasses", _priority_classes())
    _ensure_all(cluster, definitions.GROUP, definitions.PLURAL, bundled_definitions())
    for plural, namespace, document in default_access():
        _ensure(cluster, RBAC, plural, namespace, document)
    aggregate(cluster)
    _ensure(cluster, NETWORKING, "servicecidrs", "", _service_range())
    ranges = cluster.kind(NETWORKING, "v1", "servicecidrs")
    _tell(cluster, ranges, "kubernetes", _RANGE_MANAGER, _RANGE_READY)
    _share(cluster)
    return cluster


def _share(cluster: Cluster) -> None:
    """How a kube-apiserver shares its time."""
    for plural, document in default_flows():
        resource = cluster.kind(FLOWS, "v1", plural)
        _ensure_of(cluster, resource, "", document, WriteOptions(manager=PRODUCER))
        if plural == "flowschemas":
            level = document["spec"]["priorityLevelConfiguration"]["name"]
            name = document["metadata"]["name"]
            _tell(cluster, resource, name, _CONSUMER, dangling(level, exists=True))


def _service_range() -> Document:
    return {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [str(RANGE)]}}


def _tell(
    cluster: Cluster, resource: ResourceType, name: str, manager: str, condition: Document
) -> None:
    """Apply a condition to the status of an object that has none."""
    key = Key("", name)
    if (cluster.read(resource, key).get("status") or {}).get("conditions"):
        return
    config = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name},
        "status": {"conditions": [condition | {"lastTransitionTime": timestamp(cluster.clock())}]},
    }
    options = WriteOptions(manager=manager, subresource="status", force=True)
    mutations.apply(cluster, resource, key, config, options, merge=lifecycle.changed_status)


def _kubernetes_service(port: int) -> Document:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    listed = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port or 6443}]
    return {
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": KUBERNETES, "ports": listed},
    }


def _priority_classes() -> Iterator[Document]:
    for name, (value, description) in SYSTEM_CLASSES.items():
        yield {"metadata": {"name": name}, "value": value, "description": description}


def _ensure_all(cluster: Cluster, group: str, plural: str, documents: Iterable[Document]) -> None:
    for document in documents:
        _ensure(cluster, group, plural, "", document)


def _ensure(cluster: Cluster, group: str, plural: str, namespace: str, document: Document) -> None:
    resource = cluster.kind(group, "v1", plural)
    # a definition that comes with the sandbox gives way to one that is applied, without conflicts
    options = WriteOptions(manager=API_SERVER, tracked=not definitions.is_definition(resource))
    _ensure_of(cluster, resource, namespace, document, options)


def _ensure_of(
    cluster: Cluster, resource: ResourceType, namespace: str, document: Document,
    options: WriteOptions,
) -> None:  # fmt: skip
    if Key(namespace, document["metadata"]["name"]) not in cluster.collection(resource).documents:
        mutations.create(cluster, resource, namespace, document, options)
