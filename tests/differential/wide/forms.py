"""Methods, paths, queries, media types, bodies: how a request may be made, and what may be asked for in answer."""

import json
import random

from tests.differential.generator import APPLY, JSON, JSON_PATCH, MERGE, NAMES, STRATEGIC, Request
from tests.differential.objects import KINDS, NAMESPACE, Document, Kind

_ACCEPTS = (
    "application/yaml", "*/*", "application/*", "text/html", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/json;as=Odd;v=v1;g=meta.k8s.io",
    "application/yaml;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v9;g=meta.k8s.io", "application/json;as=Table;v=v1;g=other", "text/plain, application/json;q=0.5",
    "application/json;pretty=1", "application/xml", "application/json;stream=watch", "nonsense", "", "application/vnd.kubernetes.protobuf;as=Odd;v=v1;g=x,application/json;q=0.1",
)  # fmt: skip
_QUERIES: tuple[dict[str, str], ...] = (
    {"pretty": "true"}, {"pretty": "1"}, {"dryRun": "All"}, {"dryRun": ""}, {"dryRun": "None"}, {"fieldManager": "x" * 129}, {"fieldManager": "a\tb"}, {"fieldValidation": "strict"}, {"fieldValidation": ""},
    {"limit": "0"}, {"limit": "-1"}, {"limit": "1.5"}, {"continue": "bm9uZQ"}, {"resourceVersion": "-1"}, {"resourceVersion": "99999999999"}, {"resourceVersion": "0", "limit": "1"},
    {"resourceVersionMatch": "Exact"}, {"resourceVersionMatch": "Exact", "resourceVersion": "0"}, {"resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"}, {"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan", "continue": "x"},
    {"timeoutSeconds": "x"}, {"timeoutSeconds": "5"}, {"watch": "maybe"}, {"watch": "false"}, {"allowWatchBookmarks": "x"}, {"sendInitialEvents": "true"}, {"labelSelector": "a=b,,"}, {"labelSelector": "a>1"}, {"labelSelector": "a in ()"},
    {"labelSelector": "a" * 64 + "=b"}, {"fieldSelector": "metadata.name=one,metadata.namespace=x"}, {"fieldSelector": "a"}, {"fieldSelector": "metadata.name in (one)"}, {"fieldSelector": "spec.nodeName=n"}, {"unknown": "x"}, {"force": "true"}, {"force": "x"},
    {"propagationPolicy": "Background"}, {"propagationPolicy": "Odd"}, {"gracePeriodSeconds": "0"}, {"gracePeriodSeconds": "x"}, {"orphanDependents": "true"}, {"orphanDependents": "true", "propagationPolicy": "Orphan"},
    {"shardSelector": "x"}, {"ignoreStoreReadErrorWithClusterBreakingPotential": "true"}, {"includeObject": "Odd"}, {"export": "true"}, {"exact": "true"},
)  # fmt: skip
_BODIES = (
    "", "{", "null", "[]", '"x"', "3", "{}", '{"apiVersion":"v1"}', '{"kind":"ConfigMap"}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"metadata":{"name":"two"}}',
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n", "a: b: c", '{"apiVersion":"v9","kind":"ConfigMap","metadata":{"name":"one"}}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}} trailing',
    '{"apiVersion":"a/b/c","kind":"ConfigMap"}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","creationTimestamp":"noon"}}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":"x"}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","labels":{"a":null},"annotations":{"b":3}}}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","finalizers":["x"]}}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","managedFields":[{"manager":"x"}]}}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","ownerReferences":[{}]}}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","uid":"u","generation":7,"selfLink":"x","deletionTimestamp":"2026-01-01T00:00:00Z"}}', '{"APIVERSION":"v1","kind":"ConfigMap","metadata":{"name":"one"}}',
    '{"apiVersion":"v1","kind":"List","items":[]}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"UPPER-"}}', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","namespace":"other"}}',
)  # fmt: skip
_TYPES = (JSON, JSON, "application/yaml", MERGE, APPLY, STRATEGIC, JSON_PATCH, "application/json; charset=utf-8", "text/plain", "application/octet-stream", "nonsense", "application/x-www-form-urlencoded", "")  # fmt: skip
_HERE = f"/api/v1/namespaces/{NAMESPACE}"
_PATHS = (
    "/api/", "/api/v1/", "/apis/", "/apis/apps", "/apis/apps/", "/apis/apps/v1", "/apis/apps/v2", "/apis/apps/v1/", "/api/v2", "/apis/odd.example.com", "/apis/odd.example.com/v1", "/apis/odd.example.com/v0", "/apis/nothing",
    "/healthz/", "/healthz/ping", "/livez", "/readyz", "/nothing", "/api/v1/nothing", "/api/v1/namespaces/", f"{_HERE}/", f"{_HERE}/pods/", f"{_HERE}/pods/one/", f"{_HERE}/pods/one/two/three", f"{_HERE}/pods//one",
    "//api/v1", "/api/v1/pods/one", "/api/v1/nodes/one/status", f"{_HERE}/nodes", f"{_HERE}/pods/one/log", f"{_HERE}/pods/one/exec", f"{_HERE}/pods/one/proxy", f"/api/v1/watch/namespaces/{NAMESPACE}/configmaps/none?timeoutSeconds=1",
    f"{_HERE}/pods/%2e%2e", f"{_HERE}/configmaps/a%2Fb", "/api/v1/namespaces/%20", f"{_HERE}/services/one/proxy/x", f"{_HERE}/status", f"{_HERE}/finalize", "/api/v1/componentstatuses/nothing", "/apis/autoscaling", "/openapi/v3/nothing", "/version/", "/apis/events.k8s.io/v1",
    "/.well-known/nothing", "/api/v1/proxy", "/logs", "/ui", "/swagger.json", "/api/v1/namespaces/absent/pods", "/api/v1/namespaces/absent",
)  # fmt: skip


def _kind(dice: random.Random) -> Kind:
    return dice.choice(KINDS)


def _own(kind: Kind) -> dict[str, str]:
    return {} if kind.namespaced else {"labelSelector": "team=a"}


def accepted(dice: random.Random) -> Request:
    """Return a reading or a dry run whose answer is wanted in some form."""
    kind, headers = _kind(dice), {"accept": dice.choice(_ACCEPTS)}
    if dice.random() < 0.3:
        return Request(
            "POST",
            kind.collection,
            {"dryRun": "All"},
            headers | {"content-type": JSON},
            kind.good("five"),
        )
    if dice.random() < 0.2:
        return Request("DELETE", kind.path(dice.choice(NAMES)), {"dryRun": "All"}, headers)
    if dice.random() < 0.2:
        return Request(
            "GET", dice.choice(("/version", "/apis/apps", "/apis/nothing", "/nothing")), {}, headers
        )
    place, query = dice.choice(((kind.collection, _own(kind)), (kind.path(dice.choice(NAMES)), {})))
    return Request("GET", place, query, headers)


def queried(dice: random.Random) -> Request:
    """Return a request with odd parameters."""
    kind, query = _kind(dice), dice.choice(_QUERIES)
    method = dice.choice(("GET", "GET", "LIST", "LIST", "LIST", "POST", "DELETE", "PATCH"))
    path = kind.path(dice.choice(NAMES))
    if method == "LIST":
        return Request("GET", kind.collection, _own(kind) | query)
    if method == "POST":
        return Request(
            method,
            kind.collection,
            {"dryRun": "All"} | query,
            {"content-type": JSON},
            kind.good("five"),
        )
    if method == "PATCH":
        patch = {"metadata": {"annotations": {"note": dice.choice("pqr")}}}
        return Request(
            method, path, query, {"content-type": dice.choice((MERGE, STRATEGIC))}, patch
        )
    return Request(method, path, query)


def bodied(dice: random.Random) -> Request:
    """Return a request with an odd body or media type."""
    kind, name = next(kind for kind in KINDS if kind.kind == "ConfigMap"), dice.choice(NAMES)
    method = dice.choice(("POST", "PUT", "PATCH", "DELETE"))
    path = kind.collection if method == "POST" else kind.path(name)
    query = {"dryRun": "All"} | ({"fieldManager": "anna"} if dice.random() < 0.7 else {})
    if dice.random() < 0.3:
        query["fieldValidation"] = dice.choice(("Strict", "Warn", "Ignore"))
    media = dice.choice(_TYPES)
    return Request(
        method, path, query, {"content-type": media} if media else {}, raw=dice.choice(_BODIES)
    )


def placed(dice: random.Random) -> Request:
    """Return a request of an odd method or to an odd path."""
    kind = _kind(dice)
    path = dice.choice(
        (
            *_PATHS,
            *_PATHS,
            kind.collection,
            kind.path(dice.choice(NAMES)),
            kind.path("one") + "/status",
        )
    )
    return Request(
        dice.choice(
            ("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
        ),
        path,
    )


def large(dice: random.Random) -> Request:
    """Return a request about an object that is too big, or just not."""
    kind = next(kind for kind in KINDS if kind.kind == "ConfigMap")
    document = kind.good("five") | {
        "data": {"a": "x" * dice.choice((1_000_000, 1_048_576, 1_048_577, 1_600_000, 3_200_000))}
    }
    return Request(
        "POST", kind.collection, {"dryRun": "All"}, {"content-type": JSON}, raw=json.dumps(document)
    )


def many(dice: random.Random) -> Request:
    """Return a deletion of many."""
    kind = _kind(dice)
    options: Document = dice.choice(
        (
            {},
            {"propagationPolicy": "Foreground"},
            {"gracePeriodSeconds": 0},
            {"preconditions": {"uid": "x"}},
            {"dryRun": ["All"]},
            {"propagationPolicy": "Odd"},
            {"dryRun": ["Odd"]},
        )
    )
    query = {"labelSelector": dice.choice(("team=c", "tier", "team in (", "team=z"))} | dice.choice(
        ({}, {"limit": "1"}, {"dryRun": "All"}, {"fieldSelector": "metadata.name=one"})
    )
    body = dice.choice(
        (
            None,
            {"apiVersion": "v1", "kind": "DeleteOptions"} | options,
            options,
            {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions"},
            {"kind": "Other", "apiVersion": "v1"},
        )
    )
    return Request(
        "DELETE", kind.collection, query, {} if body is None else {"content-type": JSON}, body
    )


def watch(dice: random.Random) -> Request:
    """Return a watch of what is there."""
    kind = dice.choice([kind for kind in KINDS if kind.namespaced])
    query = {"watch": dice.choice(("1", "true")), "timeoutSeconds": "1"} | dice.choice((
        {}, {"resourceVersion": "0"}, {"resourceVersion": "x"}, {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}, {"sendInitialEvents": "true"},
        {"resourceVersionMatch": "Exact"}, {"labelSelector": "team=a"}, {"fieldSelector": "metadata.name=one"}, {"limit": "1"}, {"fieldSelector": "spec.odd=1"},
        {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "0"}, {"continue": "x"}, {"resourceVersion": "1"}, {"resourceVersionMatch": "NotOlderThan"},
    ))  # fmt: skip
    return Request(
        "GET",
        kind.collection,
        query,
        dice.choice(
            (
                {},
                {},
                {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
                {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"},
                {"accept": "application/yaml"},
            )
        ),
    )
