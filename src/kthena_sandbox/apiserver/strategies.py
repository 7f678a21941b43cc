"""What the API server itself does to objects of single kinds when they are created or changed.

A kind without an entry here follows the general rules: status and generation as in `lifecycle`.
"""

import json
from collections.abc import Mapping
from typing import Any

from kthena_sandbox.apiserver import cautions, networks, pods, services, volumes, workloads
from kthena_sandbox.apiserver.datastrategies import DATA_STRATEGIES
from kthena_sandbox.apiserver.definitionstatus import create_definition, map_at, update_definition
from kthena_sandbox.apiserver.errors import Cause, cause_of
from kthena_sandbox.apiserver.options import forbidden_cause
from kthena_sandbox.apiserver.strategy import Part, Strategy, fixed, immutable, no_causes, value_at
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.autoscalers import OLD, to_new, to_old
from kthena_sandbox.schema.classrules import priority_class_rules
from kthena_sandbox.schema.countrules import replica_count_rules
from kthena_sandbox.schema.golang import shown
from kthena_sandbox.schema.nativedefaults import namespace_defaults
from kthena_sandbox.schema.volumewarnings import (
    claim_warnings,
    storage_class_warnings,
    volume_warnings,
)

Document = dict[str, Any]


def _create_namespace(document: Document, _: Surroundings) -> Document:
    named = namespace_defaults(document)  # its name may have been generated
    given = (document.get("spec") or {}).get("finalizers") or []
    return named | {
        "spec": {"finalizers": given if "kubernetes" in given else [*given, "kubernetes"]}
    }


def _update_namespace(document: Document, old: Document, _: Surroundings) -> Document:
    return document | {"spec": old.get("spec", {})}  # finalizers change through /finalize only


def _check_secret(
    document: Document, old: Document | None, surroundings: Surroundings
) -> list[Cause]:
    return immutable(document, old, "type") + _check_data(document, old, surroundings)


def _check_data(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    if old is None or not old.get("immutable"):
        return []
    text = "Forbidden: field is immutable when `immutable` is set"
    return [
        Cause("FieldValueForbidden", text, name)
        for name in ("immutable", "data", "binaryData")
        if document.get(name) != old.get(name)
    ]


def _check_priority(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    if old is None:
        return [cause_of(error) for error in priority_class_rules(document)]
    same = document.get("value", 0) == old.get("value", 0)
    causes = [] if same else [forbidden_cause("value", "may not be changed in an update.")]
    return causes + immutable(document, old, "preemptionPolicy")


def _create_limit_range(document: Document, _: Surroundings) -> Document:
    """A LimitRange without a name gets a UUID for one, as in Kubernetes."""
    metadata = document["metadata"]
    return document | {"metadata": {"name": metadata["uid"]} | metadata}


def _check_scopes(quota: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """What a quota is about stays."""
    if old is None or set(value_at(quota, "spec.scopes") or []) == set(
        value_at(old, "spec.scopes") or []
    ):
        return []
    return immutable(quota, old, "spec.scopes")


def _create_autoscaler(document: Document, _: Surroundings) -> Document:
    """A new one has a status of its version."""
    seen = {"currentReplicas": 0} if document.get("apiVersion") == OLD else {"currentMetrics": None}
    return _told_anew(document | {"status": {"desiredReplicas": 0} | seen})


def _update_autoscaler(document: Document, _: Document, __: Surroundings) -> Document:
    return _told_anew(document)


def _told_anew(autoscaler: Document) -> Document:
    """What annotations of one of v1 say, in the words in which it will be read; what says nothing goes."""
    return to_old(to_new(autoscaler)) if autoscaler.get("apiVersion") == OLD else autoscaler


def _check_counts(document: Document, *_: object) -> list[Cause]:
    return [cause_of(error) for error in replica_count_rules(document)]


def _check_cron_job(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The Jobs of a CronJob have eleven characters more in their names, and these are labels."""
    name = document["metadata"].get("name", "")
    if old is not None or len(name) <= _LONGEST_CRON_JOB:
        return []
    why = f"must be no more than {_LONGEST_CRON_JOB} characters"
    return [Cause("FieldValueInvalid", f"Invalid value: {shown(name)}: {why}", "metadata.name")]


def _check_addresses(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The kind of addresses stays."""
    known = document.get("addressType") in {"FQDN", "IPv4", "IPv6"}
    return immutable(document, old, "addressType") if known else []


def _check_no_addresses(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """The same of one that is none, which is said first."""
    known = document.get("addressType") in {"FQDN", "IPv4", "IPv6"}
    return [] if known else immutable(document, old, "addressType")


def _check_role_ref(document: Document, old: Document | None, _: Surroundings) -> list[Cause]:
    """A binding stays with its role."""
    role = map_at(document, "roleRef")
    if old is None or role == old.get("roleRef"):
        return []
    fields = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
    value = json.dumps(
        {one: role.get(name, "") for one, name in fields.items()}, separators=(",", ":")
    )
    return [Cause("FieldValueInvalid", f"Invalid value: {value}: cannot change roleRef", "roleRef")]


_SPEC = ("spec",)
_LONGEST_CRON_JOB = 52
_SELECTOR_STAYS = fixed("spec.selector")
_DEFINITION_STAYS = fixed("spec.group", "spec.scope", "spec.names.plural", "spec.names.kind")
_WHOLE: tuple[Part, ...] = ("core", "own", "whole", "rules", "last")
_TWICE: tuple[Part, ...] = ("whole", "rules", "last") * 2 + ("core", "own")
_OF_JOBS: tuple[Part, ...] = ("whole", "own", "rules", "core", "rules", "last")
_OF_VOLUMES: tuple[Part, ...] = ("whole", "rules", "whole", "rules", "own")
_OF_CLAIMS: tuple[Part, ...] = ("whole", "rules", "core", "whole", "rules", "own")
_OF_CLASSES: tuple[Part, ...] = ("whole", "rules", "core", "last")
_RULES_FIRST: tuple[Part, ...] = ("core", "rules", "last", "own", "whole", "rules", "last")
STRATEGIES: Mapping[tuple[str, str], Strategy] = {
    **DATA_STRATEGIES,
    ("", "namespaces"): Strategy(
        _create_namespace, _update_namespace, status={"phase": "Active"}, on_update=_WHOLE
    ),
    ("", "pods"): Strategy(
        pods.create, pods.update, check_last=pods.check, warnings=cautions.of_pod,
        generation=_SPEC, status=None, on_update=_WHOLE,
    ),
    ("", "nodes"): Strategy(status=None, on_update=_WHOLE),  # a kubelet registers its node with a status
    ("", "persistentvolumes"): Strategy(
        volumes.create_volume, check=volumes.check_volume, on_update=_OF_VOLUMES, warnings=volume_warnings,
        update_status=volumes.volume_status,
    ),
    ("", "persistentvolumeclaims"): Strategy(
        volumes.create_claim, volumes.update_claim, volumes.check_claim, status={"phase": "Pending"},
        on_update=_OF_CLAIMS, warnings=claim_warnings,
    ),
    ("", "resourcequotas"): Strategy(check_last=_check_scopes),
    ("", "limitranges"): Strategy(_create_limit_range, on_update=("whole", "rules")),
    ("storage.k8s.io", "storageclasses"): Strategy(
        check_last=volumes.check_storage_class, on_update=_OF_CLASSES, warnings=storage_class_warnings
    ),
    ("", "secrets"): Strategy(check=_check_secret, on_update=_WHOLE),
    ("", "configmaps"): Strategy(check=_check_data, on_update=_WHOLE),
    ("", "serviceaccounts"): Strategy(on_update=_WHOLE),
    ("", "endpoints"): Strategy(on_update=_WHOLE),
    ("", "replicationcontrollers"): Strategy(
        check=_check_counts, warnings=cautions.of_template, generation=_SPEC, status={"replicas": 0},
        on_update=_RULES_FIRST,
    ),
    ("autoscaling", "horizontalpodautoscalers"): Strategy(
        _create_autoscaler, _update_autoscaler, status=None
    ),
    ("batch", "cronjobs"): Strategy(
        check_last=_check_cron_job, warnings=cautions.of_cron_job, generation=_SPEC
    ),
    ("", "podtemplates"): Strategy(generation=("template",)),
    **{
        ("rbac.authorization.k8s.io", plural): Strategy(
            check=_check_role_ref if plural.endswith("bindings") else no_causes, on_update=_TWICE
        )
        for plural in ("clusterrolebindings", "clusterroles", "rolebindings", "roles")
    },
    ("", "services"): Strategy(
        services.create, services.update, services.check, status=None,
        check_first=services.check_allocation, warnings=cautions.of_service, shown=services.shown,
    ),
    ("apps", "deployments"): Strategy(
        check_last=_SELECTOR_STAYS, warnings=cautions.of_template, generation=_SPEC, counted_metadata="annotations"
    ),
    ("apps", "replicasets"): Strategy(
        check_last=_SELECTOR_STAYS, warnings=cautions.of_template, generation=_SPEC, status={"replicas": 0}
    ),
    ("apps", "statefulsets"): Strategy(
        check_last=workloads.check_stateful_set, generation=_SPEC,
        status={"availableReplicas": 0, "replicas": 0},
    ),
    ("apps", "daemonsets"): Strategy(
        workloads.create_daemon_set, workloads.update_daemon_set, check=_SELECTOR_STAYS, generation=_SPEC,
        status={"currentNumberScheduled": 0, "desiredNumberScheduled": 0,
                "numberMisscheduled": 0, "numberReady": 0},
    ),
    ("apps", "controllerrevisions"): Strategy(check=workloads.check_revision, on_update=_WHOLE),
    ("batch", "jobs"): Strategy(
        workloads.create_job, check=workloads.check_job_labels, check_last=workloads.check_job,
        warnings=cautions.of_template, generation=_SPEC, on_update=_OF_JOBS,
    ),
    ("discovery.k8s.io", "endpointslices"): Strategy(
        check=_check_addresses, check_last=_check_no_addresses, generation=("addressType", "endpoints", "ports"),
        counted_metadata="labels",
    ),
    ("networking.k8s.io", "ingresses"): Strategy(
        check_last=networks.check_ingress, warnings=networks.ingress_warnings, generation=_SPEC,
        status={"loadBalancer": {}},
    ),
    ("networking.k8s.io", "ingressclasses"): Strategy(
        check=fixed("spec.controller"), generation=_SPEC, on_update=_WHOLE
    ),
    ("networking.k8s.io", "networkpolicies"): Strategy(
        warnings=networks.policy_warnings, generation=_SPEC, on_update=_RULES_FIRST
    ),
    ("node.k8s.io", "runtimeclasses"): Strategy(check_last=fixed("handler"), warnings=workloads.runtime_class_warnings, on_update=_WHOLE),
    ("scheduling.k8s.io", "priorityclasses"): Strategy(check=_check_priority, generation=("value",)),
    ("policy", "poddisruptionbudgets"): Strategy(
        generation=_SPEC, on_update=("own", "rules", "last"),
        status={"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0,
                "expectedPods": 0},
    ),
    **{
        ("admissionregistration.k8s.io", f"{kind}webhookconfigurations"): Strategy(generation=("webhooks",))
        for kind in ("mutating", "validating")
    },
    **{
        ("admissionregistration.k8s.io", f"validatingadmission{plural}"): Strategy(generation=_SPEC)
        for plural in ("policies", "policybindings")
    },
    ("apiextensions.k8s.io", "customresourcedefinitions"): Strategy(
        create_definition, update_definition, _DEFINITION_STAYS, generation=_SPEC, status=None
    ),
}  # fmt: skip
_GENERAL = Strategy()


def as_shown(resource: ResourceType, document: Document) -> Document:
    """An object as it is read, which may hide something of what is kept."""
    shown = strategy_of(resource).shown
    return document if shown is None or document.get("kind") == "Status" else shown(document)


def strategy_of(resource: ResourceType) -> Strategy:
    """The rules for one kind."""
    return STRATEGIES.get((resource.group, resource.plural), _GENERAL)
