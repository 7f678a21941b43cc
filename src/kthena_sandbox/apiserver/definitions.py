"""CustomResourceDefinitions: a stored one is served at once; a deleted one takes its objects along."""

from typing import TYPE_CHECKING, Any

from kthena_sandbox.apiserver.catalogue import Catalogue, collection_key
from kthena_sandbox.apiserver.storage import CollectionKey, Key
from kthena_sandbox.apiserver.strategies import CLEANUP_FINALIZER
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import crd as schema_crd

if TYPE_CHECKING:
    from kthena_sandbox.apiserver.cluster import Cluster

Document = dict[str, Any]
GROUP = "apiextensions.k8s.io"
PLURAL = "customresourcedefinitions"
_COLLECTION = CollectionKey(GROUP, PLURAL)


def is_definition(resource: ResourceType) -> bool:
    """Whether objects of the kind define kinds."""
    return (resource.group, resource.plural) == (GROUP, PLURAL)


def defined(catalogue: Catalogue, definition: Document) -> Catalogue:
    """The catalogue with the kinds of a definition as it is now."""
    spec = definition["spec"]
    types = schema_crd.resource_types(definition)
    plural = spec["names"]["plural"]
    present = [
        kind for kind in catalogue.types if (kind.group, kind.plural) == (spec["group"], plural)
    ]
    if tuple(present) == types:  # a write to its status or labels: keep what was derived from this
        return catalogue
    return catalogue.with_types(spec["group"], plural, types)


def undefined(catalogue: Catalogue, definition: Document) -> Catalogue:
    """The catalogue without the kinds of a definition."""
    spec = definition["spec"]
    return catalogue.with_types(spec["group"], spec["names"]["plural"], ())


def finish(cluster: "Cluster", name: str) -> None:
    """Let a definition go that is being deleted and has no objects left."""
    definition = cluster.store.get(_COLLECTION, Key("", name))
    if definition is None or "deletionTimestamp" not in definition["metadata"]:
        return
    spec = definition["spec"]
    if cluster.store.collection(CollectionKey(spec["group"], spec["names"]["plural"])).documents:
        return
    finalizers = [
        entry
        for entry in definition["metadata"].get("finalizers", [])
        if entry != CLEANUP_FINALIZER
    ]
    resource = cluster.kind(GROUP, "v1", PLURAL)
    if not finalizers:
        cluster.remove(resource, Key("", name))
    elif len(finalizers) < len(definition["metadata"]["finalizers"]):
        metadata = definition["metadata"] | {"finalizers": finalizers}
        cluster.write(resource, definition | {"metadata": metadata})


def instances(cluster: "Cluster", definition: Document) -> tuple[ResourceType | None, list[Key]]:
    """A kind through which the objects of a definition can be deleted, and their places."""
    spec = definition["spec"]
    place = (spec["group"], spec["names"]["plural"])
    kinds = [
        kind
        for kind in cluster.catalogue.types
        if kind.custom and (kind.group, kind.plural) == place
    ]
    if not kinds:
        return None, []
    return kinds[0], list(cluster.store.collection(collection_key(kinds[0])).documents)
