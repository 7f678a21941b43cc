"""ClusterRoles that are made of others: their rules are the rules of all that their selectors choose."""

from typing import Any

from kthena_sandbox.apiserver.auth.authorizer import GROUP
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.storage import CollectionKey
from kthena_sandbox.schema.labels import selects

Document = dict[str, Any]
_ROLES = CollectionKey(GROUP, "clusterroles")
_ROUNDS = 10  # roles that are made of each other in a circle may never come to rest


def aggregate(cluster: Cluster) -> None:
    """Bring the rules of all aggregated roles up to date, also of those that are made of each other."""
    for _ in range(_ROUNDS):
        changed = [_update(cluster, role) for role in _aggregated(cluster)]
        if not any(changed):
            return


def _aggregated(cluster: Cluster) -> list[Document]:
    roles = cluster.store.collection(_ROLES).documents.values()
    return [role for role in roles if role.get("aggregationRule")]


def _update(cluster: Cluster, role: Document) -> bool:
    rules = _rules(role, list(cluster.store.collection(_ROLES).documents.values()))
    changed = rules != (role.get("rules") or [])
    if changed:
        cluster.write(cluster.kind(GROUP, "v1", "clusterroles"), role | {"rules": rules})
    return changed


def _rules(role: Document, roles: list[Document]) -> list[Document]:
    selectors = role["aggregationRule"].get("clusterRoleSelectors") or []
    own = role["metadata"]["name"]
    chosen = {
        other["metadata"]["name"]: other
        for selector in selectors
        for other in roles
        if other["metadata"]["name"] != own
        and selects(selector, other["metadata"].get("labels") or {})
    }
    found: list[Document] = []
    for _, other in sorted(chosen.items()):
        found += [rule for rule in other.get("rules") or [] if rule not in found]
    return found


async def run_aggregation(cluster: Cluster) -> None:
    """Follow the ClusterRoles for ever."""
    while True:
        aggregate(cluster)
        await cluster.store.collection(_ROLES).wait_changed()
