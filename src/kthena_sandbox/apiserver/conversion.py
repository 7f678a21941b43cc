"""Objects of one collection in another version: CRDs by strategy None or by webhook, the two Event groups, and autoscalers."""

from typing import Any

from kthena_sandbox.apiserver.conversions import Conversions
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import structural
from kthena_sandbox.schema.autoscalers import OLD, to_new, to_old

Document = dict[str, Any]

# events.k8s.io/v1 name, core/v1 name (staging/src/k8s.io/api/events/v1, conversion of events)
_EVENT_FIELDS = (
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)
_TO_CORE = dict(_EVENT_FIELDS)
_FROM_CORE = {core: new for new, core in _EVENT_FIELDS}


_STORED_AS = {
    ("", "endpoints"): "services/endpoints", ("", "nodes"): "minions",
    ("", "replicationcontrollers"): "controllers", ("", "services"): "services/specs",
    ("networking.k8s.io", "ingresses"): "ingress",
}  # fmt: skip


def storage_path(resource: ResourceType, key: Key) -> str:
    """Where a kube-apiserver keeps an object in etcd, below its prefix; some refusals name the place."""
    plural = _STORED_AS.get((resource.group, resource.plural), resource.plural)
    grouped = resource.custom or resource.group == "apiextensions.k8s.io"
    parts = [resource.group if grouped else "", plural, *key]
    return "".join(f"/{part}" for part in parts if part)


def to_storage(resource: ResourceType, document: Document, known: Conversions) -> Document:
    """The object as it is kept. Raises Unconverted."""
    if resource.conversion is not None:
        kept = f"{resource.group}/{resource.storage_version}"
        return known.converted(resource, document, kept)
    if resource.group == "events.k8s.io":
        return _renamed(document, _TO_CORE) | {"apiVersion": "v1"}
    if document.get("apiVersion") == OLD:
        return to_new(document)
    if resource.storage_version and resource.storage_version != resource.version:
        return document | {"apiVersion": f"{resource.group}/{resource.storage_version}"}
    return document


def from_storage(resource: ResourceType, document: Document, known: Conversions) -> Document:
    """The object in the version it is asked for in, pruned and with the defaults of now. Raises Unconverted.

    "Defaulting" and "Field pruning" of custom resources, in the Kubernetes documentation, say that both happen when objects
    are read as well.
    """
    converted = _in_version(resource, document, known)
    if resource.schema is None or not resource.reshaped:
        return converted
    return structural.default(structural.prune(converted, resource.schema)[0], resource.schema)


def _in_version(resource: ResourceType, document: Document, known: Conversions) -> Document:
    if resource.conversion is not None:
        return known.converted(resource, document, resource.api_version)
    if document.get("apiVersion") == resource.api_version:
        return document
    if resource.api_version == OLD:
        return to_old(document)
    if resource.group == "events.k8s.io":
        document = _renamed(document, _FROM_CORE)
    return document | {"apiVersion": resource.api_version}


def _renamed(document: Document, names: dict[str, str]) -> Document:
    return {names.get(name, name): value for name, value in document.items()}
