"""Reviews of access, tokens, bindings, evictions, and what somebody else may do."""

import random

from tests.differential.generator import JSON, NAMES, Request
from tests.differential.objects import NAMESPACE, Document

_HERE = f"/api/v1/namespaces/{NAMESPACE}"
_AUTHORIZATION, _AUTHENTICATION = "authorization.k8s.io/v1", "authentication.k8s.io/v1"
_ATTRIBUTES: tuple[Document, ...] = (
    {"namespace": NAMESPACE, "verb": "get", "resource": "pods"}, {"verb": "*", "resource": "*", "group": "*"}, {"verb": "list", "resource": "nodes"},
    {"namespace": NAMESPACE, "verb": "create", "resource": "pods", "subresource": "exec"}, {"verb": "get", "resource": "pods", "name": "one"}, {},
    {"namespace": NAMESPACE, "verb": "get", "resource": "pods", "version": "v1", "fieldSelector": {"rawSelector": "a=b"}},
    {"verb": "list", "resource": "pods", "labelSelector": {"requirements": [{"key": "a", "operator": "In"}]}},
)  # fmt: skip
_USERS: tuple[Document, ...] = (
    {"user": "anna"}, {"user": "admin", "groups": ["system:masters"]}, {"groups": ["system:authenticated"]}, {"user": f"system:serviceaccount:{NAMESPACE}:one"}, {},
    {"user": "anna", "extra": {"a": ["b"]}, "uid": "u"},
)  # fmt: skip
_IMPERSONATIONS: tuple[dict[str, str], ...] = (
    {"impersonate-user": "anna"}, {"impersonate-user": "admin", "impersonate-group": "system:masters"}, {"impersonate-group": "x"},
    {"impersonate-user": f"system:serviceaccount:{NAMESPACE}:one"}, {"impersonate-user": "anna", "impersonate-extra-team": "a"},
    {"impersonate-uid": "u"}, {"impersonate-user": "system:anonymous"}, {"impersonate-user": "anna", "impersonate-uid": "u"},
    {"authorization": "Bearer wrong"}, {"authorization": ""}, {"authorization": "Basic eDp5"},
)  # fmt: skip


def review(dice: random.Random) -> Request:
    """Return a review, good or bad."""
    attributes = dice.choice(({"resourceAttributes": dice.choice(_ATTRIBUTES)}, {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}, {},
                              {"resourceAttributes": _ATTRIBUTES[0], "nonResourceAttributes": {"path": "/"}}))  # fmt: skip
    kind, version, spec = dice.choice((
        ("SubjectAccessReview", _AUTHORIZATION, attributes | dice.choice(_USERS)),
        ("LocalSubjectAccessReview", _AUTHORIZATION, attributes | dice.choice(_USERS)),
        ("SelfSubjectAccessReview", _AUTHORIZATION, attributes),
        ("SelfSubjectRulesReview", _AUTHORIZATION, dice.choice(({"namespace": NAMESPACE}, {}, {"namespace": "absent"}, {"x": 1}))),
        ("SelfSubjectReview", _AUTHENTICATION, dice.choice(({}, {"x": 1}))),
        ("TokenReview", _AUTHENTICATION, dice.choice(({"token": "wrong"}, {"token": ""}, {}, {"token": 3}, {"token": "a.b.c", "audiences": ["x"]}))),
    ))  # fmt: skip
    body: Document = {"apiVersion": version, "kind": kind, "spec": spec}
    if dice.random() < 0.15:
        body |= dice.choice(({"metadata": {"name": "n"}}, {"metadata": {"namespace": "other"}}, {"kind": "Other"}, {"apiVersion": "v1"}, {"spec": None}, {"status": {"allowed": True}}, {"metadata": {"labels": {"a": "b"}}}))  # fmt: skip
    place = f"/namespaces/{NAMESPACE}" if kind.startswith("Local") else ""
    path = f"/apis/{version}{place}/{kind.lower()}s"
    headers = {"content-type": JSON} | (dice.choice(_IMPERSONATIONS) if dice.random() < 0.2 else {})
    query = (
        {"dryRun": "All"}
        if dice.random() < 0.1
        else {"fieldValidation": "Strict"}
        if dice.random() < 0.2
        else {}
    )
    if dice.random() < 0.06:
        return Request(
            dice.choice(("GET", "PUT", "DELETE", "PATCH")), path + dice.choice(("", "/one"))
        )
    return Request("POST", path, query, headers, body)


def somebody(dice: random.Random) -> Request:
    """Return a request of somebody else."""
    path = dice.choice((f"{_HERE}/pods", f"{_HERE}/configmaps/one", "/api/v1/nodes", "/apis", "/version", "/healthz", "/api/v1/namespaces", "/nothing", "/apis/apps/v1",
                        f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/one/scale", "/apis/nowhere.example.com/v1/things"))  # fmt: skip
    if dice.random() < 0.3:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
        return Request(
            "POST",
            f"{_HERE}/configmaps",
            {},
            {"content-type": JSON} | dice.choice(_IMPERSONATIONS),
            body,
        )
    return Request(dice.choice(("GET", "GET", "DELETE")), path, {}, dice.choice(_IMPERSONATIONS))


def token(dice: random.Random) -> Request:
    """Return a request for a token, whose text is not compared."""
    spec = dice.choice(({}, {"audiences": ["x"]}, {"expirationSeconds": 600}, {"expirationSeconds": 5}, {"expirationSeconds": 5000000000}, {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "nobody"}},
                        {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "one"}}, {"audiences": "x"}))  # fmt: skip
    body: Document = {"apiVersion": _AUTHENTICATION, "kind": "TokenRequest", "spec": spec}
    if dice.random() < 0.15:
        body |= dice.choice(
            (
                {"kind": "Other"},
                {"metadata": {"name": "other"}},
                {"spec": None},
                {"metadata": {"namespace": "other"}},
            )
        )
    query = {"dryRun": "All"} if dice.random() < 0.2 else {}
    return Request(
        "POST",
        f"{_HERE}/serviceaccounts/{dice.choice(NAMES)}/token",
        query,
        {"content-type": JSON},
        body,
    )


def moved(dice: random.Random) -> Request:
    """Return a binding or an eviction of a pod."""
    name = dice.choice(NAMES)
    if dice.random() < 0.5:
        target = dice.choice(
            (
                {"kind": "Node", "name": "n"},
                {"name": "n"},
                {"kind": "Pod", "name": "n"},
                {},
                {"kind": "Node", "name": "n", "apiVersion": "v1"},
            )
        )
        metadata = dice.choice(
            (
                {"name": name},
                {"name": name, "annotations": {"a": "b"}},
                {"name": "other"},
                {},
                {"name": name, "uid": "x"},
                {"name": name, "labels": {"l": "m"}},
            )
        )
        body: Document = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": metadata,
            "target": target,
        }
        path = dice.choice(
            (f"{_HERE}/pods/{name}/binding", f"{_HERE}/pods/{name}/binding", f"{_HERE}/bindings")
        )
    else:
        body = {
            "apiVersion": dice.choice(("policy/v1", "policy/v1", "policy/v1beta1", "v1")),
            "kind": "Eviction",
            "metadata": dice.choice(({"name": name}, {"name": "other"}, {})),
            "deleteOptions": dice.choice(
                (
                    {},
                    {"gracePeriodSeconds": 0},
                    {"dryRun": ["All"]},
                    {"preconditions": {"uid": "x"}},
                    {"propagationPolicy": "Odd"},
                    None,
                )
            ),
        }
        path = f"{_HERE}/pods/{name}/eviction"
    return Request(
        dice.choice(("POST", "POST", "POST", "POST", "GET", "PUT")),
        path,
        {"dryRun": "All"} if dice.random() < 0.2 else {},
        {"content-type": JSON},
        body,
    )
