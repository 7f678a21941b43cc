"""ValidatingAdmissionPolicies, among them one like that of the Gateway API's bundle."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import (
    CONFIGMAPS,
    CRDS,
    Client,
    configmap,
    widget_definition,
)

BASE = "/apis/admissionregistration.k8s.io/v1"
VERSION = "example.com/bundle-version"
SAFE = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "safe-upgrades.example.com"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [
            {"apiGroups": ["apiextensions.k8s.io"], "apiVersions": ["v1"],
             "resources": ["customresourcedefinitions"], "operations": ["CREATE", "UPDATE"]}]},
        "validations": [
            {"expression": "object.spec.group != 'example.com' || oldObject == null || "
             "!has(oldObject.metadata.annotations) || object.metadata.annotations['channel'] == "
             "oldObject.metadata.annotations['channel']",
             "message": "Changing the channel is prohibited by default.", "reason": "Invalid"},
            {"expression": "object.spec.group != 'example.com' || (has(object.metadata.annotations) && "
             f"object.metadata.annotations.exists(k, k == '{VERSION}') && "
             f"!matches(object.metadata.annotations['{VERSION}'], 'v1.[0-4].\\\\d+') && "
             f"!matches(object.metadata.annotations['{VERSION}'], 'v0'))",
             "messageExpression": "'Version ' + object.metadata.annotations['"
             + VERSION + "'] + ' is too old.'", "message": "There is no version."},
        ],
    },
}  # fmt: skip
BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "safe"},
    "spec": {"policyName": "safe-upgrades.example.com", "validationActions": ["Deny"]},
}  # fmt: skip


async def _add(client: Client, policy: dict[str, Any], binding: dict[str, Any]) -> None:
    for plural, body in (("policies", policy), ("policybindings", binding)):
        answer = await client.post(f"{BASE}/validatingadmission{plural}", body)
        assert answer.code == 201, answer.body


def _definition(**annotations: str) -> dict[str, Any]:
    definition = widget_definition()
    definition["metadata"]["annotations"] = annotations
    return definition


async def test_an_old_bundle_is_refused(client: Client) -> None:
    await _add(client, SAFE, BINDING)
    refused = await client.post(CRDS, _definition(**{VERSION: "v1.4.1"}))
    assert (refused.code, refused.reason) == (422, "Invalid")
    said = (
        "ValidatingAdmissionPolicy 'safe-upgrades.example.com' with binding 'safe' denied request: "
        "Version v1.4.1 is too old."
    )
    assert refused.message == (
        'customresourcedefinitions.apiextensions.k8s.io "widgets.example.com" is forbidden: ' + said
    )
    assert refused.document["details"]["causes"] == [{"message": said}]
    refused = await client.post(CRDS, widget_definition())
    assert refused.message.endswith("denied request: There is no version.")
    created = await client.post(CRDS, _definition(**{VERSION: "v1.6.1", "channel": "standard"}))
    assert created.code == 201
    path = f"{CRDS}/widgets.example.com"
    changed = await client.patch(path, {"metadata": {"annotations": {"channel": "experimental"}}})
    assert changed.message.endswith("Changing the channel is prohibited by default.")
    assert (await client.patch(path, {"metadata": {"labels": {"a": "b"}}})).code == 200
    assert (await client.delete(path)).code == 200


def _policy(**spec: Any) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["configmaps"],
        "operations": ["*"],
    }
    constraints = {"resourceRules": [rule]}
    return {"metadata": {"name": "p"}, "spec": {"matchConstraints": constraints} | spec}


def _binding(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "b"},
            "spec": {"policyName": "p", "validationActions": ["Deny"]} | spec}  # fmt: skip


async def test_a_warning_lets_it_pass(client: Client) -> None:
    rule = {"expression": "has(object.metadata.labels)", "message": "no labels"}
    await _add(client, _policy(validations=[rule]), _binding(validationActions=["Warn", "Audit"]))
    created = await client.post(CONFIGMAPS, configmap("a"))
    assert created.code == 201
    assert created.headers["warning"] == (
        "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no labels\""
    )


async def test_variables_parameters_and_conditions(client: Client) -> None:
    policy = _policy(
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        matchConditions=[{"name": "not-the-limits", "expression": "object.metadata.name != 'limits'"}],
        variables=[{"name": "most", "expression": "int(params.data.most)"},
                   {"name": "doubled", "expression": "variables.most * 2"}],
        validations=[{"expression": "size(object.data) <= variables.doubled", "reason": "Forbidden"}],
    )  # fmt: skip
    limits = configmap("limits") | {"data": {"most": "1"}}
    reference = {"name": "limits", "namespace": "default", "parameterNotFoundAction": "Deny"}
    await _add(client, policy, _binding(paramRef=reference))
    missing = await client.post(CONFIGMAPS, configmap("a"))
    assert missing.message.endswith(
        "no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    assert (await client.post(CONFIGMAPS, limits)).code == 201
    assert (await client.post(CONFIGMAPS, configmap("a"))).code == 201
    refused = await client.post(CONFIGMAPS, configmap("b") | {"data": {"x": "", "y": "", "z": ""}})
    assert (refused.code, refused.reason) == (403, "Forbidden")
    assert refused.message.endswith("failed expression: size(object.data) <= variables.doubled")


@pytest.mark.parametrize(("failure", "code"), [("Fail", 422), ("Ignore", 201)])
async def test_an_expression_without_a_value(client: Client, failure: str, code: int) -> None:
    rule = {"expression": "object.spec.x == 1"}
    await _add(client, _policy(validations=[rule], failurePolicy=failure), _binding())
    answer = await client.post(CONFIGMAPS, configmap("a"))
    assert answer.code == code
    if failure == "Fail":
        assert (
            "expression 'object.spec.x == 1' resulted in error: no such key: spec" in answer.message
        )


async def test_selectors_of_a_binding(client: Client) -> None:
    rule = {"expression": "false", "message": "never"}
    chosen = {"matchResources": {"namespaceSelector": {"matchLabels": {"strict": "yes"}}}}
    await _add(client, _policy(validations=[rule]), _binding(**chosen))
    space = {"metadata": {"name": "n", "labels": {"strict": "yes"}}}
    assert (await client.post("/api/v1/namespaces", space)).code == 201
    assert (await client.post(CONFIGMAPS, configmap("a"))).code == 201
    assert (await client.post("/api/v1/namespaces/n/configmaps", configmap("a"))).code == 422


async def test_deletions_can_be_denied(client: Client) -> None:
    rule = {"expression": "request.operation != 'DELETE' || !has(oldObject.metadata.labels)"}
    await _add(client, _policy(validations=[rule]), _binding())
    await client.create_configmap("a", labels={"keep": "me"})
    await client.create_configmap("b")
    assert (await client.delete(f"{CONFIGMAPS}/a")).code == 422
    assert (await client.delete(f"{CONFIGMAPS}/b")).code == 200


async def test_what_a_user_may_do_can_be_asked(client: Client) -> None:
    rules = [
        {"expression": "authorizer.group('').resource('configmaps').namespace('default').check('create').allowed()"},
        {"expression": "authorizer.requestResource.check('delete').allowed()"},
        {"expression": "authorizer.path('/metrics').check('get').allowed()"},
        {"expression": "!authorizer.serviceAccount('default', 'default').group('').resource('nodes')"
         ".name('n').check('get').allowed()"},
        {"expression": "authorizer.serviceAccount('default', '').path('/').check('get').allowed()"},
    ]  # fmt: skip
    await _add(client, _policy(validations=rules), _binding())
    refused = await client.post(CONFIGMAPS, configmap("a"))
    assert refused.message.endswith("resulted in error: invalid service account name or namespace")


UNDECLARED = "compilation failed: ERROR: <input>:1:1: undeclared reference to"


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"validations": [{"expression": "object.spec.paused"}]},
         ['spec.validations[0].expression: Invalid value: "object.spec.paused": must evaluate to bool but got dyn']),
        ({"validations": [{"expression": "params.x == 1"}]},
         [(f'spec.validations[0].expression: Invalid value: "params.x == 1": {UNDECLARED} \'params\' '
          "(in container '')\n | params.x == 1\n | ^")]),
        ({"variables": [{"name": "x", "expression": "1"}, {"name": "1y", "expression": " "}],
          "validations": [{"expression": "variables.x == 'a'"}]},
         ['spec.variables[1].name: Invalid value: "1y": must be a valid CEL identifier',
          "spec.variables[1].expression: Required value: expression is not specified",
          ('spec.validations[0].expression: Invalid value: "variables.x == \'a\'": compilation failed: ERROR: '
          "<input>:1:13: found no matching overload for '_==_' applied to '(int, string)'\n"
          " | variables.x == 'a'\n | ............^")]),
        ({"validations": [{"expression": "namespaceObject.foo == 1 || request.object == null"}]},
         [('spec.validations[0].expression: Invalid value: "namespaceObject.foo == 1 || request.object == null": '
          "compilation failed: ERROR: <input>:1:16: undefined field 'foo'\n"
          " | namespaceObject.foo == 1 || request.object == null\n | ...............^\n"
          "ERROR: <input>:1:36: undefined field 'object'\n"
          " | namespaceObject.foo == 1 || request.object == null\n | ...................................^")]),
        ({"matchConditions": [{"name": "m m", "expression": ""}], "validations": [
            {"expression": "true", "message": "a\nb", "messageExpression": "authorizer", "reason": "Foo"}]},
         ["spec.matchConditions[0].expression: Required value",
          ('spec.matchConditions[0].name: Invalid value: "m m": name part must consist of alphanumeric characters, '
          "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  "
          "or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"),
          (f'spec.validations[0].messageExpression: Invalid value: "authorizer": {UNDECLARED} '
          "'authorizer' (in container '')\n | authorizer\n | ^"),
          'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
          ('spec.validations[0].reason: Unsupported value: "Foo": supported values: "Forbidden", "Invalid", '
          '"RequestEntityTooLarge"')]),
        ({"auditAnnotations": [{"key": "k", "valueExpression": "1"}, {"key": "k", "valueExpression": "null"}]},
         [('spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of '
          "[string null_type] but got int"), 'spec.auditAnnotations[1].key: Duplicate value: "k"']),
        ({"matchConstraints": {}, "paramKind": {"apiVersion": "a/b/c"}},
         ['spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
          "spec.paramKind.kind: Required value", "spec.matchConstraints.resourceRules: Required value",
          "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
          "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item"]),
    ],
)  # fmt: skip
async def test_a_policy_that_cannot_be_asked(
    client: Client, spec: dict[str, Any], causes: list[str]
) -> None:
    refused = await client.post(f"{BASE}/validatingadmissionpolicies", _policy(**spec))
    assert refused.code == 422
    listed = refused.document["details"]["causes"]
    assert [f"{cause['field']}: {cause['message']}" for cause in listed] == causes


async def test_a_condition_of_a_webhook_that_cannot_be_asked(client: Client) -> None:
    hook = {"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "matchConditions": [{"name": "m", "expression": "params.x"}]}  # fmt: skip
    path = f"{BASE}/validatingwebhookconfigurations"
    refused = await client.post(path, {"metadata": {"name": "w"}, "webhooks": [hook]})
    assert refused.code == 422
    assert refused.message.endswith(
        f"webhooks[0].matchConditions[0].expression: Invalid value: \"params.x\": {UNDECLARED} 'params' "
        "(in container '')\n | params.x\n | ^"
    )


async def test_changes_of_a_policy_and_its_binding_are_counted(client: Client) -> None:
    await _add(client, _policy(validations=[{"expression": "true"}]), _binding())
    path = f"{BASE}/validatingadmissionpolicies/p"
    labelled = await client.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled.document["metadata"]["generation"] == 1
    changed = await client.patch(path, {"spec": {"failurePolicy": "Ignore"}})
    assert changed.document["metadata"]["generation"] == 2
    change = {"spec": {"validationActions": ["Warn"]}}
    bound = await client.patch(f"{BASE}/validatingadmissionpolicybindings/b", change)
    assert bound.document["metadata"]["generation"] == 2
