"""Which pods use which claims. Pure."""

from collections.abc import Iterator

from kthena_sandbox.kinds import Document

_ENDED = frozenset({"Failed", "Succeeded"})


def names_of_claims(pod: Document) -> Iterator[str]:
    """The claims that a pod names."""
    for volume in pod["spec"].get("volumes") or []:
        if source := volume.get("persistentVolumeClaim"):
            yield str(source["claimName"])


def is_used(claim: Document, pod: Document) -> bool:
    """Whether a pod names a claim of its namespace, and has not ended."""
    metadata, named = claim["metadata"], pod["metadata"]
    if named.get("namespace") != metadata.get("namespace"):
        return False
    ended = (pod.get("status") or {}).get("phase") in _ENDED
    return not ended and metadata["name"] in names_of_claims(pod)
