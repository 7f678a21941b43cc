"""Whether a pod may run on a node: cordons, taints, selectors and required affinity, in the scheduler's order; and
whether its claims have their volumes, and the others leave it room. Pure.
"""

from collections.abc import Iterable, Mapping

from kthena_sandbox.controllers.ownership import labels_of, selects
from kthena_sandbox.controllers.volumeusers import is_used
from kthena_sandbox.kinds import Document, is_leaving, uid_of
from kthena_sandbox.kubelet.crowding import crowded, has_ended

_NO_VICTIMS = "No preemption victims found for incoming pod"
_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_KEEPS_OUT = {"NoSchedule", "NoExecute"}
_ALONE = (
    "1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
)
NO_NODES = "no nodes available to schedule pods"


def unfit_reason(pod: Document, node: Document | None) -> str:
    """Why the pod cannot be placed, in the scheduler's words; "" where it can."""
    if node is None:
        return NO_NODES
    why = _first_reason(pod["spec"], node)
    return _unavailable(f"1 node(s) {why}") if why else ""


def crowded_reason(pod: Document, node: Document, others: Iterable[Document]) -> str:
    """Why there is no room for it beside *others*, which are on the node; "" where there is."""
    found = crowded(pod, node, [other for other in others if not has_ended(other)])
    if found is None:
        return ""
    listed = ", ".join(f"1 {reason}" for reason in sorted(found.reasons))
    return _unavailable(listed) if found.final else _unavailable(listed, _NO_VICTIMS)


def _unavailable(why: str, preemption: str = "Preemption is not helpful for scheduling") -> str:
    return f"0/1 nodes are available: {why}. preemption: 0/1 nodes are available: 1 {preemption}."


def claims_reason(
    pod: Document, claims: Mapping[str, Document | None], others: Iterable[Document]
) -> str:
    """Why a pod's claims keep it from being placed; *others* are the pods that run already."""
    for name, claim in claims.items():
        if claim is None:
            return _unavailable(f'persistentvolumeclaim "{name}" not found')
        if is_leaving(claim):
            return _unavailable(f'persistentvolumeclaim "{name}" is being deleted')
        if (claim.get("status") or {}).get("phase") != "Bound":
            return _unavailable("pod has unbound immediate PersistentVolumeClaims")
        alone = "ReadWriteOncePod" in claim["spec"]["accessModes"]
        if alone and any(is_used(claim, other) for other in others if uid_of(other) != uid_of(pod)):
            return _unavailable(_ALONE)
    return ""


def _first_reason(spec: Document, node: Document) -> str:
    tolerations = spec.get("tolerations") or []
    cordoned = node["spec"].get("unschedulable") if node.get("spec") else False
    if cordoned and not _is_tolerated(_UNSCHEDULABLE, tolerations):
        return "were unschedulable"
    for taint in (node.get("spec") or {}).get("taints") or []:
        if taint["effect"] in _KEEPS_OUT and not _is_tolerated(taint, tolerations):
            return f"had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not _is_selected(spec, node):
        return "didn't match Pod's node affinity/selector"
    return ""


def may_stay(spec: Document, node: Document) -> bool:
    """Whether a pod that is there already stays: of the taints, only `NoExecute` drives it away."""
    taints = (node.get("spec") or {}).get("taints") or []
    tolerations = spec.get("tolerations") or []
    driven = (one for one in taints if one["effect"] == "NoExecute")
    return _is_selected(spec, node) and all(_is_tolerated(one, tolerations) for one in driven)


def _is_tolerated(taint: Document, tolerations: Iterable[Document]) -> bool:
    return any(tolerates(entry, taint) for entry in tolerations)


def tolerates(toleration: Document, taint: Document) -> bool:
    """Whether a toleration is about a taint."""
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _is_selected(spec: Document, node: Document) -> bool:
    labels = labels_of(node)
    if not selects({"matchLabels": spec.get("nodeSelector") or {}}, labels):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    terms = required.get("nodeSelectorTerms") or []
    return any(_term_holds(term, node) for term in terms)


def _term_holds(term: Document, node: Document) -> bool:
    """An empty term selects nothing; the only field that can be asked for is the name."""
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    named = {"metadata.name": node["metadata"]["name"]}
    return bool(expressions or fields) and (
        selects({"matchExpressions": expressions}, labels_of(node))
        and selects({"matchExpressions": fields}, named)
    )
