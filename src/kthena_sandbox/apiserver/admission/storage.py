"""What volumes and claims get and may not do (the admission plugins DefaultStorageClass, StorageObjectInUseProtection, PersistentVolumeClaimResize)."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey, Key
from kthena_sandbox.apiserver.volumes import claim_grows
from kthena_sandbox.schema.reading import table_of, text
from kthena_sandbox.schema.storageclasses import BETA_CLASS, is_default

Document = dict[str, Any]
_FINALIZERS = {
    ("", "persistentvolumes"): "kubernetes.io/pv-protection",
    ("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    ("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}
_CLASSES = CollectionKey("storage.k8s.io", "storageclasses")
_NOT_RESIZED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
    "support resize"
)


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A new volume or claim that is protected while it is used; a claim that names no class gets the default one."""
    document, place = attempt.subject, (attempt.resource.group, attempt.resource.plural)
    if attempt.operation != "CREATE" or place not in _FINALIZERS:
        return document
    metadata = document["metadata"]
    finalizers = dict.fromkeys([*metadata.get("finalizers", []), _FINALIZERS[place]])
    protected = document | {"metadata": metadata | {"finalizers": list(finalizers)}}
    return _with_class(cluster, protected) if place[1] == "persistentvolumeclaims" else protected


def _with_class(cluster: Cluster, claim: Document) -> Document:
    spec, annotations = claim.get("spec"), table_of(claim, "metadata.annotations")
    if not isinstance(spec, dict) or "storageClassName" in spec or BETA_CLASS in annotations:
        return claim
    name = _default_class(cluster)
    return claim | {"spec": spec | {"storageClassName": name}} if name else claim


def _default_class(cluster: Cluster) -> str:
    """The youngest of the classes that are said to be the default; the first by name of several as young."""
    found = [
        document
        for document in cluster.store.collection(_CLASSES).documents.values()
        if is_default(document)
    ]
    if not found:
        return ""
    youngest = max(text(entry, "metadata.creationTimestamp") for entry in found)
    return min(
        text(entry, "metadata.name")
        for entry in found
        if text(entry, "metadata.creationTimestamp") == youngest
    )


def check(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for a claim that wants to grow where its class does not let it."""
    place = (attempt.resource.group, attempt.resource.plural)
    if place != ("", "persistentvolumeclaims") or attempt.new is None or attempt.old is None:
        return
    if attempt.subresource or not claim_grows(attempt.new, attempt.old):
        return
    name = text(attempt.old, "spec.storageClassName")
    found = cluster.store.get(_CLASSES, Key("", name)) if name else None
    if found is None or found.get("allowVolumeExpansion") is not True:
        raise forbidden(attempt.resource, attempt.subject["metadata"]["name"], _NOT_RESIZED)
