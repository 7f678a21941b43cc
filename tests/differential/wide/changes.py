"""Changes of built-in kinds: directives of strategic merges, managers who share lists, scales, events of both groups."""

import random

from tests.differential.generator import (
    APPLY,
    JSON,
    JSON_PATCH,
    MANAGERS,
    MERGE,
    NAMES,
    STRATEGIC,
    Request,
)
from tests.differential.objects import NAMESPACE, Document

_APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
_CORE = f"/api/v1/namespaces/{NAMESPACE}"
_EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
_POD_PARTS: tuple[Document, ...] = (
    {"containers": [{"name": "main", "image": "nginx:2"}]}, {"containers": [{"name": "main", "$patch": "delete"}]}, {"containers": [{"name": "side", "image": "b"}, {"$patch": "replace"}]},
    {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}], "containers": [{"name": "side", "image": "c"}]}, {"$setElementOrder/containers": [{"name": "main"}]},
    {"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}, {"containers": [{"name": "main", "env": [{"name": "A", "$patch": "delete"}]}]},
    {"containers": [{"name": "main", "env": [{"$patch": "replace"}, {"name": "C", "value": "3"}]}]}, {"containers": [{"name": "main", "args": ["a", "b"]}]}, {"containers": [{"name": "main", "ports": [{"containerPort": 80, "name": "x"}]}]},
    {"containers": [{"name": "main", "ports": [{"containerPort": 80, "$patch": "delete"}]}]}, {"$retainKeys": ["containers"], "hostNetwork": True}, {"containers": [{"name": "main", "$retainKeys": ["name", "image"], "image": "nginx"}]},
    {"volumes": [{"name": "v", "emptyDir": {}}]}, {"volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}]}, {"volumes": [{"name": "v", "$patch": "delete"}]}, {"nodeSelector": {"a": "b"}}, {"nodeSelector": {"$patch": "delete"}},
    {"nodeSelector": {"$patch": "replace", "c": "d"}}, {"nodeSelector": None}, {"tolerations": [{"key": "t"}]}, {"tolerations": [{"$patch": "delete", "key": "t"}]}, {"imagePullSecrets": [{"name": "p"}]}, {"$patch": "odd"}, {"containers": [{"$patch": "odd", "name": "main"}]},
    {"$deleteFromPrimitiveList/odd": ["a"]}, {"$retainKeys": "x"}, {"$setElementOrder/containers": "x"}, {"initContainers": [{"name": "init", "image": "i"}]}, {"$patch": "delete"}, {"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["h"]}]},
    {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}, {"securityContext": {"runAsUser": 5}}, {"affinity": {}},
)  # fmt: skip
_METADATA: tuple[Document, ...] = (
    {"finalizers": ["example.com/a"]}, {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}, {"$setElementOrder/finalizers": ["example.com/b", "example.com/a"], "finalizers": ["example.com/b"]}, {"finalizers": None},
    {"labels": {"$patch": "delete"}}, {"labels": {"$retainKeys": ["team"], "team": "z"}}, {"$retainKeys": ["labels", "name"], "labels": {"q": "r"}}, {"annotations": {"$patch": "replace", "note": "n"}}, {"ownerReferences": [{"uid": "u", "$patch": "delete"}]},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": "u"}]}, {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": "u", "controller": True}, {"apiVersion": "v1", "kind": "ConfigMap", "name": "two", "uid": "v", "controller": True}]},
    {"managedFields": None}, {"managedFields": [{}]}, {"managedFields": []}, {"resourceVersion": "1"}, {"uid": "x"}, {"generation": 99}, {"creationTimestamp": None}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, {"namespace": "other"}, {"selfLink": "x"}, {"unknown": "x"},
)  # fmt: skip
_SERVICE: tuple[Document, ...] = (
    {"ports": [{"port": 80, "name": "http", "targetPort": 8080}]}, {"ports": [{"port": 80, "$patch": "delete"}]}, {"$setElementOrder/ports": [{"port": 82}, {"port": 80}], "ports": [{"port": 82, "name": "b"}]}, {"ports": [{"port": 83, "protocol": "UDP", "name": "u"}]},
    {"selector": {"$patch": "replace", "q": "r"}}, {"externalIPs": ["1.2.3.4"]}, {"$deleteFromPrimitiveList/externalIPs": ["1.2.3.4"]}, {"loadBalancerSourceRanges": ["10.0.0.0/8"]}, {"type": "LoadBalancer"}, {"publishNotReadyAddresses": True}, {"internalTrafficPolicy": "Local"},
)  # fmt: skip


def strategic(dice: random.Random) -> Request:
    """Return a strategic merge, or the same as a merge patch."""
    name = dice.choice(NAMES)
    path, patch = dice.choice((
        (f"{_APPS}/deployments/{name}", {"spec": {"template": {"spec": dice.choice(_POD_PARTS)}}}), (f"{_APPS}/deployments/{name}", {"spec": {"template": {"spec": dice.choice(_POD_PARTS)}}}),
        (f"{_APPS}/deployments/{name}", {"spec": {"strategy": dice.choice(({"type": "Recreate"}, {"$retainKeys": ["type"], "type": "Recreate"}, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}))}}),
        (f"{_CORE}/pods/{name}", {"spec": dice.choice(_POD_PARTS)}), (f"{_CORE}/services/{name}", {"spec": dice.choice(_SERVICE)}),
        (f"{_CORE}/configmaps/{name}", {"metadata": dice.choice(_METADATA)}), (f"{_APPS}/deployments/{name}", {"metadata": dice.choice(_METADATA)}), (f"{_CORE}/services/{name}", {"metadata": dice.choice(_METADATA)}),
        (f"{_CORE}/configmaps/{name}", dice.choice(({"$patch": "replace", "data": {"x": "y"}}, {"$patch": "delete"}, {"data": {"$patch": "delete"}}, {"data": {"$retainKeys": ["a"], "a": "q"}}, {"$retainKeys": ["metadata"]}, {"$odd": 1}))),
        (f"{_CORE}/serviceaccounts/{name}", dice.choice(({"imagePullSecrets": [{"name": "p", "$patch": "delete"}]}, {"secrets": [{"name": "s"}]}, {"imagePullSecrets": [{"$patch": "replace"}]}))),
    ))  # fmt: skip
    query = {"fieldManager": dice.choice(MANAGERS)} | (
        {"fieldValidation": dice.choice(("Strict", "Warn"))} if dice.random() < 0.3 else {}
    )
    return Request(
        "PATCH",
        path,
        query,
        {"content-type": dice.choice((STRATEGIC, STRATEGIC, STRATEGIC, MERGE))},
        patch,
    )


def json_patch(dice: random.Random) -> Request:
    """Return a JSON patch of a Deployment."""
    container = "/spec/template/spec/containers/0"
    operations: tuple[Document, ...] = (
        {"op": "replace", "path": f"{container}/image", "value": "nginx:4"}, {"op": "test", "path": f"{container}/image", "value": "odd"}, {"op": "test", "path": "/spec/replicas", "value": None}, {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "last", "image": "l"}},
        {"op": "remove", "path": "/spec/template/spec/containers/9"}, {"op": "remove", "path": "/spec/template/spec/containers/-1"}, {"op": "add", "path": "/metadata/annotations/a~1b", "value": "c"}, {"op": "add", "path": "/metadata/annotations", "value": {}}, {"op": "replace", "path": "/spec/nothing", "value": 1},
        {"op": "add", "path": "/spec/replicas", "value": "x"}, {"op": "copy", "from": "/nothing", "path": "/spec/x"}, {"op": "move", "from": "/spec", "path": "/spec/template"}, {"op": "add", "path": "/spec/paused", "value": True}, {"op": "add"}, {"path": "/spec"}, {"op": "add", "path": "/spec/template/spec/containers/x", "value": 1},
        {"op": "test", "path": "/metadata/labels", "value": {"team": "a"}}, {"op": "test", "path": "/nothing", "value": 1}, {"op": "remove", "path": "/metadata/name"}, {"op": "replace", "path": "/kind", "value": "Other"}, {"op": "add", "path": "/unknown", "value": 1}, {"op": "remove", "path": ""}, {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"},
    )  # fmt: skip
    body: object = dice.choice(
        (
            dice.sample(operations, dice.choice((1, 2))),
            dice.sample(operations, 1),
            {"op": "add"},
            "x",
            [3],
            [[]],
        )
    )
    query = (
        {"fieldValidation": dice.choice(("Strict", "Warn", "Ignore"))}
        if dice.random() < 0.3
        else {}
    )
    return Request(
        "PATCH",
        f"{_APPS}/deployments/{dice.choice(NAMES)}",
        query,
        {"content-type": JSON_PATCH},
        body,
    )


def shared(dice: random.Random) -> Request:
    """Return an apply of a part of a Service, a Deployment or a ConfigMap, which managers give and take."""
    name = dice.choice(NAMES)
    env = [
        {"name": one, "value": dice.choice("12")}
        for one in dice.sample("ABC", dice.choice((0, 1, 2)))
    ]
    ports = [
        {"name": one, "port": number}
        for one, number in dice.sample((("a", 81), ("b", 82), ("c", 83)), dice.choice((1, 2, 3)))
    ]
    kind, version, path, spec = dice.choice((
        ("Service", "v1", f"{_CORE}/services/{name}", {"ports": ports} | dice.choice(({}, {"selector": {"app": "z"}}, {"externalIPs": ["1.2.3.4"]}))),
        ("Deployment", "apps/v1", f"{_APPS}/deployments/{name}", {"selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": dice.choice(("main", "side")), "image": dice.choice(("x", "y")), "env": env}]}}}),
        ("Deployment", "apps/v1", f"{_APPS}/deployments/{name}", {"replicas": dice.choice((1, 2, None))}), ("Deployment", "apps/v1", f"{_APPS}/deployments/{name}", dice.choice((None, {}, {"template": {"spec": {"containers": [{"image": "x"}]}}}, {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}, {"template": 3}, {"unknown": 1}, {"replicas": "x"}))),
    ))  # fmt: skip
    metadata: Document = {"name": name} | dice.choice(
        (
            {},
            {},
            {"labels": {"team": dice.choice("ab")}},
            {"finalizers": ["example.com/a"]},
            {"annotations": {"x": None}},
            {"labels": None},
            {"managedFields": []},
            {"managedFields": [{"manager": "x"}]},
            {"resourceVersion": "1"},
            {"uid": "x"},
            {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": "u"}
                ]
            },
        )
    )
    suffix = dice.choice(("", "", "", "", "", "/status", "/scale"))
    body: Document = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    query = {"fieldManager": dice.choice(MANAGERS)} | dice.choice(
        (
            {},
            {"force": "true"},
            {"force": "false"},
            {"dryRun": "All"},
            {"fieldValidation": "Strict"},
        )
    )
    return Request("PATCH", path + suffix, query, {"content-type": APPLY}, body)


def scaled(dice: random.Random) -> Request:
    """Return a request about a scale."""
    name = dice.choice(NAMES)
    path = (
        dice.choice(
            (
                f"{_APPS}/deployments",
                f"{_APPS}/replicasets",
                f"{_APPS}/statefulsets",
                f"{_CORE}/replicationcontrollers",
                f"{_APPS}/daemonsets",
            )
        )
        + f"/{name}/scale"
    )
    body: Document = {"apiVersion": dice.choice(("autoscaling/v1", "autoscaling/v1", "autoscaling/v1", "autoscaling/v2", "apps/v1")), "kind": dice.choice(("Scale", "Scale", "Scale", "Other")),
                      "metadata": dice.choice(({"name": name, "namespace": NAMESPACE}, {"name": name}, {"name": "other"}, {}, {"name": name, "resourceVersion": "1"}, {"name": name, "uid": "x"}, {"name": name, "labels": {"a": "b"}})),
                      "spec": dice.choice(({"replicas": 2}, {"replicas": 0}, {}, {"replicas": -1}, {"replicas": "x"}, {"replicas": 1, "odd": 1}))}  # fmt: skip
    query = dice.choice(
        ({}, {}, {"dryRun": "All"}, {"fieldManager": "anna"}, {"fieldValidation": "Strict"})
    )
    return dice.choice((
        Request("GET", path), Request("PUT", path, query, {"content-type": JSON}, body), Request("PUT", path, query, {"content-type": JSON}, body), Request("PATCH", path, query, {"content-type": MERGE}, {"spec": body["spec"]}),
        Request("PATCH", path, query, {"content-type": JSON_PATCH}, [{"op": "replace", "path": "/spec/replicas", "value": 3}]), Request("PATCH", path, query, {"content-type": STRATEGIC}, {"spec": body["spec"]}),
        Request("PATCH", path, query | {"fieldManager": "bert"}, {"content-type": APPLY}, body), Request("DELETE", path), Request("POST", path, {}, {"content-type": JSON}, body),
        Request("GET", path, {}, {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}),
    ))  # fmt: skip


def event(dice: random.Random) -> Request:
    """Return a request about an event, by the group of events or the core group."""
    name = dice.choice(NAMES)
    body: Document = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": NAMESPACE}, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c", "reportingInstance": "i",
        "action": "A", "reason": "R", "type": "Normal", "regarding": {"kind": "Pod", "name": "p", "namespace": NAMESPACE},
    } | dice.choice(({}, {}, {}, {"note": "n"}, {"type": "Odd"}, {"action": ""}, {"reason": None}, {"eventTime": None}, {"reportingController": "a b"}, {"regarding": {"namespace": "other"}}, {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}, {"series": {"count": 1}},
                     {"deprecatedCount": 3}, {"note": "n" * 1025}, {"reason": "r" * 129}, {"related": {"kind": "Node", "name": "n"}}, {"reportingInstance": None}))  # fmt: skip
    path = f"{_EVENTS}/{name}"
    return dice.choice((
        Request("POST", _EVENTS, {}, {"content-type": JSON}, body), Request("POST", _EVENTS, {}, {"content-type": JSON}, body), Request("PUT", path, {}, {"content-type": JSON}, body), Request("GET", path), Request("GET", f"{_CORE}/events/{name}"), Request("GET", _EVENTS), Request("DELETE", path),
        Request("PATCH", path, {}, {"content-type": MERGE}, {"series": {"count": 3, "lastObservedTime": "2026-01-02T00:00:00.000000Z"}}), Request("PATCH", path, {}, {"content-type": STRATEGIC}, {"note": "other"}),
        Request("GET", _EVENTS, {}, {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}), Request("GET", f"{_CORE}/events", {"fieldSelector": dice.choice(("involvedObject.name=p", "type=Normal", "reason=R,type!=Warning", "regarding.name=p", "reportingComponent=example.com/c", "source=x"))}),
        Request("GET", _EVENTS, {"fieldSelector": dice.choice(("regarding.name=p", "type=Normal", "involvedObject.name=p"))}),
    ))  # fmt: skip
