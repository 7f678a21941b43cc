"""Ingresses, their classes and NetworkPolicies: the words of a kube-apiserver 1.34 about what is wrong with them."""

from typing import Any

import pytest

from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema import structural
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.networkpolicyrules import network_policy_warnings

Document = dict[str, Any]
INGRESS, INGRESS_CLASS, POLICY = (
    next(entry for entry in BUILTIN if entry.kind == kind)
    for kind in ("Ingress", "IngressClass", "NetworkPolicy")
)
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}


def fitted(resource: ResourceType, spec: Document) -> Document:
    assert resource.schema is not None
    document = {"metadata": {"name": "n"}, "spec": spec}
    return structural.default(structural.prune(document, resource.schema)[0], resource.schema)


def messages(resource: ResourceType, spec: Document) -> list[str]:
    assert resource.schema is not None
    found = structural.validate(fitted(resource, spec), resource.schema)
    return [error.message for error in found]


def path(text: str, kind: str | None = "Prefix", backend: Document = BACKEND) -> Document:
    entry = {"path": text, "backend": backend} | ({} if kind is None else {"pathType": kind})
    return {"rules": [{"http": {"paths": [entry]}}]}


@pytest.mark.parametrize(
    "spec",
    [
        {"defaultBackend": BACKEND},
        {"defaultBackend": {"resource": {"kind": "K", "name": "n"}}},
        {"rules": [{}, {"host": "*.example.com"}], "tls": [{"hosts": ["a.b"], "secretName": "s"}]},
        path("/a"),
        path("", "ImplementationSpecific"),
        path("/a//b", "ImplementationSpecific"),
    ],
)
def test_ingresses_that_may_be(spec: Document) -> None:
    assert messages(INGRESS, spec) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        ({"defaultBackend": {}},
         ['spec.defaultBackend: Invalid value: "": resource or service backend is required']),
        ({"defaultBackend": BACKEND | {"resource": {"kind": "K", "name": "n"}}},
         ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends']),
        ({"defaultBackend": {"service": {"name": "s"}}},
         ["spec.defaultBackend: Required value: port name or number is required"]),
        ({"defaultBackend": {"service": {"name": "s", "port": {"name": "x", "number": 1}}}},
         ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number']),
        ({"defaultBackend": {"resource": {"name": "a/b"}}},
         ["spec.defaultBackend.resource.kind: Required value",
          "spec.defaultBackend.resource.name: Invalid value: \"a/b\": may not contain '/'"]),
        (path("/", None),
         ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]),
        (path("/", "Odd"),
         [('spec.rules[0].http.paths[0].pathType: Unsupported value: "Odd": supported values: '
          '"Exact", "ImplementationSpecific", "Prefix"')]),
        (path("a"),
         ['spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path']),
        (path("/a/../b"),
         ["spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b\": must not contain '/../'"]),
        (path("/a/.", "Exact"),
         ["spec.rules[0].http.paths[0].path: Invalid value: \"/a/.\": cannot end with '/.'"]),
        ({"rules": [{"http": {}}]}, ["spec.rules[0].http.paths: Required value"]),
        ({"rules": [{"host": "1.2.3.4"}]},
         ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address']),
    ],
)  # fmt: skip
def test_ingresses_that_may_not_be(spec: Document, said: list[str]) -> None:
    assert messages(INGRESS, spec) == said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, ["spec.controller: Required value"]),
        ({"controller": "c"},
         ['spec.controller: Invalid value: "c": must be a domain-prefixed path (such as "acme.io/foo")']),
        ({"controller": "a.b/" + 250 * "c"},
         ["spec.controller: Too long: may not be more than 250 bytes"]),
        ({"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "namespace": "x"}},
         ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"]),
        ({"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}},
         ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]),
    ],
)  # fmt: skip
def test_ingress_classes_that_may_not_be(spec: Document, said: list[str]) -> None:
    assert messages(INGRESS_CLASS, spec) == said


def test_parameters_of_a_class_are_of_the_cluster() -> None:
    spec = fitted(INGRESS_CLASS, {"controller": "a.b/c", "parameters": {"kind": "K", "name": "n"}})
    assert spec["spec"]["parameters"] == {"kind": "K", "name": "n", "scope": "Cluster"}


def test_what_a_policy_is_about() -> None:
    assert fitted(POLICY, {})["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    out = fitted(POLICY, {"egress": [{"ports": [{"port": 80}]}]})["spec"]
    assert out["policyTypes"] == ["Ingress", "Egress"]
    assert out["egress"] == [{"ports": [{"port": 80, "protocol": "TCP"}]}]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"from": [{}]}, ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]},
         ["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"]),
        ({"from": [{"ipBlock": {"cidr": "x"}}]},
         [('spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "x": must be a valid CIDR value, '
          "(e.g. 10.9.8.0/24 or 2001:db8::/64)")]),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]},
         [('spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict '
          "subset of `cidr`")]),
        ({"ports": [{"port": 80, "endPort": 70}]},
         ["spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"]),
        ({"ports": [{"endPort": 70}]},
         ["spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is not specified"]),
        ({"ports": [{"port": "http", "endPort": 70}]},
         ["spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric"]),
        ({"ports": [{"port": "a-very-long-name-"}]},
         ['spec.ingress[0].ports[0].port: Invalid value: "a-very-long-name-": must be no more than 15 characters',
          'spec.ingress[0].ports[0].port: Invalid value: "a-very-long-name-": must not begin or end with a hyphen']),
    ],
)  # fmt: skip
def test_policies_that_may_not_be(rule: Document, said: list[str]) -> None:
    assert messages(POLICY, {"ingress": [rule]}) == said


def test_types_of_a_policy() -> None:
    assert messages(POLICY, {"policyTypes": ["Odd"]}) == [
        'spec.policyTypes[0]: Unsupported value: "Odd": supported values: "Ingress", "Egress"'
    ]
    assert messages(POLICY, {"policyTypes": ["Ingress", "Egress", "Ingress"]}) == [
        'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes'
    ]


def test_odd_ranges_are_told_with_their_places() -> None:
    block = {"cidr": "10.1.0.0/8", "except": ["10.2.0.0/16", "10.3.1.0/16"]}
    policy = {"spec": {"egress": [{}, {"to": [{"ipBlock": block}]}]}}
    assert [text.partition(":")[0] for text in network_policy_warnings(policy)] == [
        "spec.egress[1].to[0].ipBlock.cidr",
        "spec.egress[1].to[0].ipBlock.except[1]",
    ]
