"""Which kinds the API serves and can list, by aggregated discovery."""

from collections.abc import Iterator

from kthena_sandbox.client import Client
from kthena_sandbox.kinds import Document, Kind

_AGGREGATED = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
_NEEDED = {"delete", "list", "watch"}


def kinds_in(document: Document) -> Iterator[Kind]:
    """The kinds of an APIGroupDiscoveryList, each in its preferred version. Pure."""
    for group in document.get("items") or []:
        seen: set[str] = set()
        for version in group.get("versions") or []:
            for entry in version.get("resources") or []:
                if set(entry["verbs"]) >= _NEEDED and entry["resource"] not in seen:
                    seen.add(entry["resource"])
                    yield _kind(group["metadata"].get("name", ""), version["version"], entry)


def _kind(group: str, version: str, entry: Document) -> Kind:
    name = entry["responseKind"]["kind"]
    return Kind(group, version, name, entry["resource"], entry["scope"] == "Namespaced")


async def discover(client: Client) -> tuple[Kind, ...]:
    """All kinds that can be listed, watched and deleted. Raises ApiError, ApiAway."""
    found: list[Kind] = []
    for path in ("/api", "/apis"):
        found += kinds_in(await client.call("GET", path, headers=_AGGREGATED))
    return tuple(found)
