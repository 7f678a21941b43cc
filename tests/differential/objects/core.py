"""The core group, and leases."""

from tests.differential.objects.kind import CONTAINER, TEMPLATE, Kind

CORE = (
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
        "pods", "Pod", "v1", {"spec": {"containers": [CONTAINER]}},
        patches=(
            {"spec": {"containers": [{"name": "main", "image": "nginx:3"}]}}, {"spec": {"nodeName": "n"}}, {"spec": {"hostname": "h"}},
            {"spec": {"activeDeadlineSeconds": 30}}, {"spec": {"tolerations": [{"operator": "Exists"}]}}, {"spec": {"priorityClassName": "one"}},
            {"spec": {"runtimeClassName": "two"}}, {"spec": {"priority": 7, "preemptionPolicy": "Never"}},
        ),
        spoilt=(
            {"spec": {"containers": None}}, {"spec": {"containers": [{"name": "a_b", "image": "x"}]}},
            {"spec": {"containers": [CONTAINER, CONTAINER]}}, {"spec": {"restartPolicy": "Sometimes"}}, {"spec": {"hostname": "-"}},
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
        "podtemplates", "PodTemplate", "v1", {"template": TEMPLATE},
        patches=({"template": {"spec": {"hostname": "h"}}}, {"template": {"metadata": {"annotations": {"at": "now"}}}}, {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}),
        spoilt=({"template": {"spec": {"containers": []}}}, {"template": {"metadata": {"labels": {"a b": "c"}}}}, {"template": "x"}, {"template": {"spec": {"restartPolicy": "Odd"}}}),
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
        "namespaces", "Namespace", "v1", {},
        patches=({"metadata": {"labels": {"own": "y"}}}, {"spec": {"finalizers": ["example.com/own"]}}),
        spoilt=({"spec": {"finalizers": "x"}}, {"metadata": {"labels": {"bad label": "x"}}}),
        status=True, namespaced=False,
    ),
)  # fmt: skip
