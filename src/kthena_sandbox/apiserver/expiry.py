"""Events live for an hour, as in Kubernetes; what else grows for ever has an owner that deletes it."""

from datetime import timedelta

import trio

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.metadata import timestamp

EVENT_LIFE = timedelta(hours=1)
_PAUSE_SECONDS = 60.0


def expire_events(cluster: Cluster) -> None:
    """Delete the Events that nobody has touched for an hour."""
    resource = cluster.kind("", "v1", "events")
    oldest = timestamp(cluster.clock() - EVENT_LIFE)
    for key, document in list(cluster.collection(resource).documents.items()):
        touched = max(
            document["metadata"]["creationTimestamp"], document.get("lastTimestamp") or ""
        )
        if touched < oldest:
            cluster.remove(resource, key)


async def run_expiry(cluster: Cluster) -> None:
    """Look once a minute, for ever."""
    while True:
        await trio.sleep(_PAUSE_SECONDS)
        expire_events(cluster)
