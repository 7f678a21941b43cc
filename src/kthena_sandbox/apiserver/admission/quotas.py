"""Nothing beyond what a namespace's ResourceQuotas leave (the admission plugin ResourceQuota).

What counts is what a controller has taken over into a quota's status; what is used is known at the moment itself (`usages`),
and never behind.
"""

from collections.abc import Mapping
from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey
from kthena_sandbox.schema.podresources import Amounts, amount_of
from kthena_sandbox.schema.quotausage import Place, concerns, unsaid, usage_of
from kthena_sandbox.schema.reading import table_of, text

Document = dict[str, Any]
_QUOTAS = CollectionKey("", "resourcequotas")
_PODS = ("", "pods")
_CHANGING = frozenset(
    {("", "persistentvolumeclaims"), ("", "services")}
)  # what may come to use more


def check(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for a write that would use more than is left."""
    place = (attempt.resource.group, attempt.resource.plural)
    if attempt.new is None or attempt.subresource:
        return
    if attempt.operation == "UPDATE" and place not in _CHANGING:
        return
    namespace = (attempt.new.get("metadata") or {}).get("namespace", "")  # reviews need no metadata
    quotas = [quota for quota in _quotas(cluster, namespace) if concerns(quota, place, attempt.new)]
    if not quotas:
        return
    wanted = _wanted(place, attempt)
    if place == _PODS:
        for quota in quotas:
            _check_said(quota, attempt, wanted)
    for quota in quotas:
        _check_left(cluster, quota, attempt, wanted)


def _quotas(cluster: Cluster, namespace: str) -> list[Document]:
    if not namespace:
        return []
    found = cluster.store.collection(_QUOTAS).documents
    return [found[key] for key in sorted(found) if key.namespace == namespace]


def _wanted(place: Place, attempt: Attempt) -> Amounts:
    """What the write adds to what is used."""
    before = usage_of(place, attempt.old) if attempt.old is not None else {}
    after = usage_of(place, attempt.subject)
    return {
        name: amount._replace(value=amount.value - (before[name].value if name in before else 0))
        for name, amount in after.items()
        if name not in before or amount.value > before[name].value
    }


def _check_said(quota: Document, attempt: Attempt, wanted: Amounts) -> None:
    missing = unsaid(table_of(quota, "status.hard"), attempt.subject)
    if missing and wanted:
        why = f"failed quota: {text(quota, 'metadata.name')}: must specify {missing}"
        raise forbidden(attempt.resource, attempt.subject["metadata"]["name"], why)


def _check_left(cluster: Cluster, quota: Document, attempt: Attempt, wanted: Amounts) -> None:
    hard, name = table_of(quota, "status.hard"), text(quota, "metadata.name")
    asked = {key: wanted[key] for key in sorted(wanted) if key in hard}
    if not asked:
        return
    known = table_of(quota, "status.used")
    subject = attempt.subject["metadata"]["name"]
    if unknown := [key for key in asked if key not in known]:
        why = f"status unknown for quota: {name}, resources: {','.join(unknown)}"
        raise forbidden(attempt.resource, subject, why)
    place = (attempt.resource.group, attempt.resource.plural)
    used = cluster.usages.used(cluster.collection(attempt.resource), quota, place)
    over = [
        key
        for key, amount in asked.items()
        if amount.plus(used.get(key, amount_of("0"))).value > amount_of(hard[key]).value
    ]
    if not over:
        return
    told = ", ".join((
        f"requested: {_listed(over, asked)}", f"used: {_listed(over, used)}",
        f"limited: {_listed(over, hard)}",
    ))  # fmt: skip
    raise forbidden(attempt.resource, subject, f"exceeded quota: {name}, {told}")


def _listed(names: list[str], table: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={table.get(name, '0')}" for name in names)
