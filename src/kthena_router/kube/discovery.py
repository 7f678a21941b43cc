"""Whether the API serves a kind at all (Kubernetes API discovery): a 404 alone may come from something in between."""

from typing import Any

import msgspec

from kthena_router.api.kinds import Kind
from kthena_router.kube.client import KubeApi, decoded


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, frozen=True):
    versions: list[_Version]


class _GroupList(msgspec.Struct, frozen=True):
    groups: list[_Group]


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _ResourceList(msgspec.Struct, frozen=True):
    resources: list[_Resource]


async def is_served(api: KubeApi, kind: Kind[Any]) -> bool:
    """Return whether *kind*, which is in a named group, is among what the API says it serves. Raises KubeError."""
    groups = decoded(await api.request("GET", "/apis"), _GroupList, "list API groups").groups
    if kind.api_version not in {one.group_version for group in groups for one in group.versions}:
        return False
    path = f"/apis/{kind.api_version}"
    resources = decoded(await api.request("GET", path), _ResourceList, f"GET {path}").resources
    return kind.plural in {one.name for one in resources}
