"""Whether a pod has room beside those that a node has already: requests, spreading, and affinity between pods. Pure.

Sources: "Assigning Pods to Nodes", "Pod Topology Spread Constraints" and "Resource Management for Pods and
Containers" of Kubernetes' documentation; the words are the scheduler's.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from kthena_sandbox.controllers.ownership import labels_of, selects
from kthena_sandbox.kinds import Document, is_leaving
from kthena_sandbox.kubelet.addresses import ANNOTATION
from kthena_sandbox.schema.quantities import parse_quantity

Amounts = dict[str, Decimal]
_NOT_SPREAD = "node(s) didn't match pod topology spread constraints"
_NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"


class Crowded(NamedTuple):
    """Why there is no room; *final*: also not when other pods go."""

    reasons: list[str]
    final: bool = False


def crowded(pod: Document, node: Document, others: Sequence[Document]) -> Crowded | None:
    """What is in the way of a pod; *others* are those of the node that have not ended."""
    return _resources(pod, node, others) or _spreading(pod, node, others) or _affinity(pod, node, others)  # fmt: skip


def has_ended(pod: Document) -> bool:
    """Whether it takes no room any more."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _resources(pod: Document, node: Document, others: Sequence[Document]) -> Crowded | None:
    allocatable = (node.get("status") or {}).get("allocatable")
    if allocatable is None:  # it has not said yet what it has
        return None
    wanted = requests_of(pod)
    reasons, final = [], False
    if len(others) >= _amount(allocatable.get("pods", "0")):
        reasons.append("Too many pods")
    taken = [requests_of(other) for other in others] if wanted else []
    for name, amount in wanted.items():
        room = _amount(allocatable.get(name, "0"))
        if amount and amount + sum(entry.get(name, Decimal(0)) for entry in taken) > room:
            reasons.append(f"Insufficient {name}")
            final = final or amount > room
    return Crowded(reasons, final) if reasons else None


def requests_of(pod: Document) -> Amounts:
    """What a pod needs: its containers and sidecars together, or what one of its init containers needs before them.

    One that stands for a server outside needs nothing here.
    """
    if ANNOTATION in (pod["metadata"].get("annotations") or {}):
        return {}
    spec = pod["spec"]
    beside: Amounts = {}
    most: Amounts = {}
    for container in spec.get("initContainers") or []:
        own = _requests(container)
        if container.get("restartPolicy") == "Always":
            beside = _sum(beside, own)
            most = _largest(most, beside)
        else:
            most = _largest(most, _sum(beside, own))
    for container in spec.get("containers") or []:
        beside = _sum(beside, _requests(container))
    return _sum(_largest(most, beside), _amounts(spec.get("overhead") or {}))


def _requests(container: Document) -> Amounts:
    return _amounts((container.get("resources") or {}).get("requests") or {})


def _amounts(given: Mapping[str, Any]) -> Amounts:
    return {name: _amount(value) for name, value in given.items()}


def _amount(value: object) -> Decimal:
    return parse_quantity(str(value)) or Decimal(0)


def _sum(left: Amounts, right: Amounts) -> Amounts:
    return left | {name: left.get(name, Decimal(0)) + amount for name, amount in right.items()}


def _largest(left: Amounts, right: Amounts) -> Amounts:
    return left | {name: max(left.get(name, amount), amount) for name, amount in right.items()}


def _spreading(pod: Document, node: Document, others: Sequence[Document]) -> Crowded | None:
    """With one node there is one domain, which is never fuller than others, unless there have to be more of them."""
    for constraint in pod["spec"].get("topologySpreadConstraints") or []:
        if constraint.get("whenUnsatisfiable") == "ScheduleAnyway":
            continue
        if constraint["topologyKey"] not in labels_of(node):
            return Crowded([f"{_NOT_SPREAD} (missing required label)"], final=True)
        selector = _selector(constraint, pod)
        matching = sum(
            _is_in_namespace_of(pod, other) and not is_leaving(other) and selects(selector, labels_of(other))
            for other in others
        )  # fmt: skip
        least = 0 if int(constraint.get("minDomains") or 1) > 1 else matching
        skew = matching + selects(selector, labels_of(pod)) - least
        if skew > int(constraint["maxSkew"]):
            return Crowded([_NOT_SPREAD])
    return None


def _is_in_namespace_of(pod: Document, other: Document) -> bool:
    return bool(pod["metadata"]["namespace"] == other["metadata"]["namespace"])


def _affinity(pod: Document, node: Document, others: Sequence[Document]) -> Crowded | None:
    labels = labels_of(node)
    wanted = _terms(pod, "podAffinity")
    if any(term["topologyKey"] not in labels for term in wanted) or not _has_company(pod, wanted, others):  # fmt: skip
        return Crowded(["node(s) didn't match pod affinity rules"], final=True)
    if _meets(pod, _terms(pod, "podAntiAffinity"), others, labels):
        return Crowded(["node(s) didn't match pod anti-affinity rules"])
    if any(_meets(other, _terms(other, "podAntiAffinity"), [pod], labels) for other in others):
        return Crowded(["node(s) didn't satisfy existing pods anti-affinity rules"])
    return None


def _terms(pod: Document, kind: str) -> list[Document]:
    rules = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or [])


def _has_company(pod: Document, terms: Sequence[Document], others: Sequence[Document]) -> bool:
    """Whether those are there that it wants to be with; the first of them needs nobody but itself."""
    if all(any(_means(term, pod, other) for other in others) for term in terms):
        return True
    nobody = not any(_means(term, pod, other) for term in terms for other in others)
    return nobody and all(_means(term, pod, pod) for term in terms)


def _meets(
    pod: Document, terms: Iterable[Document], others: Sequence[Document], labels: Mapping[str, str]
) -> bool:
    return any(
        _means(term, pod, other)
        for term in terms
        if term["topologyKey"] in labels
        for other in others
    )


def _means(term: Document, pod: Document, other: Document) -> bool:
    """Whether a term of *pod* is about another one. Of namespaces the names are known, and no other labels."""
    home, space = pod["metadata"]["namespace"], other["metadata"]["namespace"]
    named, selector = term.get("namespaces") or [], term.get("namespaceSelector")
    chosen = selector is not None and selects(selector, {_NAME_OF_NAMESPACE: space})
    if not (space in named or chosen or (not named and selector is None and space == home)):
        return False
    return selects(_selector(term, pod), labels_of(other))


def _selector(rule: Document, pod: Document) -> Document | None:
    """The selector of a term or constraint, with what its lists of keys add from the pod's own labels."""
    selector: Document | None = rule.get("labelSelector")
    if selector is None:
        return None
    labels = labels_of(pod)
    also = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in rule.get(field) or []
        if key in labels
    ]
    return selector | {"matchExpressions": [*(selector.get("matchExpressions") or []), *also]}
