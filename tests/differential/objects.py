"""The kinds of objects that the requests are about: good ones, and how each may be changed or spoilt."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Change = Callable[[random.Random, Document], None]
NAMESPACE = "differential"


@dataclass(frozen=True)
class Kind:
    """One resource. *spec*: what a good object has beside its metadata. *patches*: changes as merge patches."""

    resource: str
    kind: str
    api_version: str
    spec: Document
    patches: Sequence[Document] = ()
    spoilt: Sequence[Document] = ()  # merged into a good object, it is refused
    status: bool = False
    scale: bool = False
    namespaced: bool = True

    @property
    def custom(self) -> bool:
        """Whether a CRD defines it."""
        group = self.api_version.partition("/")[0]
        return group.startswith(("gateway.", "inference.", "networking.serving."))

    @property
    def collection(self) -> str:
        """Return the path of all objects."""
        group = "/api" if "/" not in self.api_version else "/apis"
        place = f"/namespaces/{NAMESPACE}" if self.namespaced else ""
        return f"{group}/{self.api_version}{place}/{self.resource}"

    def path(self, name: str) -> str:
        """Return the path of one object."""
        return f"{self.collection}/{name}"

    def good(self, name: str, **metadata: Any) -> Document:
        """Return an object that is accepted."""
        document = copy.deepcopy(self.spec)
        own = {"name": name} | ({"namespace": NAMESPACE} if self.namespaced else {}) | metadata
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": own} | document


_CONTAINER = {"name": "main", "image": "nginx:1.27"}
_TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [_CONTAINER]}}
_SELECTOR = {"matchLabels": {"app": "a"}}
_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}

KINDS = (
    Kind(
        "configmaps", "ConfigMap", "v1", {"data": {"a": "1", "b": "2"}},
        patches=({"data": {"a": "3"}}, {"data": {"b": None}}, {"data": {"c": "4"}}, {"immutable": True}, {"binaryData": {"z": "eg=="}}),
        spoilt=({"data": {"a/b": "1"}}, {"data": {"a": 1}}, {"binaryData": {"a": "eg=="}}, {"data": ["a"]}, {"unknown": 1}, {"binaryData": {"x": "%%"}}),
    ),
    Kind(
        "secrets", "Secret", "v1", {"stringData": {"a": "1"}, "type": "Opaque"},
        patches=({"stringData": {"b": "2"}}, {"data": {"a": "eHg="}}, {"type": "other"}, {"immutable": True}),
        spoilt=({"data": {"a": "!"}}, {"type": "kubernetes.io/tls"}, {"data": {"": "eA=="}}, {"type": 3}),
    ),
    Kind(
        "services", "Service", "v1", {"spec": {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80}]}},
        patches=(
            {"spec": {"ports": [{"name": "http", "port": 81}, {"name": "two", "port": 82, "targetPort": "web"}]}},
            {"spec": {"selector": {"app": "b"}}}, {"spec": {"type": "NodePort"}}, {"spec": {"sessionAffinity": "ClientIP"}},
            {"spec": {"clusterIP": "10.99.0.77"}}, {"spec": {"type": "ExternalName", "externalName": "a.b"}},
        ),
        spoilt=(
            {"spec": {"ports": [{"port": 0}]}}, {"spec": {"ports": [{"port": 80}, {"port": 81}]}}, {"spec": {"type": "Strange"}},
            {"spec": {"ports": None}}, {"spec": {"ports": [{"port": "eighty"}]}}, {"spec": {"ports": [{"port": 80, "protocol": "X"}]}},
            {"spec": {"sessionAffinity": "x"}}, {"spec": {"selector": {"a b": "c"}}}, {"spec": {"clusterIP": "not-an-ip"}},
        ),
        status=True,
    ),
    Kind(
        "deployments", "Deployment", "apps/v1", {"spec": {"replicas": 2, "selector": _SELECTOR, "template": _TEMPLATE}},
        patches=(
            {"spec": {"replicas": 3}}, {"spec": {"paused": True}}, {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
            {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}},
            {"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}}, {"spec": {"selector": {"matchLabels": {"app": "z"}}}},
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}}},
        ),
        spoilt=(
            {"spec": {"replicas": -1}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"selector": None}},
            {"spec": {"template": {"spec": {"containers": []}}}}, {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
            {"spec": {"replicas": "two"}}, {"spec": {"strategy": {"type": "Odd"}}}, {"spec": {"minReadySeconds": -3}},
            {"spec": {"template": {"spec": {"containers": [{"name": "Main", "image": "x"}]}}}},
            {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}, {"spec": {"unknown": {"a": 1}}},
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}},
        ),
        status=True, scale=True,
    ),
    Kind(
        "pods", "Pod", "v1", {"spec": {"containers": [_CONTAINER]}},
        patches=(
            {"spec": {"containers": [{"name": "main", "image": "nginx:3"}]}}, {"spec": {"nodeName": "n"}}, {"spec": {"hostname": "h"}},
            {"spec": {"activeDeadlineSeconds": 30}}, {"spec": {"tolerations": [{"operator": "Exists"}]}},
        ),
        spoilt=(
            {"spec": {"containers": None}}, {"spec": {"containers": [{"name": "a_b", "image": "x"}]}},
            {"spec": {"containers": [_CONTAINER, _CONTAINER]}}, {"spec": {"restartPolicy": "Sometimes"}}, {"spec": {"hostname": "-"}},
            {"spec": {"containers": [{"name": "main", "image": "x", "ports": [{"containerPort": 99999}]}]}},
            {"spec": {"containers": [{"name": "main", "image": "x", "env": [{"name": "1=2", "value": "x"}]}]}},
            {"spec": {"containers": [{"name": "main", "image": "x", "resources": {"limits": {"cpu": "-1"}}}]}},
            {"spec": {"containers": [{"name": "main", "image": "x", "resources": {"limits": {"cpu": "much"}}}]}},
            {"spec": {"containers": [{"name": "main", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}},
            {"spec": {"containers": [{"name": "main", "image": "x", "livenessProbe": {"periodSeconds": -1}}]}},
            {"spec": {"terminationGracePeriodSeconds": -5}}, {"spec": {"containers": "none"}}, {"spec": {"nodeSelector": {"a": 1}}},
        ),
        status=True,
    ),
    Kind(
        "roles", "Role", "rbac.authorization.k8s.io/v1", {"rules": [_RULE]},
        patches=({"rules": []}, {"rules": [_RULE, {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}]}),
        spoilt=({"rules": [{"verbs": []}]}, {"rules": [{"verbs": ["get"]}]}, {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]}, {"rules": 4}),
    ),
    Kind(
        "leases", "Lease", "coordination.k8s.io/v1", {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}},
        patches=({"spec": {"holderIdentity": "you"}}, {"spec": {"leaseTransitions": 3}}, {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}),
        spoilt=({"spec": {"leaseDurationSeconds": 0}}, {"spec": {"leaseTransitions": -1}}, {"spec": {"renewTime": "noon"}}),
    ),
    Kind(
        "serviceaccounts", "ServiceAccount", "v1", {"automountServiceAccountToken": False},
        patches=({"imagePullSecrets": [{"name": "p"}]}, {"automountServiceAccountToken": True}, {"imagePullSecrets": [{"name": "q"}]}),
        spoilt=({"imagePullSecrets": {"name": "p"}}, {"automountServiceAccountToken": "no"}),
    ),
    Kind(
        "modelservers", "ModelServer", "networking.serving.volcano.sh/v1alpha1",
        {"spec": {"workloadSelector": {"matchLabels": {"app": "e"}}, "workloadPort": {"port": 8000}, "inferenceEngine": "vLLM"}},
        patches=({"spec": {"model": "m"}}, {"spec": {"workloadPort": {"port": 8001}}}, {"spec": {"trafficPolicy": {"timeout": "30s"}}}),
        spoilt=({"spec": {"workloadPort": {"port": 70000}}}, {"spec": {"inferenceEngine": "Own"}}, {"spec": {"workloadSelector": None}}, {"spec": 1}),
        status=True,
    ),
    Kind(
        "modelroutes", "ModelRoute", "networking.serving.volcano.sh/v1alpha1",
        {"spec": {"modelName": "m", "rules": [{"name": "r", "targetModels": [{"modelServerName": "s"}]}]}},
        patches=(
            {"spec": {"modelName": "n"}}, {"spec": {"loraAdapters": ["l"]}}, {"spec": {"rules": [{"targetModels": [{"modelServerName": "t", "weight": 5}]}]}},
            {"spec": {"parentRefs": [{"name": "default"}]}},
        ),
        spoilt=({"spec": {"rules": []}}, {"spec": {"rules": [{"targetModels": []}]}}, {"spec": {"rules": None}}, {"spec": {"modelName": 3}}, {"spec": {"extra": 1}}),
        status=True,
    ),
    Kind(
        "clusterroles", "ClusterRole", "rbac.authorization.k8s.io/v1", {"rules": [_RULE]},
        patches=({"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]},),
        spoilt=({"rules": [{"verbs": ["get"], "nonResourceURLs": ["x"], "resources": ["y"]}]}, {"aggregationRule": {}}),
        namespaced=False,
    ),
    Kind(
        "statefulsets", "StatefulSet", "apps/v1",
        {"spec": {"replicas": 1, "serviceName": "s", "selector": _SELECTOR, "template": _TEMPLATE}},
        patches=({"spec": {"replicas": 3}}, {"spec": {"minReadySeconds": 4}}, {"spec": {"podManagementPolicy": "Parallel"}}),
        spoilt=({"spec": {"replicas": -1}}, {"spec": {"podManagementPolicy": "Odd"}}, {"spec": {"selector": {"matchLabels": {"app": "b"}}}}, {"spec": {"serviceName": 3}}),
        status=True, scale=True,
    ),
    Kind(
        "jobs", "Job", "batch/v1", {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [_CONTAINER]}}}},
        patches=({"spec": {"parallelism": 2}}, {"spec": {"suspend": True}}, {"spec": {"backoffLimit": 1}}),
        spoilt=({"spec": {"parallelism": -1}}, {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}, {"spec": {"completions": "x"}}),
        status=True,
    ),
    Kind(
        "namespaces", "Namespace", "v1", {},
        patches=({"metadata": {"labels": {"own": "y"}}}, {"spec": {"finalizers": ["example.com/own"]}}),
        spoilt=({"spec": {"finalizers": "x"}}, {"metadata": {"labels": {"bad label": "x"}}}),
        status=True, namespaced=False,
    ),
    Kind(
        "gateways", "Gateway", "gateway.networking.k8s.io/v1",
        {"spec": {"gatewayClassName": "c", "listeners": [{"name": "l", "port": 80, "protocol": "HTTP"}]}},
        patches=({"spec": {"listeners": [{"name": "l", "port": 81, "protocol": "HTTP"}]}}, {"spec": {"addresses": [{"value": "10.1.2.3"}]}}),
        spoilt=(
            {"spec": {"listeners": []}}, {"spec": {"listeners": [{"name": "l", "port": 0, "protocol": "HTTP"}]}}, {"spec": {"gatewayClassName": ""}},
            {"spec": {"listeners": [{"name": "l", "port": 80, "protocol": "HTTP"}, {"name": "l", "port": 81, "protocol": "HTTP"}]}},
            {"spec": {"listeners": [{"name": "l", "port": 80, "protocol": "HTTP", "tls": {"mode": "Terminate"}}]}},
        ),
        status=True,
    ),
    Kind(
        "httproutes", "HTTPRoute", "gateway.networking.k8s.io/v1",
        {"spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "s", "port": 80}]}]}},
        patches=({"spec": {"hostnames": ["a.example.com"]}}, {"spec": {"rules": [{"matches": [{"path": {"value": "/v1"}}]}]}}),
        spoilt=(
            {"spec": {"hostnames": ["*"]}}, {"spec": {"rules": [{"matches": [{"path": {"value": "v1"}}]}]}}, {"spec": {"rules": "x"}},
            {"spec": {"rules": [{"filters": [{"type": "RequestMirror"}]}]}}, {"spec": {"rules": [{"backendRefs": [{"name": "s"}]}]}},
        ),
        status=True,
    ),
    Kind(
        "inferencepools", "InferencePool", "inference.networking.k8s.io/v1",
        {"spec": {"selector": {"matchLabels": {"app": "e"}}, "targetPorts": [{"number": 8000}], "endpointPickerRef": {"name": "p", "port": {"number": 9002}}}},
        patches=({"spec": {"targetPorts": [{"number": 8001}]}}, {"spec": {"endpointPickerRef": {"failureMode": "FailOpen"}}}),
        spoilt=({"spec": {"targetPorts": []}}, {"spec": {"targetPorts": [{"number": 70000}]}}, {"spec": {"selector": None}}, {"spec": {"endpointPickerRef": {"port": None}}}),
        status=True,
    ),
)  # fmt: skip
