"""Discovery documents: which groups, versions, resources and verbs there are."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from kthena_sandbox.apiserver.catalogue import Catalogue
from kthena_sandbox.apiserver.negotiation import JSON, media_ranges
from kthena_sandbox.resources import ResourceType

_ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_CREATE_ONLY = ["create"]
_READ_ONLY = ["get", "list", "watch"]
_SUBRESOURCES: dict[str, tuple[list[str], tuple[str, str, str] | None]] = {
    "status": (["get", "patch", "update"], None),
    "scale": (["get", "patch", "update"], ("autoscaling", "v1", "Scale")),
    "finalize": (["update"], None),
    "log": (["get"], None),
    "binding": (["create"], ("", "v1", "Binding")),
    "portforward": (["create", "get"], ("", "v1", "PodPortForwardOptions")),
    "eviction": (["create"], ("policy", "v1", "Eviction")),
    "token": (["create"], ("authentication.k8s.io", "v1", "TokenRequest")),
}
_ADDRESS = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
Verbs = list[str]


def is_review(resource: ResourceType) -> bool:
    """Whether objects of the kind are answered and never kept, as SubjectAccessReviews are."""
    return resource.group in {"authorization.k8s.io", "authentication.k8s.io"}


def verbs_of(resource: ResourceType) -> Verbs:
    """What can be done with the kind itself."""
    if is_review(resource):
        return _CREATE_ONLY
    if resource.empty:
        return _READ_ONLY
    return [verb for verb in _ALL if verb != "deletecollection" or is_cleared(resource)]


def is_cleared(resource: ResourceType) -> bool:
    """Whether all objects of the kind can be deleted at once: not namespaces."""
    return (resource.group, resource.plural) != ("", "namespaces")


def legacy_versions() -> dict[str, Any]:
    """`/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": _ADDRESS}


def group_list(catalogue: Catalogue) -> dict[str, Any]:
    """`/apis`."""
    groups = [_group(group, versions) for group, versions in _named_groups(catalogue)]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _named_groups(catalogue: Catalogue) -> list[tuple[str, tuple[str, ...]]]:
    return [(group, versions) for group, versions in catalogue.groups.items() if group]


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
        "apiVersion": "v1",
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
    yield entry | _names(kind)
    for name in served_subresources(kind):
        verbs, other = _SUBRESOURCES[name]
        group, version, shown = other or ("", "", kind.kind)
        yield {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            **({"group": group} if group else {}),
            **({"version": version} if version else {}),
            "kind": shown,
            "verbs": verbs,
        }


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
    metadata = {"creationTimestamp": None} | ({"name": group} if group else {})
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
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": verbs_of(kind),
    }
    subresources = [_aggregated_sub(kind, name) for name in served_subresources(kind)]
    return entry | _names(kind) | ({"subresources": subresources} if subresources else {})


def _aggregated_sub(kind: ResourceType, name: str) -> dict[str, Any]:
    verbs, other = _SUBRESOURCES[name]
    group, version, shown = other or (kind.group, kind.version, kind.kind)
    answer = {"group": group, "version": version, "kind": shown}
    return {"subresource": name, "responseKind": answer, "verbs": verbs}


def etag(document: bytes) -> str:
    """The entity tag of a document, as a kube-apiserver forms it."""
    return f'"{hashlib.sha512(document).hexdigest().upper()}"'


def encoded(document: Any) -> bytes:
    """A document as bytes."""
    return msgspec.json.encode(document)
