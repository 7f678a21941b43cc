"""CustomResourceDefinitions: what they add to the kinds that are served, and what holds them. Pure."""

from typing import Any

from kthena_sandbox.apiserver.catalogue import Catalogue, collection_key
from kthena_sandbox.apiserver.definitionnames import as_served, is_established
from kthena_sandbox.apiserver.storage import CollectionKey
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import crd as schema_crd

Document = dict[str, Any]
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
GROUP = "apiextensions.k8s.io"
PLURAL = "customresourcedefinitions"
COLLECTION = CollectionKey(GROUP, PLURAL)


def is_definition(resource: ResourceType) -> bool:
    """Whether objects of the kind define kinds."""
    return (resource.group, resource.plural) == (GROUP, PLURAL)


def defined(catalogue: Catalogue, definition: Document) -> Catalogue:
    """The catalogue with the kinds of a definition as it is now."""
    spec = definition["spec"]
    types = schema_crd.resource_types(as_served(definition)) if is_established(definition) else ()
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


def is_going(definition: Document) -> bool:
    """Whether a definition is being deleted, and what it defines with it."""
    return "deletionTimestamp" in definition["metadata"]


def terminating(definition: Document, now: str) -> Document:
    """A definition that is to be deleted: held until its objects are gone, and said to be so."""
    metadata = definition["metadata"]
    finalizers = dict.fromkeys([*metadata.get("finalizers", []), CLEANUP_FINALIZER])
    own = {"deletionTimestamp": now, "finalizers": list(finalizers)}
    marked = definition | {"metadata": metadata | own}
    return with_condition(
        marked, now, "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    )  # fmt: skip


def with_condition(definition: Document, now: str, reason: str, message: str) -> Document:
    """A definition whose condition Terminating says why."""
    condition = {"type": "Terminating", "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}  # fmt: skip
    status = definition.get("status") or {}
    others = [one for one in status.get("conditions") or [] if one["type"] != "Terminating"]
    return definition | {"status": status | {"conditions": [*others, condition]}}


def released(definition: Document) -> Document:
    """A definition whose objects are gone: without the finalizer that waited for them."""
    metadata = definition["metadata"]
    kept = [entry for entry in metadata.get("finalizers", []) if entry != CLEANUP_FINALIZER]
    bare = {name: value for name, value in metadata.items() if name != "finalizers"}
    return definition | {"metadata": bare | ({"finalizers": kept} if kept else {})}


def place_of(definition: Document) -> CollectionKey:
    """Where the objects of a definition are kept."""
    spec = definition["spec"]
    return CollectionKey(spec["group"], spec["names"]["plural"])


def served_kind(catalogue: Catalogue, definition: Document) -> ResourceType | None:
    """A kind through which the objects of a definition can be reached; None where it serves none."""
    place = place_of(definition)
    kinds = (kind for kind in catalogue.types if kind.custom and collection_key(kind) == place)
    return next(kinds, None)
