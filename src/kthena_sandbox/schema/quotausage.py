"""What objects use of what a ResourceQuota limits, and which objects one is about.

As "Resource Quotas" of the Kubernetes documentation has it: pods that have ended use nothing, and a count of objects
(`count/…`) takes all that are there.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kthena_sandbox.schema.podresources import (
    Amount,
    Amounts,
    added,
    amount_of,
    containers_of,
    pod_resources,
)
from kthena_sandbox.schema.reading import at, maps, table_of, text, whole
from kthena_sandbox.schema.resourcenames import COMPUTE, is_extended, is_pages
from kthena_sandbox.schema.storageclasses import class_of

Document = dict[str, Any]
Place = tuple[str, str]  # group and plural
ONE = Amount(Decimal(1))
_PODS, _CLAIMS, _SERVICES = ("", "pods"), ("", "persistentvolumeclaims"), ("", "services")
_COUNTED = frozenset({
    "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services",
})  # fmt: skip
OF_CLASS = ".storageclass.storage.k8s.io/"
_ENDED = frozenset({"Failed", "Succeeded"})


def count_name(place: Place) -> str:
    """The name under which all objects of a kind are counted."""
    group, plural = place
    return f"count/{plural}.{group}" if group else f"count/{plural}"


def places_of(hard: Mapping[str, Any]) -> set[Place]:
    """The kinds that use what a quota limits."""
    found = set()
    for name in hard:
        if name.startswith("count/"):
            plural, _, group = name.removeprefix("count/").partition(".")
            found.add((group, plural))
        elif OF_CLASS in name or name == "requests.storage":
            found.add(_CLAIMS)
        elif name.partition(".")[0] in _COUNTED:
            found.add(("", name.partition(".")[0]))
        else:
            found.add(_PODS)
    return found


def is_used_by(name: str, place: Place) -> bool:
    """Whether objects of a kind use what has that name; devices are asked for, and not had without."""
    known = place in places_of({name: None})
    return known and (place != _PODS or not is_extended(name) or name == count_name(_PODS))


def usage_of(place: Place, document: Document) -> Amounts:
    """What one object uses."""
    counted = {count_name(place): ONE}
    if place == _PODS:
        return counted | ({} if text(document, "status.phase") in _ENDED else _of_pod(document))
    if place == _CLAIMS:
        return counted | _of_claim(document)
    if place == _SERVICES:
        return counted | _of_service(document)
    return counted | ({place[1]: ONE} if not place[0] and place[1] in _COUNTED else {})


def total(place: Place, documents: Iterable[Document]) -> Amounts:
    """What some objects of a kind use together."""
    found: Amounts = {}
    for document in documents:
        found = added(found, usage_of(place, document))
    return found


def _of_pod(pod: Document) -> Amounts:
    used = {"pods": ONE}
    for name, amount in pod_resources(pod, "requests").items():
        used[f"requests.{name}"] = amount
        if not is_extended(name):
            used[name] = amount
    limits = pod_resources(pod, "limits").items()
    return used | {
        f"limits.{name}": amount
        for name, amount in limits
        if not is_extended(name) and not is_pages(name)
    }


def _of_claim(claim: Document) -> Amounts:
    used = {"persistentvolumeclaims": ONE}
    size = table_of(claim, "spec.resources.requests").get("storage")
    if size is not None:
        used["requests.storage"] = amount_of(size)
    name = class_of(claim)
    return used | ({f"{name}{OF_CLASS}{of}": amount for of, amount in used.items()} if name else {})


def _of_service(service: Document) -> Amounts:
    kind, ports = text(service, "spec.type"), maps(service, "spec.ports")
    used = {"services": ONE}
    if kind == "LoadBalancer":
        used["services.loadbalancers"] = ONE
    wanted = at(service, "spec.allocateLoadBalancerNodePorts") is not False
    if kind == "NodePort" or (kind == "LoadBalancer" and wanted):
        used["services.nodeports"] = Amount(Decimal(len(ports)))
    elif kind == "LoadBalancer":  # ports that somebody has asked for all the same
        given = sum(1 for port in ports if whole(port, "nodePort"))
        used["services.nodeports"] = Amount(Decimal(given))
    return used


def unsaid(hard: Iterable[str], pod: Document) -> str:
    """What a pod's containers must say where a quota limits it: `cpu for: main; memory for: main,side`."""
    missing: dict[str, list[str]] = {}
    for _, container in containers_of(pod):
        for name in set(hard) & COMPUTE:
            table, _, bare = name.rpartition(".")
            if bare not in table_of(container, f"resources.{table or 'requests'}"):
                missing.setdefault(name, []).append(text(container, "name"))
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def concerns(quota: Document, place: Place, document: Document) -> bool:
    """Whether an object is within all scopes of a quota."""
    requirements = [
        {"scopeName": scope, "operator": "Exists"} for scope in at(quota, "spec.scopes") or []
    ]
    requirements += maps(quota, "spec.scopeSelector.matchExpressions")
    return all(_is_within(entry, place, document) for entry in requirements)


def _is_within(entry: Document, place: Place, document: Document) -> bool:
    scope = entry.get("scopeName")
    if scope == "VolumeAttributesClass":
        found = text(document, "spec.volumeAttributesClassName")
        return place == _CLAIMS and _is_chosen(entry, found)
    if place != _PODS:
        return False
    match scope:
        case "Terminating" | "NotTerminating":
            ends = at(document, "spec.activeDeadlineSeconds") is not None
            return bool(ends is (scope == "Terminating"))
        case "BestEffort" | "NotBestEffort":
            return bool(_is_best_effort(document) is (scope == "BestEffort"))
        case "PriorityClass":
            return _is_chosen(entry, text(document, "spec.priorityClassName"))
        case _:
            return _looks_abroad(document)


def _is_chosen(entry: Document, value: str) -> bool:
    values = entry.get("values") or []
    match entry.get("operator"):
        case "In":
            return bool(value in values)
        case "NotIn":
            return bool(value not in values)
        case "Exists":
            return bool(value)
        case _:
            return not value


def _is_best_effort(pod: Document) -> bool:
    return not any(
        amount.value
        for table in ("limits", "requests")
        for name, amount in pod_resources(pod, table).items()
        if name in {"cpu", "memory"}
    )


def _looks_abroad(pod: Document) -> bool:
    """Whether a pod wants to be near or far from pods of other namespaces."""
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = table_of(pod, f"spec.affinity.{kind}")
        terms = maps(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
        preferred = maps(affinity, "preferredDuringSchedulingIgnoredDuringExecution")
        terms += [table_of(entry, "podAffinityTerm") for entry in preferred]
        if any(term.get("namespaces") or "namespaceSelector" in term for term in terms):
            return True
    return False
