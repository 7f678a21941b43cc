"""What the API server itself does to StatefulSets, DaemonSets, Jobs and revisions when they are created or changed."""

from collections.abc import Callable, Mapping
from typing import Any

from kthena_sandbox.apiserver.errors import Cause
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.schema.golang import shown
from kthena_sandbox.schema.jobrules import shown_failure, shown_success
from kthena_sandbox.schema.names import label_problems
from kthena_sandbox.schema.nativedefaults import TEMPLATE_COUNT

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
_FIXED_JOB = (
    "completions", "selector", "template", "completionMode", "podFailurePolicy",
    "backoffLimitPerIndex", "successPolicy",
)  # fmt: skip
_SHOWN_IN_JOB: Mapping[str, Callable[[Any], str]] = {
    "podFailurePolicy": lambda policy: "null" if policy is None else shown_failure(policy),
    "successPolicy": lambda policy: "null" if policy is None else shown_success(policy),
}
_PLACING = {
    "metadata": ("annotations", "labels"),
    "spec": ("affinity", "nodeSelector", "schedulingGates", "tolerations"),
}
_PREFIX = "batch.kubernetes.io/"
_ONE_RUNTIME = (
    "this sandbox runs all pods as processes of this machine, whatever their RuntimeClass says"
)


def runtime_class_warnings(*_: object) -> list[str]:
    """There is one way to run a pod here."""
    return [_ONE_RUNTIME]


def check_stateful_set(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """Only some fields may change, and a new one names its Service by a label."""
    if old is None:
        name = (document.get("spec") or {}).get("serviceName") or ""
        return [
            Cause("FieldValueInvalid", f"Invalid value: {shown(name)}: {why}", "spec.serviceName")
            for why in (label_problems(name) if name else [])
        ]
    if _without(document) == _without(old):
        return []
    return [Cause("FieldValueForbidden", _STATEFUL_SET_UPDATES, "spec")]


def _without(document: Document) -> Document:
    spec = document.get("spec")
    fields = spec if isinstance(spec, dict) else {}
    return {name: value for name, value in fields.items() if name not in _CHANGEABLE}


def create_daemon_set(daemon_set: Document, _: Surroundings) -> Document:
    """Its template is counted from 1 on, or from where the client says, in an annotation since the field is gone."""
    return _with_template_count(daemon_set, max(_template_count(daemon_set), 1))


def update_daemon_set(daemon_set: Document, old: Document, _: Surroundings) -> Document:
    """Another template counts one more, whatever the client says."""
    templates = (_map(entry.get("spec")).get("template") for entry in (daemon_set, old))
    changed = next(templates) != next(templates)
    return _with_template_count(daemon_set, _template_count(old) + changed)


def _template_count(daemon_set: Document) -> int:
    text = _map(daemon_set["metadata"].get("annotations")).get(TEMPLATE_COUNT, "")
    return int(text) if text.isdecimal() else 0


def _with_template_count(daemon_set: Document, count: int) -> Document:
    metadata = daemon_set["metadata"]
    annotations = _map(metadata.get("annotations")) | {TEMPLATE_COUNT: str(count)}
    return daemon_set | {"metadata": metadata | {"annotations": annotations}}


def create_job(job: Document, _: Surroundings) -> Document:
    """A new Job finds its pods by its uid, unless the client says that it has chosen the labels itself."""
    spec = job.get("spec")
    if not isinstance(spec, dict) or spec.get("manualSelector") is True:
        return job
    template = _map(spec.get("template"))
    metadata, selector = _map(template.get("metadata")), _map(spec.get("selector"))
    template = template | {
        "metadata": metadata | {"labels": _own_labels(job) | _map(metadata.get("labels"))}
    }
    labels = _map(selector.get("matchLabels")) | _own_selector(job)
    return job | {
        "spec": spec | {"selector": selector | {"matchLabels": labels}, "template": template}
    }


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def _own_labels(job: Document) -> dict[str, str]:
    own = {"controller-uid": job["metadata"]["uid"], "job-name": job["metadata"].get("name", "")}
    return own | {f"{_PREFIX}{key}": value for key, value in own.items()}


def _own_selector(job: Document) -> dict[str, str]:
    return {f"{_PREFIX}controller-uid": job["metadata"]["uid"]}


def _wrong_label(labels: dict[str, str], wanted: str, field: str, *, missing: bool) -> Cause:
    if missing:
        return Cause("FieldValueRequired", f"Required value: must be '{wanted}'", field)
    return Cause("FieldValueInvalid", f"Invalid value: {shown(labels)}: must be '{wanted}'", field)


def check_job_labels(job: Document, _: Document | None, __: Surroundings) -> list[Cause]:
    """Selector and labels of a Job's pods are the server's, unless the client says that it has chosen them itself."""
    spec = _map(job.get("spec"))
    selector = spec.get("selector")
    if spec.get("manualSelector") is True or not selector:
        return []
    labels = _map(_map(_map(spec.get("template")).get("metadata")).get("labels"))
    field = "spec.template.metadata.labels"
    found = [
        _wrong_label(labels, value, f"{field}[{key}]", missing=key not in labels)
        for key, value in _own_labels(job).items()
        if labels.get(key) != value
    ]
    if selector != {"matchLabels": _own_selector(job)}:
        text = f"Invalid value: {shown(selector)}: `selector` not auto-generated"
        found.append(Cause("FieldValueInvalid", text, "spec.selector"))
    return found


def check_job(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """Completions, selector, template and policies stay; of a Job that waits, where its pods may run can change."""
    if old is None:
        return []
    fields: Document = {"template": {}} | _map(document.get("spec"))
    before = old["spec"]
    if before.get("suspend") is True and not (old.get("status") or {}).get("startTime"):
        before = before | {"template": _placed(before["template"], _map(fields.get("template")))}
    if _grows_alike(fields, before):
        before = before | {"completions": fields["completions"]}
    return [
        Cause("FieldValueInvalid",
              f"Invalid value: {_SHOWN_IN_JOB.get(name, shown)(fields.get(name))}: field is immutable",
              f"spec.{name}")
        for name in _FIXED_JOB
        if fields.get(name) != before.get(name)
    ]  # fmt: skip


def _grows_alike(fields: Document, before: Document) -> bool:
    """Completions of an Indexed Job may change together with `parallelism`, as "Elastic Indexed Jobs" tells."""
    alike = all(
        one.get("completions") is not None and one["completions"] == one.get("parallelism")
        for one in (fields, before)
    )
    return alike and before.get("completionMode") == "Indexed"


def _placed(template: Document, other: Document) -> Document:
    """A pod template with the labels and annotations of another, and with its rules about nodes."""
    placed = {
        part: _with_fields(_map(template.get(part)), _map(other.get(part)), names)
        for part, names in _PLACING.items()
    }
    return {part: fields for part, fields in placed.items() if fields or part in other}


def _with_fields(document: Document, other: Document, names: tuple[str, ...]) -> Document:
    kept = {name: value for name, value in document.items() if name not in names}
    return kept | {name: other[name] for name in names if name in other}


def check_revision(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The data of a ControllerRevision stay."""
    if old is None or document.get("data") == old.get("data"):
        return []
    return [Cause("FieldValueInvalid", "Invalid value: field is immutable", "data")]
