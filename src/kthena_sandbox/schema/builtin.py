"""The kinds that every cluster serves without a CustomResourceDefinition."""

from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any

import yaml

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import (
    countrules,
    devicerules,
    driverrules,
    flowrules,
    limitrangerules,
    nativedefaults as defaults,
    nativerules as rules,
    quotarules,
    rbacrules,
    storageclassrules,
    volumerules,
)
from kthena_sandbox.schema.addressrules import address_rules
from kthena_sandbox.schema.admissionrules import policy_rules, webhook_rules
from kthena_sandbox.schema.autoscalerrules import (
    autoscaler_defaults,
    autoscaler_rules,
    old_autoscaler_defaults,
    old_autoscaler_rules,
)
from kthena_sandbox.schema.classrules import (
    priority_class_defaults,
    runtime_class_rules,
)
from kthena_sandbox.schema.compiled import Definitions, Schema
from kthena_sandbox.schema.crdrules import validate_crd
from kthena_sandbox.schema.cronrules import cron_job_defaults, cron_job_rules
from kthena_sandbox.schema.endpointrules import endpoint_slice_rules, endpoints_rules, event_rules
from kthena_sandbox.schema.fielderrors import FieldError
from kthena_sandbox.schema.ingressrules import ingress_class_rules, ingress_rules
from kthena_sandbox.schema.networkpolicyrules import network_policy_defaults, network_policy_rules
from kthena_sandbox.schema.notation import full_name, read_definitions
from kthena_sandbox.schema.requestrules import request_rules
from kthena_sandbox.schema.webhookrules import hook_rules, policy_binding_rules
from kthena_sandbox.schema.workloadrules import (
    daemon_set_rules,
    deployment_rules,
    job_rules,
    pod_rules,
    pod_template_rules,
    replica_set_rules,
    replication_controller_rules,
    revision_rules,
    stateful_set_rules,
)

Document = dict[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Rule = Callable[[Document], list[FieldError]]
_GROUPS = {
    "autoscaling": "autoscaling",
    "autoscalingv2": "autoscaling",
    "admissionregistration": "admissionregistration.k8s.io",
    "certificates": "certificates.k8s.io",
    "core": "",
    "apps": "apps",
    "batch": "batch",
    "coordination": "coordination.k8s.io",
    "discovery": "discovery.k8s.io",
    "events": "events.k8s.io",
    "networking": "networking.k8s.io",
    "node": "node.k8s.io",
    "policy": "policy",
    "scheduling": "scheduling.k8s.io",
    "resource": "resource.k8s.io",
    "rbac": "rbac.authorization.k8s.io",
    "storage": "storage.k8s.io",
    "flowcontrol": "flowcontrol.apiserver.k8s.io",
    "apiextensions": "apiextensions.k8s.io",
}


def _read() -> Definitions:
    folder = resources.files("kthena_sandbox.schema") / "kinds"
    groups = {
        entry.name.removesuffix(".yaml"): _LOADER(entry.read_text("utf-8")).get_single_data()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }
    return read_definitions(groups)


DEFINITIONS = _read()


def schema_of(group: str, kind: str) -> Schema:
    """The schema of a kind that is not kept: a review, or what a subresource answers."""
    name = full_name(group, kind)
    return Schema(DEFINITIONS[name], name=name, definitions=DEFINITIONS)


def _type(
    group: str,
    kind: str,
    names: str,
    *subresources: str,
    cluster: bool = False,
    defaulter: Callable[[Document], Document] | None = None,
    rule: Rule | None = None,
) -> ResourceType:
    """`names`: plural, short names, and `+all` for the category."""
    plural, *short = [name for name in names.split() if name != "+all"]
    name = full_name(group, kind)
    schema = Schema(
        DEFINITIONS[name],
        name=name,
        definitions=DEFINITIONS,
        defaulters=() if defaulter is None else (defaulter,),
        rules=() if rule is None else (rule,),
    )
    return ResourceType(
        group=_GROUPS[group],
        version="v1",
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        namespaced=not cluster,
        list_kind=f"{kind}List",
        short_names=tuple(short),
        categories=_categories(group, names),
        subresources=frozenset(subresources),
        schema=schema,
    )


def _categories(group: str, names: str) -> tuple[str, ...]:
    if "+all" in names:
        return ("all",)
    return ("api-extensions",) if group in {"admissionregistration", "apiextensions"} else ()


def _together(*rules_of: Rule) -> Rule:
    return lambda document: [error for rule in rules_of for error in rule(document)]


def _of_hooks(configuration: Document) -> list[FieldError]:
    return hook_rules(configuration) + webhook_rules(configuration)


_CORE = (
    _type("core", "ConfigMap", "configmaps cm", rule=rules.data_rules),
    replace(
        _type("core", "Endpoints", "endpoints ep", rule=endpoints_rules),
        deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
    _type("core", "Event", "events ev", rule=event_rules),
    _type("core", "LimitRange", "limitranges limits",
          defaulter=limitrangerules.limit_range_defaults, rule=limitrangerules.limit_range_rules),
    _type("core", "Namespace", "namespaces ns", "status", "finalize", cluster=True,
          defaulter=defaults.namespace_defaults),
    _type("core", "Node", "nodes no", "status", cluster=True, defaulter=defaults.node_defaults),
    _type("core", "PersistentVolume", "persistentvolumes pv", "status", cluster=True,
          defaulter=volumerules.volume_defaults, rule=volumerules.volume_rules),
    _type("core", "PersistentVolumeClaim", "persistentvolumeclaims pvc", "status",
          defaulter=volumerules.claim_defaults, rule=volumerules.claim_rules),
    _type("core", "Pod", "pods po +all", "status", "log", "binding", "eviction",
          "portforward", "proxy",
          defaulter=defaults.pod_defaults, rule=pod_rules),
    _type("core", "PodTemplate", "podtemplates",
          defaulter=defaults.pod_template_defaults, rule=pod_template_rules),
    _type("core", "ResourceQuota", "resourcequotas quota", "status", rule=quotarules.quota_rules),
    _type("core", "ReplicationController", "replicationcontrollers rc +all", "status", "scale",
          defaulter=defaults.replication_controller_defaults, rule=replication_controller_rules),
    _type("core", "Secret", "secrets", defaulter=defaults.secret_defaults, rule=rules.secret_rules),
    _type("core", "Service", "services svc +all", "status", "proxy",
          defaulter=defaults.service_defaults, rule=rules.service_rules),
    _type("core", "ServiceAccount", "serviceaccounts sa", "token"),
)  # fmt: skip
_NETWORKING = (
    _type("networking", "Ingress", "ingresses ing", "status", rule=ingress_rules),
    _type("networking", "IngressClass", "ingressclasses", cluster=True, rule=ingress_class_rules),
    _type("networking", "IPAddress", "ipaddresses ip", cluster=True, rule=address_rules),
    _type("networking", "ServiceCIDR", "servicecidrs", "status", cluster=True),
    _type("networking", "NetworkPolicy", "networkpolicies netpol",
          defaulter=network_policy_defaults, rule=network_policy_rules),
)  # fmt: skip
_CLASSES = (
    _type("node", "RuntimeClass", "runtimeclasses", cluster=True, rule=runtime_class_rules),
    _type("scheduling", "PriorityClass", "priorityclasses pc", cluster=True,
          defaulter=priority_class_defaults),
)  # fmt: skip
_STORAGE = (
    _type("storage", "CSIDriver", "csidrivers", cluster=True,
          defaulter=driverrules.driver_defaults, rule=driverrules.driver_rules),
    _type("storage", "CSINode", "csinodes", cluster=True, rule=driverrules.node_rules),
    _type("storage", "CSIStorageCapacity", "csistoragecapacities",
          rule=driverrules.capacity_rules),
    _type("storage", "StorageClass", "storageclasses sc", cluster=True,
          defaulter=storageclassrules.storage_class_defaults,
          rule=storageclassrules.storage_class_rules),
    _type("storage", "VolumeAttachment", "volumeattachments", "status", cluster=True,
          rule=driverrules.attachment_rules),
    _type("storage", "VolumeAttributesClass", "volumeattributesclasses vac", cluster=True,
          rule=driverrules.attributes_class_rules),
)  # fmt: skip
_DEVICES = (
    _type("resource", "DeviceClass", "deviceclasses", cluster=True, rule=devicerules.class_rules),
    _type("resource", "ResourceClaim", "resourceclaims", "status",
          defaulter=devicerules.claim_defaults, rule=devicerules.claim_rules),
    _type("resource", "ResourceClaimTemplate", "resourceclaimtemplates",
          defaulter=devicerules.template_defaults, rule=devicerules.template_rules),
    _type("resource", "ResourceSlice", "resourceslices", cluster=True,
          rule=devicerules.slice_rules),
)  # fmt: skip
_FLOWS = (
    _type("flowcontrol", "FlowSchema", "flowschemas", "status", cluster=True,
          defaulter=flowrules.flow_schema_defaults, rule=flowrules.flow_schema_rules),
    _type("flowcontrol", "PriorityLevelConfiguration", "prioritylevelconfigurations", "status",
          cluster=True, defaulter=flowrules.priority_level_defaults,
          rule=flowrules.priority_level_rules),
)  # fmt: skip
_RBAC = (
    _type("rbac", "ClusterRole", "clusterroles", cluster=True, rule=rbacrules.cluster_role_rules),
    _type("rbac", "ClusterRoleBinding", "clusterrolebindings", cluster=True,
          defaulter=defaults.binding_defaults, rule=rbacrules.binding_rules),
    _type("rbac", "Role", "roles", rule=rbacrules.role_rules),
    _type("rbac", "RoleBinding", "rolebindings",
          defaulter=defaults.binding_defaults, rule=rbacrules.binding_rules),
)  # fmt: skip
_ADMISSION = (
    _type("admissionregistration", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations",
          cluster=True, rule=_of_hooks),
    _type("admissionregistration", "ValidatingAdmissionPolicy", "validatingadmissionpolicies",
          "status", cluster=True, rule=policy_rules),
    _type("admissionregistration", "ValidatingAdmissionPolicyBinding",
          "validatingadmissionpolicybindings", cluster=True, rule=policy_binding_rules),
    _type("admissionregistration", "ValidatingWebhookConfiguration",
          "validatingwebhookconfigurations", cluster=True, rule=_of_hooks),
)  # fmt: skip
_APPS = (
    _type("apps", "ControllerRevision", "controllerrevisions", rule=revision_rules),
    _type("apps", "DaemonSet", "daemonsets ds +all", "status",
          defaulter=defaults.daemon_set_defaults, rule=_together(daemon_set_rules, countrules.daemon_set_count_rules)),
    _type("apps", "Deployment", "deployments deploy +all", "status", "scale",
          defaulter=defaults.deployment_defaults, rule=_together(deployment_rules, countrules.deployment_count_rules)),
    _type("apps", "ReplicaSet", "replicasets rs +all", "status", "scale",
          defaulter=defaults.template_defaults, rule=_together(replica_set_rules, countrules.replica_set_count_rules)),
    _type("apps", "StatefulSet", "statefulsets sts +all", "status", "scale",
          defaulter=defaults.stateful_set_defaults, rule=_together(stateful_set_rules, countrules.stateful_set_count_rules)),
)  # fmt: skip
BUILTIN: tuple[ResourceType, ...] = (
    *_CORE,
    *_ADMISSION,
    _type("apiextensions", "CustomResourceDefinition", "customresourcedefinitions crd crds", "status",
          cluster=True, defaulter=defaults.definition_defaults, rule=validate_crd),
    *_APPS,
    replace(
        _type("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers hpa +all", "status",
              defaulter=old_autoscaler_defaults, rule=old_autoscaler_rules),
        storage_version="v2",
    ),
    replace(
        _type("autoscalingv2", "HorizontalPodAutoscaler", "horizontalpodautoscalers hpa +all", "status",
              defaulter=autoscaler_defaults, rule=autoscaler_rules),
        version="v2",
    ),
    _type("batch", "CronJob", "cronjobs cj +all", "status",
          defaulter=cron_job_defaults, rule=cron_job_rules),
    _type("batch", "Job", "jobs +all", "status",
          defaulter=defaults.job_defaults, rule=job_rules),
    _type("certificates", "CertificateSigningRequest", "certificatesigningrequests csr",
          "status", "approval", cluster=True, rule=request_rules),
    _type("coordination", "Lease", "leases", rule=rules.lease_rules),
    _type("discovery", "EndpointSlice", "endpointslices", rule=endpoint_slice_rules),
    _type("events", "Event", "events ev"),
    _type("policy", "PodDisruptionBudget", "poddisruptionbudgets pdb", "status",
          rule=rules.budget_rules),
    *_NETWORKING,
    *_CLASSES,
    *_RBAC,
    *_STORAGE,
    *_DEVICES,
    *_FLOWS,
)  # fmt: skip
