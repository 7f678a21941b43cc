"""Rules of Pods and of the kinds that make Pods from a template.

They are asked only about objects whose fields have the types of the schema.
"""

import re
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.countrules import NEGATIVE, not_negative
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import as_struct
from kthena_sandbox.schema.jobrules import job_policy_rules
from kthena_sandbox.schema.labels import selects
from kthena_sandbox.schema.podrules import pod_spec_rules
from kthena_sandbox.schema.selectorrules import label_rules, selector_rules
from kthena_sandbox.schema.volumerules import claim_spec_rules

Document = dict[str, Any]
_JOB_CHOICES = {
    "completionMode": ["NonIndexed", "Indexed"],
    "podReplacementPolicy": ["Failed", "TerminatingOrFailed"],
}
_NO_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
    "'93%', regex used for validation is '[0-9]+%')"
)


def pod_rules(pod: Document) -> list[FieldError]:
    """A Pod."""
    return pod_spec_rules(pod.get("spec") or {}, "spec")


def pod_template_rules(pod_template: Document) -> list[FieldError]:
    """A PodTemplate."""
    return _described(pod_template.get("template") or {}, "template")


def replica_set_rules(replica_set: Document) -> list[FieldError]:
    """A ReplicaSet."""
    spec = replica_set.get("spec") or {}
    found = not_negative(spec, ("replicas", "minReadySeconds"))
    return found + _selected_template(spec, "replica set", "ReplicaSet")


def deployment_rules(deployment: Document) -> list[FieldError]:
    """A Deployment."""
    spec = deployment.get("spec") or {}
    found = _workload(spec, "deployment", "ReplicaSet") + _strategy(spec.get("strategy") or {})
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        if spec.get(field, 0) < 0:
            found.append(errors.invalid(f"spec.{field}", spec[field], NEGATIVE))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        path = "spec.progressDeadlineSeconds"
        found.append(errors.invalid(path, deadline, "must be greater than minReadySeconds"))
    return found


def stateful_set_rules(stateful_set: Document) -> list[FieldError]:
    """A StatefulSet; of one that is there already the claims cannot change, and are not asked about."""
    spec = stateful_set.get("spec") or {}
    found = _stateful_choices(spec)
    if "resourceVersion" not in (stateful_set.get("metadata") or {}):
        for index, claim in enumerate(spec.get("volumeClaimTemplates") or []):
            path = f"spec.volumeClaimTemplates[{index}].spec"
            found += claim_spec_rules((claim or {}).get("spec") or {}, path)
    found += not_negative(spec, ("replicas", "minReadySeconds"))
    start = (spec.get("ordinals") or {}).get("start", 0)
    if start < 0:
        found.append(errors.invalid("spec.ordinals.start", start, NEGATIVE))
    return found + _selected_template(_with_claims(spec), "statefulset", "StatefulSet")


def _with_claims(spec: Document) -> Document:
    """With the volumes that pods will have for their claims, before others and in place of those of the same names."""
    names = [
        ((claim or {}).get("metadata") or {}).get("name", "")
        for claim in spec.get("volumeClaimTemplates") or []
    ]
    template = spec.get("template") or {}
    inner = template.get("spec") or {}
    if not names:
        return spec
    kept = [entry for entry in inner.get("volumes") or [] if (entry or {}).get("name") not in names]
    own = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    return spec | {"template": template | {"spec": inner | {"volumes": [*own, *kept]}}}


def _stateful_choices(spec: Document) -> list[FieldError]:
    """How pods are started, updated and what becomes of their claims."""
    found = []
    policy = spec.get("podManagementPolicy", "")
    if policy not in {"OrderedReady", "Parallel"}:
        detail = "must be 'OrderedReady' or 'Parallel'"
        found.append(errors.invalid("spec.podManagementPolicy", policy, detail))
    found += _stateful_updates(spec.get("updateStrategy") or {})
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        path = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
        if retention.get(field, "Retain") not in {"Retain", "Delete"}:
            found.append(errors.not_supported(path, retention[field], ["Retain", "Delete"]))
    return found


def _stateful_updates(strategy: Document) -> list[FieldError]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    inner = None
    if rolling is not None:
        inner = {"Partition": rolling.get("partition", 0), "MaxUnavailable": rolling.get("maxUnavailable")}  # fmt: skip
    if kind not in {"RollingUpdate", "OnDelete"}:
        shown = as_struct({"Type": kind, "RollingUpdate": inner})
        detail = "must be 'RollingUpdate' or 'OnDelete'"
        return [errors.invalid_shown("spec.updateStrategy", shown, detail)]
    path = "spec.updateStrategy.rollingUpdate"
    if inner is not None and kind == "OnDelete":
        detail = "only allowed for updateStrategy 'RollingUpdate'"
        return [errors.invalid_shown(path, as_struct(inner), detail)]
    partition = (rolling or {}).get("partition", 0)
    return [errors.invalid(f"{path}.partition", partition, NEGATIVE)] if partition < 0 else []


def daemon_set_rules(daemon_set: Document) -> list[FieldError]:
    """A DaemonSet, whose selector is only asked to match."""
    spec = daemon_set.get("spec") or {}
    template, selector = spec.get("template") or {}, spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    found = selector_rules(selector or {}, "spec.selector") + _unselected(selector, labels)
    if selector is not None and not any(selector.values()):
        detail = "empty selector is invalid for daemonset"
        found.append(errors.invalid("spec.selector", {}, detail))
    found += _template(template, "DaemonSet") + not_negative(spec, ("minReadySeconds",))
    return found + _daemon_updates(spec.get("updateStrategy") or {})


def _unknown_strategy(path: str, strategy: Document, supported: str) -> FieldError:
    """The whole strategy is shown, as Go prints it."""
    rolling = strategy.get("rollingUpdate")
    inner = None
    if rolling is not None:
        inner = {"MaxUnavailable": rolling.get("maxUnavailable", 0), "MaxSurge": rolling.get("maxSurge", 0)}  # fmt: skip
    shown = as_struct({"Type": strategy.get("type", ""), "RollingUpdate": inner})
    text = f"Unsupported value: {shown}: supported values: {supported}"
    return FieldError(path, "FieldValueNotSupported", f"{path}: {text}")


def _daemon_updates(strategy: Document) -> list[FieldError]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    given = rolling or {}
    path = "spec.updateStrategy"
    if kind not in {"RollingUpdate", "OnDelete"}:
        return [_unknown_strategy(path, strategy, '"RollingUpdate", "OnDelete"')]
    none = (0, "0", "0%")
    if kind == "RollingUpdate" and given.get("maxUnavailable") in none and given.get("maxSurge", 0) in none:  # fmt: skip
        detail = "cannot be 0 when maxSurge is 0"
        return [errors.required(f"{path}.rollingUpdate.maxUnavailable", detail)]
    return []


def revision_rules(revision: Document) -> list[FieldError]:
    """A ControllerRevision counts from 0, and keeps something."""
    found = []
    if revision.get("data") is None:
        found.append(errors.required("data", "data is mandatory"))
    if revision.get("revision", 0) < 0:
        found.insert(0, errors.invalid("revision", revision["revision"], NEGATIVE))
    return found


def job_rules(job: Document) -> list[FieldError]:
    """A Job, whose selector is made by the API server."""
    spec = job.get("spec") or {}
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    found, selector = job_spec_rules(spec, "spec"), spec.get("selector")
    if selector is None:
        found.append(errors.required("spec.selector"))
    else:
        found += selector_rules(selector, "spec.selector")
    return found + _unselected(selector, labels)


def job_spec_rules(spec: Document, path: str) -> list[FieldError]:
    """What a Job does, at that path; its selector is another matter."""
    counted = (
        "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
        "ttlSecondsAfterFinished",
    )  # fmt: skip
    found = not_negative(spec, counted, path)
    for field, known in _JOB_CHOICES.items():
        if field in spec and spec[field] not in known:
            found.append(errors.not_supported(f"{path}.{field}", spec[field], known))
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        detail = "when completion mode is Indexed"
        found.append(errors.required(f"{path}.completions", detail))
    found += job_policy_rules(spec, path)
    template = spec.get("template") or {}
    found += _described(template, f"{path}.template")
    if (template.get("spec") or {}).get("restartPolicy", "Always") == "Always":
        detail = 'valid values: "OnFailure", "Never"'
        found.append(errors.required(f"{path}.template.spec.restartPolicy", detail))
    return found


def replication_controller_rules(controller: Document) -> list[FieldError]:
    """A ReplicationController."""
    spec = controller.get("spec") or {}
    found = not_negative(spec, ("minReadySeconds", "replicas"))
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        found.append(errors.required("spec.selector"))
    if template is None:
        return [*found, errors.required("spec.template")]
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not selector.items() <= labels.items():
        detail = "`selector` does not match template `labels`"
        found.append(errors.invalid("spec.template.metadata.labels", labels or None, detail))
    return found + _template(template, "ReplicationController")


def _workload(spec: Document, what: str, kind: str) -> list[FieldError]:
    return not_negative(spec, ("replicas",)) + _selected_template(spec, what, kind)


def _selected_template(spec: Document, what: str, kind: str) -> list[FieldError]:
    found = []
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        found.append(errors.required("spec.selector"))
    else:
        found += selector_rules(selector, "spec.selector")
    if selector is not None and not any(selector.values()):
        detail = f"empty selector is invalid for {what}"
        found.append(errors.invalid("spec.selector", {}, detail))
    return found + _unselected(selector, labels) + _template(template, kind)


def _unselected(selector: Document | None, labels: dict[str, str]) -> list[FieldError]:
    if selector is not None and selects(selector, labels):
        return []
    detail = "`selector` does not match template `labels`"
    return [errors.invalid("spec.template.metadata.labels", labels or None, detail)]


def _described(template: Document, path: str) -> list[FieldError]:
    """A pod template by itself: labels, annotations and specification."""
    metadata = template.get("metadata") or {}
    found = label_rules(metadata.get("labels") or {}, f"{path}.labels")
    for key in sorted(metadata.get("annotations") or {}):
        problems = names.qualified_problems(key.lower())
        found += [errors.invalid(f"{path}.annotations", key, why) for why in problems]
    return found + pod_spec_rules(template.get("spec") or {}, f"{path}.spec")


def _template(template: Document, kind: str) -> list[FieldError]:
    path = "spec.template.spec"
    spec = template.get("spec") or {}
    found = _described(template, "spec.template")
    policy = spec.get("restartPolicy", "Always")
    if policy != "Always":
        found.append(errors.not_supported(f"{path}.restartPolicy", policy, ["Always"]))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        found.append(errors.forbidden(f"{path}.activeDeadlineSeconds", detail))
    return found


def _strategy(strategy: Document) -> list[FieldError]:
    rolling, kind = strategy.get("rollingUpdate"), strategy.get("type", "")
    path = "spec.strategy.rollingUpdate"
    if kind not in {"Recreate", "RollingUpdate"}:
        return [_unknown_strategy("spec.strategy", strategy, '"Recreate", "RollingUpdate"')]
    if kind == "Recreate":
        detail = "may not be specified when strategy `type` is 'Recreate'"
        return [] if rolling is None else [errors.forbidden(path, detail)]
    given = rolling or {}
    found = []
    for field in ("maxUnavailable", "maxSurge"):
        found += amount_rules(given.get(field, 0), f"{path}.{field}")
    none = (0, "0", "0%")
    if rolling and given.get("maxSurge") in none and given.get("maxUnavailable") in none:
        detail = "may not be 0 when `maxSurge` is 0"
        found.append(errors.invalid(f"{path}.maxUnavailable", given["maxUnavailable"], detail))
    return found + at_most_all(given.get("maxUnavailable"), f"{path}.maxUnavailable")


def amount_rules(value: Any, path: str) -> list[FieldError]:
    """A number or a percentage."""
    if isinstance(value, str):
        return [] if re.fullmatch("[0-9]+%", value) else [errors.invalid(path, value, _NO_PERCENT)]
    return [errors.invalid(path, value, NEGATIVE)] if value < 0 else []


def at_most_all(value: Any, path: str) -> list[FieldError]:
    """A percentage of no more than there is; a number may be any."""
    if not re.fullmatch("[0-9]+%", str(value)) or int(value.removesuffix("%")) <= 100:
        return []
    return [errors.invalid(path, value, "must not be greater than 100%")]
