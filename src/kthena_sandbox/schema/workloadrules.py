"""Rules of Pods and of the kinds that make Pods from a template.

They are asked only about objects whose fields have the types of the schema.
"""

from typing import Any

from kthena_sandbox.schema import fielderrors as errors
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.golang import label_selector, string_map
from kthena_sandbox.schema.labels import selects
from kthena_sandbox.schema.podrules import pod_spec_rules

Document = dict[str, Any]
_UNSUPPORTED = ("backoffLimitPerIndex", "maxFailedIndexes", "podFailurePolicy", "successPolicy")
_NEGATIVE = "must be greater than or equal to 0"


def pod_rules(pod: Document) -> list[FieldError]:
    """A Pod."""
    spec = pod.get("spec")
    if spec is None:
        return [errors.required("spec.containers")]
    return pod_spec_rules(spec, "spec")


def replica_set_rules(replica_set: Document) -> list[FieldError]:
    """A ReplicaSet."""
    return _workload(replica_set.get("spec") or {}, "replica set")


def deployment_rules(deployment: Document) -> list[FieldError]:
    """A Deployment."""
    spec = deployment.get("spec") or {}
    found = _workload(spec, "deployment") + _strategy(spec.get("strategy") or {})
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        if spec.get(field, 0) < 0:
            found.append(errors.invalid(f"spec.{field}", spec[field], _NEGATIVE))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        path = "spec.progressDeadlineSeconds"
        found.append(errors.invalid(path, deadline, "must be greater than minReadySeconds"))
    return found


def stateful_set_rules(stateful_set: Document) -> list[FieldError]:
    """A StatefulSet."""
    spec = stateful_set.get("spec") or {}
    found = _workload(spec, "statefulset")
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    if partition < 0:
        path = "spec.updateStrategy.rollingUpdate.partition"
        found.append(errors.invalid(path, partition, _NEGATIVE))
    return found


def daemon_set_rules(daemon_set: Document) -> list[FieldError]:
    """A DaemonSet."""
    return _workload(daemon_set.get("spec") or {}, "daemonset")


def job_rules(job: Document) -> list[FieldError]:
    """A Job, whose selector is made by the API server."""
    spec = job.get("spec") or {}
    found = [
        errors.invalid(f"spec.{field}", spec[field], _NEGATIVE)
        for field in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
                      "ttlSecondsAfterFinished")
        if spec.get(field, 0) < 0
    ]  # fmt: skip
    found += [
        errors.forbidden(f"spec.{field}", "is not supported by this sandbox")
        for field in _UNSUPPORTED if field in spec
    ]  # fmt: skip
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        detail = "when completion mode is Indexed"
        found.append(errors.required("spec.completions", detail))
    template = (spec.get("template") or {}).get("spec")
    if template is None:
        return [*found, errors.required("spec.template.spec.containers")]
    found += pod_spec_rules(template, "spec.template.spec")
    if template.get("restartPolicy", "Always") == "Always":
        detail = 'valid values: "OnFailure", "Never"'
        found.append(errors.required("spec.template.spec.restartPolicy", detail))
    return found


def _workload(spec: Document, what: str) -> list[FieldError]:
    found = []
    if spec.get("replicas", 0) < 0:
        found.append(errors.invalid("spec.replicas", spec["replicas"], _NEGATIVE))
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        found.append(errors.required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        detail = f"empty selector is invalid for {what}"
        found.append(errors.invalid_shown("spec.selector", label_selector({}), detail))
    if selector is None or not selects(selector, labels):
        shown = string_map(labels) if labels else "map[string]string(nil)"
        detail = "`selector` does not match template `labels`"
        found.append(errors.invalid_shown("spec.template.metadata.labels", shown, detail))
    return found + _template(template)


def _template(template: Document) -> list[FieldError]:
    path = "spec.template.spec"
    spec = template.get("spec")
    if spec is None:
        return [errors.required(f"{path}.containers")]
    found = pod_spec_rules(spec, path)
    policy = spec.get("restartPolicy", "Always")
    if policy in {"OnFailure", "Never"}:
        found.append(errors.not_supported(f"{path}.restartPolicy", policy, ["Always"]))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in ReplicaSet is not Supported"
        found.append(errors.forbidden(f"{path}.activeDeadlineSeconds", detail))
    return found


def _strategy(strategy: Document) -> list[FieldError]:
    rolling = strategy.get("rollingUpdate")
    path = "spec.strategy.rollingUpdate"
    if strategy.get("type") == "Recreate" and rolling is not None:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        return [errors.forbidden(path, detail)]
    none = (0, "0", "0%")
    if rolling and rolling.get("maxSurge") in none and rolling.get("maxUnavailable") in none:
        detail = "may not be 0 when `maxSurge` is 0"
        return [errors.invalid(f"{path}.maxUnavailable", rolling["maxUnavailable"], detail)]
    return []
