"""What a kube-apiserver 1.34 says of webhooks and bindings of policies that do not fit."""

from typing import Any

import pytest

from kthena_sandbox.schema.webhookrules import hook_rules, policy_binding_rules

Document = dict[str, Any]
BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API "
    "response and headers serves no purpose)"
)
RULE: Document = {"apiGroups": ["a"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["b"]}  # fmt: skip
HOOK: Document = {
    "name": "a.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": [RULE],
    "clientConfig": {"url": "https://localhost/x"}, "timeoutSeconds": 10,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"name": "x"}, 'name: Invalid value: "x": should be a domain with at least three segments separated by dots'),
        ({"admissionReviewVersions": []}, "admissionReviewVersions: Required value: must specify one of v1, v1beta1"),
        ({"sideEffects": ""}, "sideEffects: Required value: must specify one of None, NoneOnDryRun"),
        ({"sideEffects": "Some"}, 'sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
        ({"timeoutSeconds": 31}, "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"),
        ({"clientConfig": {}}, "clientConfig: Required value: exactly one of url or service is required"),
        ({"clientConfig": {"url": "http://x"}},
         "clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]"),
        ({"rules": [RULE | {"operations": ["ODD"]}]},
         'rules[0].operations[0]: Unsupported value: "ODD": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"'),
        ({"rules": [RULE | {"resources": []}]}, "rules[0].resources: Required value"),
    ],
)  # fmt: skip
def test_webhooks(changed: Document, said: str) -> None:
    found = [error.message for error in hook_rules({"webhooks": [HOOK | changed]})]
    assert found == ([f"webhooks[0].{said}"] if said else [])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"policyName": "p", "validationActions": ["Deny", "Audit"]}, []),
        ({"validationActions": ["Deny"]}, ["spec.policyName: Required value"]),
        ({"policyName": "p"}, ["spec.validationActions: Required value: at least one validation action is required"]),
        ({"policyName": "p", "validationActions": ["Odd"]},
         ['spec.validationActions[0]: Unsupported value: "Odd": supported values: "Audit", "Deny", "Warn"']),
        ({"policyName": "p", "validationActions": ["Deny", "Warn"]},
         [f'spec.validationActions: Invalid value: ["Deny","Warn"]: {BOTH}']),
    ],
)  # fmt: skip
def test_bindings_of_policies(spec: Document, said: list[str]) -> None:
    assert [error.message for error in policy_binding_rules({"spec": spec})] == said
