"""What a PUT must say of the object that it replaces, and where it may create one."""

from typing import Any

from kthena_sandbox.apiserver.conversion import storage_path
from kthena_sandbox.apiserver.errors import conflict, unversioned
from kthena_sandbox.apiserver.options import WriteOptions
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
# Kinds whose objects may only be replaced by those who name the resourceVersion they have seen.
_CONDITIONAL = frozenset(
    {
        "leases.coordination.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "poddisruptionbudgets.policy",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "runtimeclasses.node.k8s.io",
    }
)


def creates(resource: ResourceType) -> bool:
    """Whether a PUT to a name that is free creates the object."""
    if resource.group == "rbac.authorization.k8s.io":
        return True
    return (resource.group, resource.plural) in {
        ("coordination.k8s.io", "leases"), ("", "events"), ("", "endpoints"), ("", "limitranges"),
        ("", "services"), ("events.k8s.io", "events"), ("node.k8s.io", "runtimeclasses"),
    }  # fmt: skip


def require_version(resource: ResourceType, key: Key, document: Document) -> None:
    """Raises ApiError 422 where a PUT must name the version that it has seen, and does not."""
    conditional = resource.custom or f"{resource.plural}.{resource.group}" in _CONDITIONAL
    if conditional and not document["metadata"].get("resourceVersion"):
        raise unversioned(resource, key.name)


def require_version_of_other(resource: ResourceType, key: Key, body: object) -> None:
    """Of a custom object one is told that the version is missing before that the kind is another. Raises ApiError 422."""
    if not isinstance(body, dict) or body.get("apiVersion") != resource.api_version:
        return
    kind, metadata = body.get("kind"), body.get("metadata")
    other = resource.custom and isinstance(kind, str) and kind not in {"", resource.kind}
    if other and isinstance(metadata, dict) and metadata.get("name") == key.name:
        require_version(resource, key, body)


def require_uid(
    resource: ResourceType, key: Key, document: Document, present: Document | None,
    options: WriteOptions,
) -> None:  # fmt: skip
    """A PUT that names a uid is about the object of that uid. Raises ApiError 409."""
    found = "" if present is None else present["metadata"]["uid"]
    wanted = document["metadata"].get("uid") or found
    if wanted != found:
        place = storage_path(resource, key)
        place = place if options.dry_run else f"/registry{place}"
        raise conflict(
            resource, key.name,
            f"StorageError: invalid object, Code: 4, Key: {place}, ResourceVersion: 0, AdditionalErrorMsg: "
            f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
        )  # fmt: skip
