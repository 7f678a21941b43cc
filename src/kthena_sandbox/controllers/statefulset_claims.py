"""The claims of a StatefulSet's pods: one of each template for each ordinal, which stay or go as its policy says. Pure.

After "PersistentVolumeClaim retention" in the Kubernetes documentation: owners make the garbage collector delete claims.
"""

from collections.abc import Iterator
from copy import deepcopy

from kthena_sandbox.controllers.ownership import reference_to
from kthena_sandbox.controllers.statefulset_plan import ordinals_of
from kthena_sandbox.kinds import Document, uid_of


def templates_of(stateful_set: Document) -> list[Document]:
    """The templates of its claims."""
    return stateful_set["spec"].get("volumeClaimTemplates") or []


def claim_name(template: Document, pod_name: str) -> str:
    """The claim of a pod from a template."""
    return f"{template['metadata']['name']}-{pod_name}"


def new_claims(stateful_set: Document, pod_name: str) -> Iterator[Document]:
    """The claims that a pod is to have."""
    metadata = stateful_set["metadata"]
    selected = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    for template in templates_of(stateful_set):
        given = template["metadata"]
        own = {
            "name": claim_name(template, pod_name),
            "namespace": metadata["namespace"],
            "labels": (given.get("labels") or {}) | selected,
        }
        if given.get("annotations"):
            own["annotations"] = given["annotations"]
        if _policy(stateful_set, "whenDeleted") == "Delete":
            own["ownerReferences"] = [reference_to(stateful_set)]
        yield {"metadata": own, "spec": deepcopy(template["spec"])}


def with_claims(pod: Document, stateful_set: Document) -> Document:
    """The pod with its claims as volumes, in place of volumes of their names."""
    names = {
        template["metadata"]["name"]: claim_name(template, pod["metadata"]["name"])
        for template in templates_of(stateful_set)
    }
    if not names:
        return pod
    kept = [volume for volume in pod["spec"].get("volumes") or [] if volume["name"] not in names]
    added = [
        {"name": name, "persistentVolumeClaim": {"claimName": claim}}
        for name, claim in names.items()
    ]
    return pod | {"spec": pod["spec"] | {"volumes": [*added, *kept]}}


def owners_of(
    claim: Document, stateful_set: Document, pod: Document, ordinal: int
) -> list[Document]:
    """Who is to own a claim, so that it goes with him; others than set and pod stay as they are."""
    mine = {uid_of(stateful_set), uid_of(pod)}
    references = claim["metadata"].get("ownerReferences") or []
    kept = [entry for entry in references if entry["uid"] not in mine]
    condemned = ordinal not in ordinals_of(stateful_set)
    if condemned and _policy(stateful_set, "whenScaled") == "Delete":
        return [*kept, reference_to(pod)]
    if _policy(stateful_set, "whenDeleted") == "Delete":
        return [*kept, reference_to(stateful_set)]
    return kept


def _policy(stateful_set: Document, when: str) -> str:
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return str(policy.get(when, "Retain"))
