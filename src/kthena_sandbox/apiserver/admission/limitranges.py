"""What a namespace's LimitRanges give to pods, and what they do not allow (the admission plugin LimitRanger)."""

from collections.abc import Iterator
from typing import Any

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import forbidden
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.storage import CollectionKey
from kthena_sandbox.schema.podresources import (
    Amount,
    Amounts,
    amounts_of,
    containers_of,
    pod_resources,
    resources_of,
)
from kthena_sandbox.schema.reading import maps, table_of, text

Document = dict[str, Any]
_RANGES = CollectionKey("", "limitranges")
_PODS, _CLAIMS = ("", "pods"), ("", "persistentvolumeclaims")
_NOTE = "kubernetes.io/limit-ranger"
_LISTS = {"container": "containers", "init container": "initContainers"}


def completed(cluster: Cluster, attempt: Attempt) -> Document:
    """A new pod whose containers have the default limits and requests where they have none, and a note about it."""
    pod, place = attempt.subject, (attempt.resource.group, attempt.resource.plural)
    if attempt.operation != "CREATE" or place != _PODS or not isinstance(pod.get("spec"), dict):
        return pod
    for limits in _ranges(cluster, pod):
        pod = _with_defaults(pod, limits)
    return pod


def _ranges(cluster: Cluster, subject: Document) -> Iterator[list[Document]]:
    namespace = subject["metadata"].get("namespace", "")
    found = cluster.store.collection(_RANGES).documents
    for key in sorted(found):
        if key.namespace == namespace:
            yield maps(found[key], "spec.limits")


def _with_defaults(pod: Document, limits: list[Document]) -> Document:
    usual: dict[str, Document] = {"limits": {}, "requests": {}}
    for item in limits:
        if item.get("type") == "Container":
            usual["limits"] |= table_of(item, "default")
            usual["requests"] |= table_of(item, "defaultRequest")
    notes: list[str] = []
    lists: dict[str, list[Document]] = {}
    for what, container in containers_of(pod):
        lists.setdefault(_LISTS[what], []).append(_filled(container, usual, what, notes))
    if not notes:
        return pod
    metadata = pod["metadata"]
    note = {_NOTE: f"LimitRanger plugin set: {'; '.join(notes)}"}
    annotated = metadata | {"annotations": metadata.get("annotations", {}) | note}
    return pod | {"metadata": annotated, "spec": pod["spec"] | lists}


def _filled(
    container: Document, usual: dict[str, Document], what: str, notes: list[str]
) -> Document:
    resources = table_of(container, "resources")
    for table, word in (("requests", "request"), ("limits", "limit")):
        given = table_of(resources, table)
        added = {name: usual[table][name] for name in sorted(usual[table]) if name not in given}
        if added:
            notes.append(f"{', '.join(added)} {word} for {what} {text(container, 'name')}")
            resources = resources | {table: given | added}
    return container | {"resources": resources}


def check(cluster: Cluster, attempt: Attempt) -> None:
    """Raises ApiError 403 for a new pod, or a claim, that asks for too much or too little."""
    place = (attempt.resource.group, attempt.resource.plural)
    if attempt.new is None or attempt.subresource or place not in {_PODS, _CLAIMS}:
        return
    if place == _PODS and attempt.operation != "CREATE":
        return
    for limits in _ranges(cluster, attempt.new):
        judge = _of_pod if place == _PODS else _of_claim
        found = [why for item in limits for why in judge(attempt.new, item)]
        if found:
            why = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
            raise forbidden(attempt.resource, attempt.new["metadata"]["name"], why)


def _of_claim(claim: Document, item: Document) -> Iterator[str]:
    if item.get("type") != "PersistentVolumeClaim":
        return
    asked = amounts_of(table_of(claim, "spec.resources.requests"))
    yield from _at_least(item, asked, {})
    yield from _at_most(item, asked, "request")


def _of_pod(pod: Document, item: Document) -> Iterator[str]:
    match item.get("type"):
        case "Container":
            for _, container in containers_of(pod):
                requests = resources_of(container, "requests")
                yield from _judged(item, requests, resources_of(container, "limits"))
        case "Pod":
            yield from _judged(item, pod_resources(pod, "requests"), pod_resources(pod, "limits"))


def _judged(item: Document, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _at_least(item, requests, limits)
    yield from _at_most(item, limits, "limit")
    yield from _in_proportion(item, requests, limits)


def _bounds(item: Document, table: str) -> Iterator[tuple[str, Amount]]:
    yield from sorted(amounts_of(table_of(item, table)).items())


def _at_least(item: Document, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in _bounds(item, "min"):
        said = f"minimum {name} usage per {item['type']} is {least}"
        asked, limit = requests.get(name), limits.get(name)
        if asked is None:
            yield f"{said}.  No request is specified"
        elif asked.value < least.value:
            yield f"{said}, but request is {asked}"
        elif limit is not None and limit.value < least.value:
            yield f"{said}, but limit is {limit}"


def _at_most(item: Document, amounts: Amounts, word: str) -> Iterator[str]:
    for name, most in _bounds(item, "max"):
        said = f"maximum {name} usage per {item['type']} is {most}"
        given = amounts.get(name)
        if given is None:
            yield f"{said}.  No {word} is specified"
        elif given.value > most.value:
            yield f"{said}, but {word} is {given}"


def _in_proportion(item: Document, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, most in _bounds(item, "maxLimitRequestRatio"):
        said = f"{name} max limit to request ratio per {item['type']} is {most}, but"
        asked, limit = requests.get(name), limits.get(name)
        if asked is None or not asked.value:
            yield f"{said} no request is specified or request is 0"
        elif limit is None or not limit.value:
            yield f"{said} no limit is specified or limit is 0"
        elif limit.value / asked.value > most.value:
            yield f"{said} provided ratio is {float(limit.value / asked.value):f}"
