"""What the API server itself does to Pods when they are created or changed."""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.options import forbidden_cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema import godiff
from kthena_sandbox.schema.golang import shown
from kthena_sandbox.schema.podstructs import pod_spec

Document = dict[str, Any]
_POD_UPDATES = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions "
    "to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
    "was previously negative)\n"
)


def _map(document: Document, name: str) -> Document:
    """A field that should be a map; what is wrong with it otherwise is for the schema to say."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def create(document: Document, surroundings: Surroundings) -> Document:
    """A new Pod is pending; one with gates says that it waits for these."""
    containers = _map(document, "spec").get("containers")
    containers = containers if isinstance(containers, list) else []
    status: Document = {"phase": "Pending", "qosClass": quality_of_service(containers)}
    if _map(document, "spec").get("schedulingGates"):
        status["conditions"] = [_gated(surroundings.now)]
    return _with_least_grace(document) | {"status": status}


def update(document: Document, _: Document, __: Surroundings) -> Document:
    """A changed Pod."""
    return _with_least_grace(document)


def _gated(now: str) -> Document:
    return {
        "type": "PodScheduled", "status": "False", "lastProbeTime": None, "lastTransitionTime": now,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }  # fmt: skip


def _with_least_grace(pod: Document) -> Document:
    """A grace period below zero is one second (a kube-apiserver does so for pods of old)."""
    spec = _map(pod, "spec")
    seconds = spec.get("terminationGracePeriodSeconds")
    if not isinstance(seconds, int) or seconds >= 0:
        return pod
    return pod | {"spec": spec | {"terminationGracePeriodSeconds": 1}}


def quality_of_service(containers: list[Any]) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits for cpu and memory."""
    resources = [_map(entry, "resources") for entry in containers if isinstance(entry, dict)]
    if not any(entry.get("requests") or entry.get("limits") for entry in resources):
        return "BestEffort"
    for entry in resources:
        limits = _map(entry, "limits")
        requests = limits | _map(entry, "requests")
        if not {"cpu", "memory"} <= set(limits) or requests != limits:
            return "Burstable"
    return "Guaranteed"


def check(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What a new Pod may not have, and what of a Pod may not change."""
    if old is None:
        given = _map(document, "spec").get("ephemeralContainers")
        refused = forbidden_cause("spec.ephemeralContainers", "cannot be set on create")
        return [refused] if given else []
    spec, before = _map(document, "spec"), _map(old, "spec")
    for name, what in (("containers", "containers"), ("initContainers", "init containers")):
        if len(spec.get(name) or []) != len(before.get(name) or []):
            text = f"Forbidden: pod updates may not add or remove {what}"
            return [Cause("FieldValueForbidden", text, f"spec.{name}")]
    images = [
        Cause("FieldValueRequired", "Required value", f"spec.{name}[{index}].image")
        for name in ("containers", "initContainers")
        for index, container in enumerate(spec.get(name) or [])
        if not _map({"": container}, "").get("image")
    ]
    causes = (
        _new_gates(spec, before) + images + _deadline(spec, before) + _tolerations(spec, before)
    )
    kept = _with_changeable(spec, before)
    if kept != before:
        said = _POD_UPDATES + godiff.diff(pod_spec(before), pod_spec(kept))
        causes.append(Cause("FieldValueForbidden", said, "spec"))
    return causes


def _new_gates(spec: Document, before: Document) -> list[Cause]:
    """What a Pod waits for before it is given a node may only become less."""
    known = [gate.get("name") for gate in before.get("schedulingGates") or []]
    return [
        forbidden_cause(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'",
        )
        for index, gate in enumerate(spec.get("schedulingGates") or [])
        if gate.get("name") not in known
    ]


def _deadline(spec: Document, before: Document) -> list[Cause]:
    """A pod's deadline may come, and come nearer."""
    new, old = (side.get("activeDeadlineSeconds") for side in (spec, before))
    if new is not None and not 0 <= new < 2**31:
        why = "must be between 0 and 2147483647, inclusive"
    elif new is not None and old is not None and new > old:
        why = "must be less than or equal to previous value"
    elif new is None and old is not None:
        why = "must not update from a positive integer to nil value"
    else:
        return []
    text = f"Invalid value: {shown(new)}: {why}"
    return [Cause("FieldValueInvalid", text, "spec.activeDeadlineSeconds")]


def _tolerations(spec: Document, before: Document) -> list[Cause]:
    """Tolerations may come, and change how long they hold."""
    new, old = (
        [_lasting(entry) for entry in side.get("tolerations") or []] for side in (spec, before)
    )
    if all(entry in new for entry in old):
        return []
    text = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
    return [Cause("FieldValueForbidden", text, "spec.tolerations")]


def _lasting(toleration: Document) -> Document:
    kept = {name: value for name, value in toleration.items() if name != "tolerationSeconds"}
    return {"operator": "Equal"} | kept


def _with_changeable(spec: Document, before: Document) -> Document:
    """The new specification, with what may change as it was before."""
    changeable = ("activeDeadlineSeconds", "schedulingGates", "tolerations")
    kept = {name: value for name, value in spec.items() if name not in changeable}
    kept |= {name: before[name] for name in changeable if name in before}
    for name in ("containers", "initContainers"):
        if isinstance(kept.get(name), list):
            pairs = zip(kept[name], before.get(name) or [], strict=True)
            kept[name] = [_with_image_of(*pair) for pair in pairs]
    return kept


def _with_image_of(container: Document, before: Document) -> Document:
    return container | {"image": before["image"]} if "image" in before else container
