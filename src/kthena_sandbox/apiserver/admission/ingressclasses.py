"""The class of Ingresses that name none (the admission plugin DefaultIngressClass)."""

from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey

Document = dict[str, Any]
GROUP = "networking.k8s.io"
_CLASSES = CollectionKey(GROUP, "ingressclasses")
_OLD_NAME = "kubernetes.io/ingress.class"
_IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A new Ingress with the default class, the one that was made last where there are several."""
    ingress = attempt.subject
    if attempt.operation != "CREATE" or not attempt.is_about(GROUP, "ingresses"):
        return ingress
    spec = ingress.get("spec") or {}
    if spec.get("ingressClassName") is not None or _OLD_NAME in _annotations(ingress):
        return ingress
    classes = cluster.store.collection(_CLASSES).documents.values()
    found = [
        entry["metadata"] for entry in classes if _annotations(entry).get(_IS_DEFAULT) == "true"
    ]
    if not found:
        return ingress
    youngest = max(metadata["creationTimestamp"] for metadata in found)
    name = min(one["name"] for one in found if one["creationTimestamp"] == youngest)
    return ingress | {"spec": spec | {"ingressClassName": name}}


def _annotations(document: Document) -> Document:
    return document["metadata"].get("annotations") or {}
