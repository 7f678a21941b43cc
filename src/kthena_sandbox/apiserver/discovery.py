"""Discovery documents: which groups, versions, resources and verbs there are."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from kthena_sandbox.apiserver.catalogue import Catalogue
from kthena_sandbox.apiserver.negotiation import JSON, media_ranges
from kthena_sandbox.resources import ResourceType

_ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_ALL_OF_CUSTOM = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_CREATE_ONLY = ["create"]
_SUBRESOURCES: dict[str, tuple[list[str], tuple[str, str, str] | None]] = {
    "status": (["get", "patch", "update"], None),
    "approval": (["get", "patch", "update"], None),
    "scale": (["get", "patch", "update"], ("autoscaling", "v1", "Scale")),
    "finalize": (["update"], None),
    "log": (["get"], None),
    "binding": (["create"], ("", "v1", "Binding")),
    "portforward": (["create", "get"], ("", "v1", "PodPortForwardOptions")),
    "proxy": (["create", "delete", "get", "patch", "update"], ("", "v1", "{kind}ProxyOptions")),
    "eviction": (["create"], ("policy", "v1", "Eviction")),
    "token": (["create"], ("authentication.k8s.io", "v1", "TokenRequest")),
}
# Built-in groups in the order of a kube-apiserver; those of CRDs come after.
_ORDER = (
    "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io",
    "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io",
    "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)  # fmt: skip
Verbs = list[str]


def is_review(resource: ResourceType) -> bool:
    """Whether objects of the kind are answered and never kept, as SubjectAccessReviews are."""
    return resource.group in {"authorization.k8s.io", "authentication.k8s.io"}


def verbs_of(resource: ResourceType) -> Verbs:
    """What can be done with the kind itself."""
    if is_review(resource):
        return _CREATE_ONLY
    if resource.custom:
        return _ALL_OF_CUSTOM
    return [verb for verb in _ALL if verb != "deletecollection" or is_cleared(resource)]


def is_cleared(resource: ResourceType) -> bool:
    """Whether all objects of the kind can be deleted at once: not namespaces."""
    return (resource.group, resource.plural) != ("", "namespaces")


def legacy_versions(address: str) -> dict[str, Any]:
    """`/api` of the server at *address*."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(catalogue: Catalogue) -> dict[str, Any]:
    """`/apis`."""
    groups = [_group(group, versions) for group, versions in _named_groups(catalogue)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _named_groups(catalogue: Catalogue) -> list[tuple[str, tuple[str, ...]]]:
    places = {group: place for place, group in enumerate(_ORDER)}
    listed = [(group, versions) for group, versions in catalogue.groups.items() if group]
    return sorted(listed, key=lambda entry: (places.get(entry[0], len(places)), entry[0]))


def _group(group: str, versions: Iterable[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def api_group(catalogue: Catalogue, group: str) -> dict[str, Any] | None:
    """`/apis/<group>`, None for an unknown group."""
    versions = catalogue.groups.get(group)
    if not group or versions is None:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, versions)


def resource_list(catalogue: Catalogue, group: str, version: str) -> dict[str, Any] | None:
    """`/apis/<group>/<version>` or `/api/v1`, None for an unknown one."""
    types = catalogue.of_version(group, version)
    if not types:
        return None
    entries = [entry for kind in types for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group else {}),  # as a kube-apiserver has it
        "groupVersion": types[0].api_version,
        "resources": entries,
    }


def _entries(kind: ResourceType) -> Iterable[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs_of(kind),
    }
    yield entry | _names(kind) | _storage_hash(kind)
    for name in served_subresources(kind):
        verbs, other = _of_subresource(kind, name)
        group, version, shown = other or ("", "", kind.kind)
        version = version if group else ""
        yield {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            **({"group": group} if group else {}),
            **({"version": version} if version else {}),
            "kind": shown,
            "verbs": verbs,
        }


def _storage_hash(kind: ResourceType) -> dict[str, str]:
    """The mark of the version that objects are kept in, by which clients see that it changed."""
    if is_review(kind):
        return {}
    group = "" if kind.kind == "Event" else kind.group
    text = f"{group}/{kind.storage_version or kind.version}/{kind.kind}"
    mark = base64.b64encode(hashlib.sha256(text.encode()).digest()[:8])
    return {"storageVersionHash": mark.decode()}


def _names(kind: ResourceType) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    return names


def served_subresources(kind: ResourceType) -> list[str]:
    """The subresources that discovery tells about, by name."""
    return sorted(name for name in kind.subresources if name in _SUBRESOURCES)


def aggregated_form(accept: str) -> str | None:
    """The apidiscovery version that the client wants most and we have; None for plain JSON."""
    for entry in media_ranges(accept):
        if entry.type != JSON:
            continue
        wanted = entry.parameters
        if not wanted.get("as"):
            return None
        version = wanted.get("v")
        if wanted.get("g") == "apidiscovery.k8s.io" and version in {"v2", "v2beta1"}:
            return version
    return None


def aggregated(catalogue: Catalogue, version: str, *, legacy: bool) -> dict[str, Any]:
    """`/api` (legacy) or `/apis` as an APIGroupDiscoveryList, a whole tree in one answer."""
    groups = [("", catalogue.groups.get("", ()))] if legacy else _named_groups(catalogue)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [_aggregated_group(catalogue, group, versions) for group, versions in groups],
    }


def _aggregated_group(catalogue: Catalogue, group: str, versions: Iterable[str]) -> dict[str, Any]:
    metadata = {"name": group} if group else {}
    listed = [
        {
            "version": version,
            "resources": [_aggregated(kind) for kind in catalogue.of_version(group, version)],
            "freshness": "Current",
        }
        for version in versions
    ]
    return {"metadata": metadata, "versions": listed}


def _aggregated(kind: ResourceType) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": _own_kind(kind),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": verbs_of(kind),
    }
    subresources = [_aggregated_sub(kind, name) for name in served_subresources(kind)]
    return entry | _names(kind) | ({"subresources": subresources} if subresources else {})


def _of_subresource(kind: ResourceType, name: str) -> tuple[Verbs, tuple[str, str, str] | None]:
    """Verbs, and the kind of what it takes and answers where that is another."""
    verbs, other = _SUBRESOURCES[name]
    if other is None:
        return verbs, None
    group, version, shown = other
    return verbs, (group, version, shown.format(kind=kind.kind))


def _aggregated_sub(kind: ResourceType, name: str) -> dict[str, Any]:
    verbs, other = _of_subresource(kind, name)
    answer = _own_kind(kind)
    if other:
        answer = dict(zip(("group", "version", "kind"), other, strict=True))
    if not answer["group"]:
        answer["version"] = ""  # as a kube-apiserver has it for its core group
    return {"subresource": name, "responseKind": answer, "verbs": verbs}


def _own_kind(kind: ResourceType) -> dict[str, str]:
    """The kind of an answer; built-in groups leave out what is said around it."""
    place = (
        {"group": kind.group, "version": kind.version}
        if kind.custom
        else {"group": "", "version": ""}
    )
    return place | {"kind": kind.kind}


def etag(document: bytes) -> str:
    """The entity tag of a document, as a kube-apiserver forms it."""
    return f'"{hashlib.sha512(document).hexdigest().upper()}"'


def encoded(document: Any) -> bytes:
    """A document as bytes."""
    return msgspec.json.encode(document)
