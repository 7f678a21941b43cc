"""Warnings about types in policies: what a kube-controller-manager 1.34 writes into their status."""

from typing import Any

import pytest

from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.crd import resource_types
from kthena_sandbox.schema.policytypes import type_warnings

DEPLOYMENT = "apps/v1, Kind=Deployment: ERROR: <input>"
Document = dict[str, Any]


def rule(groups: list[str], *resources: str, versions: tuple[str, ...] = ("v1",)) -> Document:
    return {"apiGroups": groups, "apiVersions": [*versions], "operations": ["CREATE"],
            "resources": [*resources]}  # fmt: skip


def warned(rules: Document, *expressions: str, **spec: Any) -> list[Document]:
    validations = [{"expression": text} for text in expressions]
    given = {"matchConstraints": {"resourceRules": [rules]}, "validations": validations} | spec
    return type_warnings({"spec": given}, BUILTIN)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("object.spec.replicas > 1", ""),
        ("object.spec.strategy.rollingUpdate.maxSurge == 1", ""),
        ("object.spec.replicas == 'a'",
         ":1:22: found no matching overload for '_==_' applied to '(int, string)'"),
        ("object.metadata.labels.x == 1",
         ":1:26: found no matching overload for '_==_' applied to '(string, int)'"),
        ("object.metadata.creationTimestamp == 's'",
         ":1:35: found no matching overload for '_==_' applied to '(timestamp, string)'"),
        ("object.spec.template.spec.containers.all(c, c.foo == 1)", ":1:46: undefined field 'foo'"),
        ("object.spec.template.spec.containers[0].resources.limits['cpu'] == 1",
         ":1:50: undefined field 'limits'"),
    ],
)  # fmt: skip
def test_the_types_of_a_kind(text: str, warning: str) -> None:
    found = warned(rule(["apps"], "deployments"), text)
    if not warning:
        assert found == []
        return
    column = int(warning.split(":")[2])
    shown = f"{DEPLOYMENT}{warning}\n | {text}\n | {'.' * (column - 1)}^\n"
    assert found == [{"fieldRef": "spec.validations[0].expression", "warning": shown}]


def test_several_kinds_and_messages() -> None:
    message = {"expression": "true", "messageExpression": "object.foo"}
    (found,) = warned(rule(["apps"], "statefulsets", "deployments"), validations=[message])
    assert found == {
        "fieldRef": "spec.validations[0].messageExpression",
        "warning": f"{DEPLOYMENT}:1:7: undefined field 'foo'\n | object.foo\n | ......^\n\n"
        "apps/v1, Kind=StatefulSet: ERROR: <input>:1:7: undefined field 'foo'\n"
        " | object.foo\n | ......^\n",
    }


@pytest.mark.parametrize(
    "rules",
    [
        rule(["*"], "deployments"), rule(["apps"], "*"), rule(["apps"], "deployments/scale"),
        rule(["apps"], "foos"), rule(["apps"], "deployments", versions=("*",)),
    ],
)  # fmt: skip
def test_only_kinds_that_are_named_are_looked_at(rules: Document) -> None:
    assert warned(rules, "object.spec.foo > 1") == []


def test_parameters_and_variables() -> None:
    found = warned(
        rule([""], "configmaps"),
        "object.data.x == params.data.y", "params.foo == 1", "variables.v == 1", "variables.w.foo == 1",
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        variables=[{"name": "v", "expression": "object.data.x"},
                   {"name": "w", "expression": "object.metadata"},
                   {"name": "z", "expression": "object.foo"}],
    )  # fmt: skip
    assert found == [
        {"fieldRef": "spec.validations[1].expression",
         "warning": "/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'foo'\n"
         " | params.foo == 1\n | ......^\n"},
        {"fieldRef": "spec.validations[2].expression",
         "warning": "/v1, Kind=ConfigMap: ERROR: <input>:1:13: found no matching overload for '_==_' "
         "applied to '(string, int)'\n | variables.v == 1\n | ............^\n"},
    ]  # fmt: skip


def test_custom_kinds_have_metadata() -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"}}}}}  # fmt: skip
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {"spec": {"group": "example.com", "scope": "Namespaced", "versions": [version],
                           "names": {"plural": "widgets", "kind": "Widget"}}}  # fmt: skip
    texts = ["object.spec.size > 1", "object.metadata.labels.x == 's'", "object.spec.width > 1"]
    spec = {"matchConstraints": {"resourceRules": [rule(["example.com"], "widgets")]},
            "validations": [{"expression": text} for text in texts]}  # fmt: skip
    (found,) = type_warnings({"spec": spec}, resource_types(definition))
    assert found["fieldRef"] == "spec.validations[2].expression"
    assert found["warning"].startswith(
        "example.com/v1, Kind=Widget: ERROR: <input>:1:12: undefined field 'width'"
    )
