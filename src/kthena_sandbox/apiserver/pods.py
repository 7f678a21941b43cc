"""What the API server itself does to Pods when they are created or changed."""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.options import forbidden_cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.golang import shown

Document = dict[str, Any]
_POD_UPDATES = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions "
    "to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
    "was previously negative)"
)


def _map(document: Document, name: str) -> Document:
    """A field that should be a map; what is wrong with it otherwise is for the schema to say."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def create(document: Document, _: Surroundings) -> Document:
    """A new Pod is pending."""
    containers = _map(document, "spec").get("containers")
    containers = containers if isinstance(containers, list) else []
    status = {"phase": "Pending", "qosClass": quality_of_service(containers)}
    return _with_least_grace(document) | {"status": status}


def update(document: Document, _: Document, __: Surroundings) -> Document:
    """A changed Pod."""
    return _with_least_grace(document)


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
    causes = images + _deadline(spec, before) + _tolerations(spec, before)
    if _fixed_part(spec) != _fixed_part(before):
        causes.append(Cause("FieldValueForbidden", _POD_UPDATES, "spec"))
    return causes


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


def _fixed_part(spec: Document) -> Document:
    changeable = {"activeDeadlineSeconds", "tolerations"}
    fixed = {name: value for name, value in spec.items() if name not in changeable}
    for field_name in ("containers", "initContainers"):
        entries = fixed.get(field_name)
        if isinstance(entries, list):
            fixed[field_name] = [_without_image(entry) for entry in entries]
    return fixed


def _without_image(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    return {name: value for name, value in container.items() if name != "image"}
