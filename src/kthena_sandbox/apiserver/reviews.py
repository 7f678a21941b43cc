"""Access and identity reviews: questions that are answered and not kept.

There is one user and everything is allowed to it.
"""

from typing import Any

from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
USER = "kubernetes-admin"
GROUPS = ("system:masters", "system:authenticated")


def _type(group: str, kind: str, *, namespaced: bool = False) -> ResourceType:
    plural, singular = f"{kind.lower()}s", kind.lower()
    return ResourceType(group, "v1", kind, plural, singular, namespaced, f"{kind}List")


REVIEWS = (
    _type("authentication.k8s.io", "SelfSubjectReview"),
    _type("authorization.k8s.io", "LocalSubjectAccessReview", namespaced=True),
    _type("authorization.k8s.io", "SelfSubjectAccessReview"),
    _type("authorization.k8s.io", "SelfSubjectRulesReview"),
    _type("authorization.k8s.io", "SubjectAccessReview"),
)


def answered(resource: ResourceType, document: Document) -> Document:
    """The review with its answer in `status`."""
    statuses: dict[str, Document] = {
        "SelfSubjectReview": {"userInfo": {"username": USER, "groups": list(GROUPS)}},
        "SelfSubjectRulesReview": _every_rule(),
    }
    allowed = {"allowed": True, "reason": "everything is allowed in this cluster"}
    status = statuses.get(resource.kind, allowed)
    return {"metadata": {"creationTimestamp": None}} | document | {"status": status}


def _every_rule() -> Document:
    return {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }
