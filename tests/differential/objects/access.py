"""Roles and what binds them."""

from tests.differential.objects.kind import Kind

_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
_USER = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u"}

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
    Kind(
        "rolebindings", "RoleBinding", "rbac.authorization.k8s.io/v1", {"roleRef": _ROLE, "subjects": [_USER]},
        patches=({"subjects": [_USER, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]}, {"subjects": None}, {"roleRef": _ROLE | {"name": "other"}}),
        spoilt=(
            {"roleRef": {"kind": "Odd"}}, {"roleRef": {"name": ""}}, {"roleRef": None}, {"subjects": [{"kind": "Odd", "name": "x"}]},
            {"subjects": [{"kind": "ServiceAccount", "name": "s"}]}, {"subjects": [{"kind": "User"}]}, {"subjects": "x"},
        ),
    ),
    Kind(
        "clusterrolebindings", "ClusterRoleBinding", "rbac.authorization.k8s.io/v1", {"roleRef": _ROLE | {"kind": "ClusterRole"}, "subjects": [_USER]},
        patches=({"subjects": [{"kind": "Group", "name": "g"}]}, {"subjects": []}),
        spoilt=({"roleRef": {"kind": "Role"}}, {"roleRef": {"apiGroup": "x"}}, {"subjects": [{"kind": "Group", "name": "g", "apiGroup": "x"}]}, {"roleRef": 3}),
        namespaced=False,
    ),
)  # fmt: skip
