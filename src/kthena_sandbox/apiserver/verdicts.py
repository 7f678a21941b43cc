"""What becomes of a CertificateSigningRequest: `status`, and `approval`, which takes only conditions."""

from typing import Any

from kthena_sandbox.apiserver import lifecycle
from kthena_sandbox.apiserver.errors import cause_of, invalid
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.resources import ResourceType, is_request
from kthena_sandbox.schema.requestrules import verdict_rules

Document = dict[str, Any]


def approved(resource: ResourceType, new: Document, old: Document, now: Surroundings) -> Document:
    """The merge of `approval`: conditions are taken, the certificate stays. Raises ApiError 422."""
    certificate = (old.get("status") or {}).get("certificate")
    conditions = (new.get("status") or {}).get("conditions")
    status = {"conditions": conditions} if conditions else {}
    if certificate is not None:
        status["certificate"] = certificate
    return _judged(resource, new | {"status": status}, old, now, approving=True)


def told(resource: ResourceType, new: Document, old: Document, now: Surroundings) -> Document:
    """The merge of `status`; of all kinds but this one what it always is. Raises ApiError 422."""
    if not is_request(resource):
        return lifecycle.changed_status(resource, new, old, now)
    return _judged(resource, new, old, now, approving=False)


def _judged(
    resource: ResourceType, new: Document, old: Document, now: Surroundings, *, approving: bool
) -> Document:
    if wrong := verdict_rules(new, old, approving=approving):
        causes = [cause_of(error) for error in wrong]
        raise invalid(resource, old["metadata"]["name"], causes)
    status = dict(new.get("status") or {})
    if conditions := status.get("conditions"):
        status["conditions"] = _timed(conditions, old, now.now)
    return lifecycle.changed_status(resource, new | {"status": status}, old, now)


def _timed(conditions: list[Document], old: Document, now: str) -> list[Document]:
    """Conditions say when they came to be, and when somebody wrote them last."""
    before = {entry["type"]: entry for entry in (old.get("status") or {}).get("conditions") or []}
    timed = []
    for entry in conditions:
        known = before.get(entry["type"])
        usual = {"lastUpdateTime": now, "lastTransitionTime": now}
        if known is not None and known.get("status") == entry.get("status"):
            usual["lastTransitionTime"] = known.get("lastTransitionTime", now)
        timed.append(usual | entry)
    return timed
