"""Which pods use which claims. Pure."""

from collections.abc import Iterator

from kthena_sandbox.kinds import Document

_ENDED = frozenset({"Failed", "Succeeded"})


def claim_of(volume: Document, pod: Document) -> str:
    """The claim that a volume of a pod is about, "" for none; one that the pod brings along has the names of both."""
    if source := volume.get("persistentVolumeClaim"):
        return str(source["claimName"])
    return f"{pod['metadata']['name']}-{volume['name']}" if volume.get("ephemeral") else ""


def names_of_claims(pod: Document) -> Iterator[str]:
    """The claims of a pod."""
    for volume in pod["spec"].get("volumes") or []:
        if name := claim_of(volume, pod):
            yield name


def is_used(claim: Document, pod: Document) -> bool:
    """Whether a claim is one of a pod of its namespace that has not ended."""
    metadata, named = claim["metadata"], pod["metadata"]
    if named.get("namespace") != metadata.get("namespace"):
        return False
    ended = (pod.get("status") or {}).get("phase") in _ENDED
    return not ended and metadata["name"] in names_of_claims(pod)
