"""What every cluster has from its first moment: namespaces, the `kubernetes` Service, classes, roles, the bundled CRDs."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import resources
from random import Random
from typing import Any

import yaml

from kthena_sandbox.apiserver import definitions, mutations
from kthena_sandbox.apiserver.absent import ABSENT
from kthena_sandbox.apiserver.auth.aggregation import aggregate
from kthena_sandbox.apiserver.auth.authorizer import GROUP as RBAC
from kthena_sandbox.apiserver.auth.defaultroles import default_bindings, default_roles
from kthena_sandbox.apiserver.catalogue import Catalogue
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.fieldmanagers import API_SERVER
from kthena_sandbox.apiserver.negotiation import JsonLoader
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.reviews import REVIEWS
from kthena_sandbox.apiserver.services import KUBERNETES
from kthena_sandbox.apiserver.storage import CollectionKey, Key, Store
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.classrules import SYSTEM_CLASSES

Document = dict[str, Any]

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system", "kthena-system")
_EPOCH = datetime.fromisoformat("2024-01-01T00:00:00+00:00")


def first_revision(now: datetime) -> int:
    """Where the revisions of a server without a state file begin.

    It lies above all that an earlier server has given out (below a thousand writes a second), so that
    clients who come back with an old one are told 410 instead of waiting for a future that passed.
    """
    return int((now - _EPOCH).total_seconds() * 1000)


def known_types(store: Store) -> Catalogue:
    """The built-in kinds and those of the definitions in the store."""
    present = {(kind.group, kind.plural) for kind in BUILTIN}
    others = (kind for kind in (*REVIEWS, *ABSENT) if (kind.group, kind.plural) not in present)
    catalogue = Catalogue((*BUILTIN, *others))
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
    _ensure_all(cluster, RBAC, "clusterroles", default_roles())
    _ensure_all(cluster, RBAC, "clusterrolebindings", default_bindings())
    aggregate(cluster)
    return cluster


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
    if Key(namespace, document["metadata"]["name"]) not in cluster.collection(resource).documents:
        # a definition that comes with the sandbox gives way to one that is applied, without conflicts
        options = WriteOptions(manager=API_SERVER, tracked=not definitions.is_definition(resource))
        mutations.create(cluster, resource, namespace, document, options)
