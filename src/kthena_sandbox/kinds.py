"""The kinds that controllers and kubelet work with, and where the API serves them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

Document = dict[str, Any]


class Key(NamedTuple):
    """Where an object is; `namespace` is "" for those that belong to the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version; `group` is "" for core."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of all objects, those of a namespace, or one object."""
        parts = ["apis", self.group] if self.group else ["api"]
        parts.append(self.version)
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        return "/" + "/".join(parts + [part for part in (name, subresource) if part])


NAMESPACES = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
NODES = Kind("", "v1", "Node", "nodes", namespaced=False)
PODS = Kind("", "v1", "Pod", "pods")
SERVICES = Kind("", "v1", "Service", "services")
CONFIG_MAPS = Kind("", "v1", "ConfigMap", "configmaps")
SECRETS = Kind("", "v1", "Secret", "secrets")
CLAIMS = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUMES = Kind("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
QUOTAS = Kind("", "v1", "ResourceQuota", "resourcequotas")
STORAGE_CLASSES = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
ATTRIBUTES_CLASSES = Kind(
    "storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses", namespaced=False
)
SERVICE_ACCOUNTS = Kind("", "v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAPS = Kind("", "v1", "ConfigMap", "configmaps")
EVENTS = Kind("", "v1", "Event", "events")
LEASES = Kind("coordination.k8s.io", "v1", "Lease", "leases")
DEPLOYMENTS = Kind("apps", "v1", "Deployment", "deployments")
POLICIES = Kind(
    "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies", namespaced=False,
)  # fmt: skip
FLOW_SCHEMAS = Kind(
    "flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", namespaced=False
)
PRIORITY_LEVELS = Kind(
    "flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration",
    "prioritylevelconfigurations", namespaced=False,
)  # fmt: skip
REPLICA_SETS = Kind("apps", "v1", "ReplicaSet", "replicasets")
STATEFUL_SETS = Kind("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SETS = Kind("apps", "v1", "DaemonSet", "daemonsets")
REVISIONS = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
REPLICATION_CONTROLLERS = Kind("", "v1", "ReplicationController", "replicationcontrollers")
CRON_JOBS = Kind("batch", "v1", "CronJob", "cronjobs")
AUTOSCALERS = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
JOBS = Kind("batch", "v1", "Job", "jobs")
BUDGETS = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints")
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
GATEWAYS = Kind("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
INFERENCE_POOLS = Kind("inference.networking.k8s.io", "v1", "InferencePool", "inferencepools")
DEFINITIONS = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
    namespaced=False,
)  # fmt: skip


def key_of(document: Document) -> Key:
    """Where an object is."""
    metadata = document["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def uid_of(document: Document) -> str:
    """Which object it is, whatever its name."""
    return str(document["metadata"]["uid"])


def is_leaving(document: Document) -> bool:
    """Whether its deletion has begun."""
    return "deletionTimestamp" in document["metadata"]
