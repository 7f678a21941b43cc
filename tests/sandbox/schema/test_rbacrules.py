from typing import Any

import pytest

from kthena_sandbox.schema.rbacrules import binding_rules, cluster_role_rules, role_rules

GROUP = "rbac.authorization.k8s.io"


def messages(found: list[Any]) -> list[str]:
    return [error.message for error in found]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, []),
        ({},
         ["rules[0].verbs: Required value: verbs must contain at least one value",
          "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
          "rules[0].resources: Required value: resource rules must supply at least one resource"]),
        ({"verbs": ["get"], "nonResourceURLs": ["x"], "resources": ["y"]},
         ['rules[0].nonResourceURLs: Invalid value: ["x"]: namespaced rules cannot apply to non-resource URLs',
          ('rules[0].nonResourceURLs: Invalid value: ["x"]: rules cannot apply to both regular resources and '
           "non-resource URLs")]),
    ],
)  # fmt: skip
def test_rules_of_roles(rule: dict[str, Any], expected: list[str]) -> None:
    assert messages(role_rules({"rules": [rule]})) == expected


def test_rules_of_cluster_roles_may_be_about_addresses() -> None:
    rule = {"verbs": ["get"], "nonResourceURLs": ["/x"]}
    assert cluster_role_rules({"rules": [rule]}) == []


def test_an_aggregation_selects() -> None:
    path = "aggregationRule.clusterRoleSelectors"
    assert messages(cluster_role_rules({"aggregationRule": {}})) == [
        f"{path}: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"
    ]
    selector = {"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a", "operator": "X"}]}
    assert messages(cluster_role_rules({"aggregationRule": {"clusterRoleSelectors": [selector]}})) == [
        f"{path}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        f'{path}[0].matchExpressions[1].operator: Invalid value: "X": not a valid selector operator',
    ]  # fmt: skip


def test_bindings() -> None:
    binding = {
        "kind": "ClusterRoleBinding",
        "roleRef": {"kind": "Role", "name": "x/y", "apiGroup": GROUP},
        "subjects": [
            {"kind": "Group", "name": "x", "apiGroup": "z"},
            {"kind": "ServiceAccount", "name": "ab", "apiGroup": "z"},
            {"kind": "Y"},
        ],
    }
    assert messages(binding_rules(binding)) == [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        "roleRef.name: Invalid value: \"x/y\": may not contain '/'",
        f'subjects[0].apiGroup: Unsupported value: "z": supported values: "{GROUP}"',
        'subjects[1].apiGroup: Unsupported value: "z": supported values: ""',
        "subjects[1].namespace: Required value",
        "subjects[2].name: Required value",
        'subjects[2].kind: Unsupported value: "Y": supported values: "ServiceAccount", "User", "Group"',
    ]
