"""The columns of `kubectl get` for built-in kinds (kubernetes/pkg/printers/internalversion)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kthena_sandbox.schema import (
    admissionrows,
    autoscalerrows,
    driverrows,
    flowrows,
    networkrows,
    objectrows,
    storagerows,
    workloadrows,
)

Document = dict[str, Any]
Row = Callable[[Document, datetime], tuple[list[Any], list[Document]]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; priority 1 shows with `-o wide` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def document(self) -> Document:
        """The TableColumnDefinition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


_TYPES = {"#": "integer", "?": "boolean", "@": "date"}


def _columns(text: str) -> tuple[Column, ...]:
    """`Name|Ready|Age|IP+`: `+` marks a wide column, `#` an integer, `?` a truth, `@` a date, `=` the name of an object."""
    return tuple(_column(word) for word in text.split("|"))


def _column(word: str) -> Column:
    name = word.strip("+#?@=")
    kind = next((kind for mark, kind in _TYPES.items() if mark in word), "string")
    return Column(
        name,
        kind,
        "name" if name == "Name" or "=" in word else "",
        int("+" in word),
        f"{name} of the object",
    )


def _plain(cells: Callable[[Document, datetime], list[Any]]) -> Row:
    return lambda entry, now: (cells(entry, now), [])


_WORKLOAD = "Age|Containers+|Images+|Selector+"
_EVENT = "Last Seen|Type|Reason|Object|Subobject+|Source+|Message|First Seen+|Count+|Name+"
_BINDING = "Name|Role|Age|Users+|Groups+|ServiceAccounts+"
_NODE = (
    "Name|Status|Roles|Age|Version|Internal-IP+|External-IP+|OS-Image+|Kernel-Version+|"
    "Container-Runtime+"
)
_ADMISSION = "admissionregistration.k8s.io"
_WEBHOOKS = (_columns("Name|Webhooks#|Age"), _plain(admissionrows.webhooks))
_DATED = (_columns("Name|Created At@"), _plain(objectrows.dated))
_LAYOUTS: Mapping[tuple[str, str], tuple[tuple[Column, ...], Row]] = {
    ("", "ConfigMap"): (_columns("Name|Data|Age"), _plain(objectrows.config_map)),
    ("", "Endpoints"): (_columns("Name|Endpoints|Age"), _plain(networkrows.endpoints)),
    ("", "Event"): (_columns(_EVENT), _plain(objectrows.event)),
    ("", "LimitRange"): _DATED,
    ("", "Namespace"): (_columns("Name|Status|Age"), _plain(objectrows.namespace)),
    ("", "Node"): (_columns(_NODE), _plain(objectrows.node)),
    ("", "PersistentVolume"): (
        _columns(
            "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|"
            "VolumeMode+"
        ),
        _plain(storagerows.volume),
    ),
    ("", "PersistentVolumeClaim"): (
        _columns(
            "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode+"
        ),
        _plain(storagerows.claim),
    ),
    ("", "Pod"): (
        _columns("Name|Ready|Status|Restarts|Age|IP+|Node+|Nominated Node+|Readiness Gates+"),
        workloadrows.pod,
    ),
    ("", "ResourceQuota"): (
        _columns("Name|Request|Limit|Age"),
        _plain(objectrows.resource_quota),
    ),
    ("", "Secret"): (_columns("Name|Type|Data|Age"), _plain(objectrows.secret)),
    ("", "Service"): (
        _columns("Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector+"),
        _plain(networkrows.service),
    ),
    ("", "ServiceAccount"): (_columns("Name|Secrets|Age"), _plain(objectrows.service_account)),
    ("apps", "ControllerRevision"): (
        _columns("Name|Controller|Revision|Age"),
        _plain(workloadrows.controller_revision),
    ),
    ("apps", "DaemonSet"): (
        _columns(f"Name|Desired#|Current#|Ready#|Up-to-date#|Available#|Node Selector|{_WORKLOAD}"),
        _plain(workloadrows.daemon_set),
    ),
    ("apps", "StatefulSet"): (
        _columns("Name|Ready|Age|Containers+|Images+"),
        _plain(workloadrows.stateful_set),
    ),
    ("autoscaling", "Scale"): (
        _columns("Name|Desired#|Available#|Age"),
        _plain(workloadrows.scale),
    ),
    ("batch", "Job"): (
        _columns(f"Name|Status|Completions|Duration|{_WORKLOAD}"),
        _plain(workloadrows.job),
    ),
    ("policy", "PodDisruptionBudget"): (
        _columns("Name|Min Available|Max Unavailable|Allowed Disruptions#|Age"),
        _plain(workloadrows.budget),
    ),
    ("apps", "Deployment"): (
        _columns(f"Name|Ready|Up-to-date|Available|{_WORKLOAD}"),
        _plain(workloadrows.deployment),
    ),
    ("apps", "ReplicaSet"): (
        _columns(f"Name|Desired#|Current#|Ready#|{_WORKLOAD}"),
        _plain(workloadrows.replica_set),
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): (
        _columns("Name|Age|SignerName|Requestor|RequestedDuration|Condition"),
        _plain(objectrows.signing_request),
    ),
    ("coordination.k8s.io", "Lease"): (_columns("Name|Holder|Age"), _plain(objectrows.lease)),
    ("discovery.k8s.io", "EndpointSlice"): (
        _columns("Name|AddressType|Ports|Endpoints|Age"),
        _plain(networkrows.endpoint_slice),
    ),
    ("events.k8s.io", "Event"): (_columns(_EVENT), _plain(objectrows.event)),
    ("", "ReplicationController"): (
        _columns(f"Name|Desired#|Current#|Ready#|{_WORKLOAD}"),
        _plain(workloadrows.replication_controller),
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): (
        _columns("Name|Reference|Targets|MinPods|MaxPods|Replicas|Age"),
        _plain(autoscalerrows.autoscaler),
    ),
    ("batch", "CronJob"): (
        _columns(f"Name|Schedule|Timezone|Suspend?|Active#|Last Schedule|{_WORKLOAD}"),
        _plain(workloadrows.cron_job),
    ),
    ("", "PodTemplate"): (
        _columns("Name|Containers|Images|Pod Labels"),
        _plain(workloadrows.pod_template),
    ),
    ("networking.k8s.io", "Ingress"): (
        _columns("Name|Class|Hosts|Address|Ports|Age"),
        _plain(networkrows.ingress),
    ),
    ("networking.k8s.io", "IngressClass"): (
        _columns("Name|Controller|Parameters|Age"),
        _plain(networkrows.ingress_class),
    ),
    ("networking.k8s.io", "NetworkPolicy"): (
        _columns("Name|Pod-Selector|Age"),
        _plain(networkrows.network_policy),
    ),
    ("node.k8s.io", "RuntimeClass"): (
        _columns("Name|Handler|Age"),
        _plain(objectrows.runtime_class),
    ),
    ("scheduling.k8s.io", "PriorityClass"): (
        _columns("Name|Value#|Global-Default?|Age|PreemptionPolicy"),
        _plain(objectrows.priority_class),
    ),
    ("rbac.authorization.k8s.io", "ClusterRole"): _DATED,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (
        _columns(_BINDING),
        _plain(objectrows.role_binding),
    ),
    ("rbac.authorization.k8s.io", "Role"): _DATED,
    ("rbac.authorization.k8s.io", "RoleBinding"): (
        _columns(_BINDING),
        _plain(objectrows.role_binding),
    ),
    ("storage.k8s.io", "StorageClass"): (
        _columns("Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age"),
        _plain(storagerows.storage_class),
    ),
    ("storage.k8s.io", "CSIDriver"): (
        _columns(
            "Name|AttachRequired?|PodInfoOnMount?|StorageCapacity?|TokenRequests|RequiresRepublish?|Modes|Age"
        ),
        _plain(driverrows.driver),
    ),
    ("storage.k8s.io", "CSINode"): (_columns("Name|Drivers#|Age"), _plain(driverrows.node)),
    ("storage.k8s.io", "CSIStorageCapacity"): _DATED,
    ("storage.k8s.io", "VolumeAttachment"): (
        _columns("Name|Attacher=|PV|Node|Attached?|Age"),
        _plain(driverrows.attachment),
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): (
        _columns("Name|DriverName|Age"),
        _plain(driverrows.attributes_class),
    ),
    ("networking.k8s.io", "IPAddress"): (
        _columns("Name|ParentRef"),
        _plain(networkrows.ip_address),
    ),
    ("networking.k8s.io", "ServiceCIDR"): (
        _columns("Name|CIDRs|Age"),
        _plain(networkrows.service_range),
    ),
    ("resource.k8s.io", "DeviceClass"): (_columns("Name|Age"), _plain(driverrows.aged)),
    ("resource.k8s.io", "ResourceClaim"): (
        _columns("Name|State|Age"),
        _plain(driverrows.resource_claim),
    ),
    ("resource.k8s.io", "ResourceClaimTemplate"): (_columns("Name|Age"), _plain(driverrows.aged)),
    ("resource.k8s.io", "ResourceSlice"): (
        _columns("Name|Node|Driver|Pool|Age"),
        _plain(driverrows.resource_slice),
    ),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): (
        _columns("Name|PriorityLevel|MatchingPrecedence|DistinguisherMethod|Age|MissingPL"),
        _plain(flowrows.flow_schema),
    ),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): (
        _columns("Name|Type|NominalConcurrencyShares|Queues|HandSize|QueueLengthLimit|Age"),
        _plain(flowrows.priority_level),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _DATED,
    (_ADMISSION, "MutatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): (
        _columns("Name|Validations#|ParamKind|Age"),
        _plain(admissionrows.policy),
    ),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): (
        _columns("Name|PolicyName|ParamRef|Age"),
        _plain(admissionrows.policy_binding),
    ),
}


def columns_of(group: str, kind: str) -> tuple[tuple[Column, ...], Row] | None:
    """The columns of a built-in kind and the function from an object to its cells and row conditions."""
    return _LAYOUTS.get((group, kind))
