"""Roles and what binds them."""

from tests.differential.objects.kind import Kind

_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}

ACCESS = (
    Kind(
        "roles", "Role", "rbac.authorization.k8s.io/v1", {"rules": [_RULE]},
        patches=({"rules": []}, {"rules": [_RULE, {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}]}),
        spoilt=({"rules": [{"verbs": []}]}, {"rules": [{"verbs": ["get"]}]}, {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]}, {"rules": 4}),
    ),
    Kind(
        "clusterroles", "ClusterRole", "rbac.authorization.k8s.io/v1", {"rules": [_RULE]},
        patches=({"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]},),
        spoilt=({"rules": [{"verbs": ["get"], "nonResourceURLs": ["x"], "resources": ["y"]}]}, {"aggregationRule": {}}),
        namespaced=False,
    ),
)  # fmt: skip
