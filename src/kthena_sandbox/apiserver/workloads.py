"""What the API server itself does to StatefulSets, Jobs and revisions when they are created or changed."""

from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.golang import shown

Document = dict[str, Any]
_CHANGEABLE = frozenset({
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
})  # fmt: skip
_STATEFUL_SET_UPDATES = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
    "'minReadySeconds' are forbidden"
)
_FIXED_JOB = ("completions", "selector", "template", "completionMode")
_PREFIX = "batch.kubernetes.io/"


def check_stateful_set(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """Only some fields may change."""
    if old is None or _without(document) == _without(old):
        return []
    return [Cause("FieldValueForbidden", _STATEFUL_SET_UPDATES, "spec")]


def _without(document: Document) -> Document:
    spec = document.get("spec")
    fields = spec if isinstance(spec, dict) else {}
    return {name: value for name, value in fields.items() if name not in _CHANGEABLE}


def create_job(job: Document, _: Surroundings) -> Document:
    """A new Job finds its pods by its uid, unless the client says that it has chosen the labels itself."""
    spec = job.get("spec")
    if not isinstance(spec, dict) or spec.get("manualSelector") is True:
        return job
    uid, name = job["metadata"]["uid"], job["metadata"].get("name", "")
    own = {"controller-uid": uid, "job-name": name}
    own |= {f"{_PREFIX}{key}": value for key, value in own.items()}
    template = spec.get("template")
    template = template if isinstance(template, dict) else {}
    metadata = template.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    labels = metadata.get("labels") or {}
    if isinstance(labels, dict):
        template = template | {"metadata": metadata | {"labels": labels | own}}
    selector = {"matchLabels": {f"{_PREFIX}controller-uid": uid}}
    return job | {"spec": spec | {"selector": selector, "template": template}}


def check_job(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """Completions, selector and template stay; a Job that is suspended may have another template."""
    if old is None:
        return []
    spec, before = document.get("spec"), old["spec"]
    fields = spec if isinstance(spec, dict) else {}
    suspended = before.get("suspend") is True
    return [
        Cause("FieldValueInvalid",
              f"Invalid value: {shown(fields.get(name))}: field is immutable", f"spec.{name}")
        for name in _FIXED_JOB
        if fields.get(name) != before.get(name) and not (name == "template" and suspended)
    ]  # fmt: skip


def check_revision(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The data of a ControllerRevision stay."""
    if old is None or document.get("data") == old.get("data"):
        return []
    return [Cause("FieldValueInvalid", "Invalid value: field is immutable", "data")]
