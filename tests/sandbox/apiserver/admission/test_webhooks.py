"""Webhooks as real TLS servers, and what the API makes of their answers."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, PODS, Client, configmap, pod
from tests.sandbox.apiserver.tls_server import BUNDLE, serving
from trustme import CA

from kthena_sandbox.httpd.exchange import Exchange

BASE = "/apis/admissionregistration.k8s.io/v1"
Answerer = Callable[[dict[str, Any]], dict[str, Any]]
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
        "operations": ["CREATE", "UPDATE", "DELETE"]}  # fmt: skip


@dataclass
class Hook:
    """A webhook that keeps what it was asked."""

    answerer: Answerer
    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> None:
        request = json.loads(exchange.request.body)["request"]
        self.asked.append(request)
        query = "&".join(f"{name}={value}" for name, value in exchange.request.query.items())
        host = exchange.request.header("host")
        self.targets.append(f"{host}{exchange.request.path}?{query}")
        response = {"uid": request["uid"]} | self.answerer(request)
        kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        await exchange.respond_json(200, kind | {"response": response})


@asynccontextmanager
async def _running(answerer: Answerer, name: str = "127.0.0.1") -> AsyncIterator[Hook]:
    hook = Hook(answerer)
    async with serving(hook.handle, name) as hook.port:
        yield hook


def _allow(_: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": True}


def _patching(*operations: dict[str, Any]) -> Answerer:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def _added(path: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _label(name: str, value: str) -> dict[str, Any]:
    return _added(f"/metadata/labels/{name}", value)


async def _add(client: Client, kind: str, *hooks: Hook, **more: Any) -> None:
    webhooks = [
        {"name": f"h{number}.example.com", "rules": [RULE], "sideEffects": "None",
         "admissionReviewVersions": ["v1"],
         "clientConfig": {"url": f"https://127.0.0.1:{hook.port}/hook", "caBundle": BUNDLE}} | more
        for number, hook in enumerate(hooks)
    ]  # fmt: skip
    body = {"metadata": {"name": f"{kind}s"}, "webhooks": webhooks}
    answer = await client.post(f"{BASE}/{kind}webhookconfigurations", body)
    assert answer.code == 201, answer.body


async def test_a_mutating_webhook_changes_what_is_stored(client: Client) -> None:
    labelled = _patching({"op": "add", "path": "/metadata/labels", "value": {"a": "b"}})
    async with _running(labelled) as first, _running(_patching(_label("c", "d"))) as second:
        await _add(client, "mutating", first, second)
        created = await client.create_configmap("a")
        assert created["metadata"]["labels"] == {"a": "b", "c": "d"}
        assert (await client.get(f"{CONFIGMAPS}/a")).document == created
    (asked,) = first.asked
    assert (asked["operation"], asked["name"], asked["namespace"]) == ("CREATE", "a", "default")
    assert asked["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["userInfo"]["username"] == "kubernetes-admin"
    assert (asked["oldObject"], asked["dryRun"]) == (None, False)
    assert second.asked[0]["object"]["metadata"]["labels"] == {"a": "b"}
    assert first.targets == [f"127.0.0.1:{first.port}/hook?timeout=10s"]


async def test_a_webhook_is_asked_again_after_others_have_changed(client: Client) -> None:
    labels = _patching({"op": "add", "path": "/metadata/labels", "value": {"a": "b"}})
    async with _running(_allow) as first, _running(labels) as second:
        await _add(client, "mutating", first, second, reinvocationPolicy="IfNeeded")
        await client.create_configmap("a")
    assert [request["object"]["metadata"].get("labels") for request in first.asked] == [
        None, {"a": "b"},
    ]  # fmt: skip
    assert len(second.asked) == 1


async def test_a_validating_webhook_denies(client: Client) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        status = {"code": 403, "message": "not like this", "reason": "Forbidden"}
        return {"allowed": False, "status": status, "warnings": ["unread"]}

    async with _running(answer) as hook:
        await _add(client, "validating", hook)
        refused = await client.post(CONFIGMAPS, configmap("a"))
    assert (refused.code, refused.reason) == (403, "Forbidden")
    assert refused.message == (
        'admission webhook "h0.example.com" denied the request: not like this'
    )


async def test_a_validating_webhook_sees_what_is_stored(client: Client) -> None:
    def answer(_: dict[str, Any]) -> dict[str, Any]:
        return {"allowed": True, "warnings": ["think again"]}

    async with _running(answer) as hook:
        await _add(client, "validating", hook)
        created = await client.post(CONFIGMAPS, configmap("", generateName="a-"))
        assert created.headers["warning"] == '299 - "think again"'
        stored = created.document["metadata"]
        path = f"{CONFIGMAPS}/{stored['name']}"
        changed = await client.patch(path, {"data": {"key": "other"}})
        await client.delete(path)
    creation, update, deletion = hook.asked
    seen = creation["object"]["metadata"]
    assert (seen["uid"], seen["name"]) == (stored["uid"], stored["name"])
    assert update["oldObject"] == created.document
    assert update["object"]["data"] == changed.document["data"]
    assert (deletion["operation"], deletion["object"]) == ("DELETE", None)
    assert deletion["oldObject"]["data"] == {"key": "other"}


async def test_a_write_that_was_overtaken_is_asked_about_again(client: Client) -> None:
    await client.create_configmap("a")
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        if len(asked) == 1:  # somebody else is faster
            cluster = client.api.cluster
            resource = cluster.kind("", "v1", "configmaps")
            cluster.write(resource, request["oldObject"] | {"data": {"theirs": "x"}})
        return {"allowed": True}

    async with _running(answer) as hook:
        await _add(client, "validating", hook)
        patched = await client.patch(f"{CONFIGMAPS}/a", {"data": {"ours": "y"}})
    assert patched.document["data"] == {"theirs": "x", "ours": "y"}
    assert [request["object"]["data"] for request in asked] == [
        {"key": "value", "ours": "y"}, {"theirs": "x", "ours": "y"},
    ]  # fmt: skip


@pytest.mark.parametrize(("failure", "code"), [("Fail", 500), ("Ignore", 201)])
async def test_a_webhook_that_cannot_be_asked(client: Client, failure: str, code: int) -> None:
    async with _running(_allow) as hook:
        pass
    await _add(client, "validating", hook, failurePolicy=failure)
    answer = await client.post(CONFIGMAPS, configmap("a"))
    assert answer.code == code
    if failure == "Fail":
        assert answer.message.startswith(
            'Internal error occurred: failed calling webhook "h0.example.com": failed to call '
            f'webhook: Post "https://127.0.0.1:{hook.port}/hook?timeout=10s": '
        )


async def test_a_webhook_of_another_authority_is_not_believed(client: Client) -> None:
    other = base64.b64encode(CA().cert_pem.bytes()).decode()
    async with _running(_allow) as hook:
        config = {"url": f"https://127.0.0.1:{hook.port}/", "caBundle": other}
        await _add(client, "validating", hook, clientConfig=config)
        refused = await client.post(CONFIGMAPS, configmap("a"))
    assert refused.code == 500
    assert (
        "tls: failed to verify certificate: unable to get local issuer certificate"
        in refused.message
    )
    assert hook.asked == []


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"uid": "other"}, "received invalid webhook response: expected response.uid="),
        ({"patch": "e30="}, 'unexpected response.patchType "", expected "JSONPatch"'),
        ({"patch": "!", "patchType": "JSONPatch"}, "cannot read response.patch"),
    ],
)
async def test_answers_that_cannot_be_used(
    client: Client, response: dict[str, Any], said: str
) -> None:
    async with _running(lambda _: {"allowed": True} | response) as hook:
        await _add(client, "mutating", hook)
        refused = await client.post(CONFIGMAPS, configmap("a"))
    assert refused.code == 500
    assert said in refused.message


async def test_only_what_its_selectors_and_conditions_choose(client: Client) -> None:
    async with _running(_allow) as hook:
        chosen = {"objectSelector": {"matchLabels": {"a": "b"}},
                  "matchConditions": [{"name": "c", "expression": "object.metadata.name != 'y'"}]}  # fmt: skip
        await _add(client, "validating", hook, **chosen)
        await client.create_configmap("x")
        await client.create_configmap("y", labels={"a": "b"})
        await client.create_configmap("z", labels={"a": "b"})
        assert (await client.post("/api/v1/namespaces", {"metadata": {"name": "n"}})).code == 201
    assert [request["name"] for request in hook.asked] == ["z"]


async def test_a_dry_run_asks_only_those_without_side_effects(client: Client) -> None:
    path = f"{BASE}/validatingwebhookconfigurations/validatings"
    async with _running(_allow) as hook:
        await _add(client, "validating", hook)
        assert (await client.post(f"{CONFIGMAPS}?dryRun=All", configmap("a"))).code == 201
        assert hook.asked[0]["dryRun"] is True
        some = {"op": "replace", "path": "/webhooks/0/sideEffects", "value": "Some"}
        assert (await client.patch(path, [some], "json-patch+json")).code == 422


async def test_a_webhook_behind_a_service(client: Client) -> None:
    async with _running(_allow, "hook.default.svc") as hook:
        service = {"metadata": {"name": "hook"}, "spec": {"ports": [{"name": "tls", "port": 443}]}}
        assert (await client.post("/api/v1/namespaces/default/services", service)).code == 201
        reference = {"name": "hook", "namespace": "default", "path": "/v"}
        config = {"clientConfig": {"service": reference, "caBundle": BUNDLE}}
        await _add(client, "validating", hook, **config)
        refused = await client.post(CONFIGMAPS, configmap("a"))
        assert 'no endpoints available for service "hook"' in refused.message
        endpoint = {"addresses": ["127.0.0.1"], "conditions": {"ready": True}}
        labels = {"kubernetes.io/service-name": "hook"}
        entry = {"metadata": {"name": "hook-1", "labels": labels}, "addressType": "IPv4",
                 "endpoints": [endpoint], "ports": [{"name": "tls", "port": hook.port}]}  # fmt: skip
        path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        assert (await client.post(path, entry)).code == 201
        assert (await client.post(CONFIGMAPS, configmap("a"))).code == 201
    assert hook.targets == ["hook.default.svc/v?timeout=10s"]


async def test_bindings_evictions_and_tokens_are_asked_about(client: Client) -> None:
    assert (await client.post(PODS, pod("p"))).code == 201
    rules = [RULE | {"resources": ["pods/*", "serviceaccounts/token"], "operations": ["*"]}]
    async with _running(_allow) as hook:
        await _add(client, "validating", hook, rules=rules)
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "sandbox"}}
        assert (await client.post(f"{PODS}/p/binding", binding)).code == 201
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        assert (await client.post(f"{PODS}/p/eviction?dryRun=All", eviction)).code == 201
        request = {"spec": {"audiences": ["x"]}}
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        await client.post(f"{accounts}/default/token", request)
    kinds = [(asked["kind"]["kind"], asked["subResource"], asked["name"]) for asked in hook.asked]
    assert kinds == [
        ("Binding", "binding", "p"), ("Eviction", "eviction", "p"), ("TokenRequest", "token", "default"),
    ]  # fmt: skip
    assert hook.asked[0]["resource"] == {"group": "", "version": "v1", "resource": "pods"}
    assert hook.asked[0]["object"] == {
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", "namespace": "default"},
        "target": {"kind": "Node", "name": "sandbox"},
    }  # fmt: skip
    assert hook.asked[1]["options"] == {
        "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"],
    }  # fmt: skip


async def test_a_webhook_changes_where_a_pod_goes(client: Client) -> None:
    assert (await client.post(PODS, pod("p"))).code == 201
    elsewhere = _patching({"op": "replace", "path": "/target/name", "value": "other"})
    rule = RULE | {"resources": ["pods/binding"]}
    async with _running(elsewhere) as hook:
        await _add(client, "mutating", hook, rules=[rule])
        binding = {"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"name": "sandbox"}}  # fmt: skip
        assert (await client.post(f"{PODS}/p/binding", binding)).code == 201
    bound = (await client.get(f"{PODS}/p")).document
    assert bound["spec"]["nodeName"] == "other"
    assert bound["metadata"]["annotations"] == {"a": "b"}


async def test_an_eviction_that_is_denied(client: Client) -> None:
    assert (await client.post(PODS, pod("p"))).code == 201
    rule = RULE | {"resources": ["pods/eviction"]}
    async with _running(lambda _: {"allowed": False}) as hook:
        await _add(client, "validating", hook, rules=[rule])
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "q"}}
        refused = await client.post(f"{PODS}/p/eviction", eviction)
        assert (refused.code, refused.message) == (
            400, "name in URL does not match name in Eviction object",
        )  # fmt: skip
        assert hook.asked == []
        eviction["metadata"] = {"name": "p"}
        refused = await client.post(f"{PODS}/p/eviction", eviction)
    assert refused.message == (
        'admission webhook "h0.example.com" denied the request without explanation'
    )
    assert (await client.get(f"{PODS}/p")).code == 200


async def test_streams_are_asked_about(client: Client) -> None:
    rule = RULE | {"resources": ["pods/*"], "operations": ["CONNECT"]}
    async with _running(_allow) as hook:
        await _add(client, "validating", hook, rules=[rule])
        url = f"{PODS}/p/exec?command=ls&command=-l&stdout=true&container=c"
        assert (await client.post(url, None)).code == 404
        assert (await client.get(f"{PODS}/p/portforward?ports=80,81")).code == 404
        assert (await client.get(f"{PODS}/p:80/proxy/a/b?c=d")).code == 404
    assert [asked["object"] for asked in hook.asked] == [
        {"kind": "PodExecOptions", "apiVersion": "v1", "stdout": True, "container": "c",
         "command": ["ls", "-l"]},
        {"kind": "PodPortForwardOptions", "apiVersion": "v1", "ports": [80, 81]},
        {"kind": "PodProxyOptions", "apiVersion": "v1", "path": "/a/b"},
    ]  # fmt: skip
    assert [(asked["operation"], asked["name"], asked["options"]) for asked in hook.asked] == [
        ("CONNECT", "p", None), ("CONNECT", "p", None), ("CONNECT", "p:80", None),
    ]  # fmt: skip


async def test_scales_are_shown_as_such(client: Client) -> None:
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("p")["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    assert (await client.post(deployments, {"metadata": {"name": "d"}, "spec": spec})).code == 201
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments/scale"],
            "operations": ["UPDATE"]}  # fmt: skip
    limiting = _patching({"op": "replace", "path": "/spec/replicas", "value": 2})
    async with _running(limiting) as hook:
        await _add(client, "mutating", hook, rules=[rule])
        scaled = await client.patch(f"{deployments}/d/scale", {"spec": {"replicas": 5}})
    assert scaled.document["spec"] == {"replicas": 2}
    (asked,) = hook.asked
    assert asked["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert [asked[side]["spec"] for side in ("object", "oldObject")] == [
        {"replicas": 5}, {"replicas": 1},
    ]  # fmt: skip


async def test_of_a_deleted_collection_no_names_are_told(client: Client) -> None:
    await client.create_configmap("a")
    async with _running(_allow) as hook:
        await _add(client, "validating", hook)
        assert (await client.delete(f"{CONFIGMAPS}?gracePeriodSeconds=3")).code == 200
    (asked,) = hook.asked
    assert "name" not in asked
    assert asked["oldObject"]["metadata"]["name"] == "a"
    assert asked["options"] == {
        "kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "gracePeriodSeconds": 3,
    }  # fmt: skip


async def test_nobody_manages_what_webhooks_change(client: Client) -> None:
    async with _running(_patching(_added("/data/hooked", "1"))) as hook:
        await _add(client, "mutating", hook)
        created = await client.create_configmap("a")
    assert created["data"] == {"key": "value", "hooked": "1"}
    assert [entry["fieldsV1"] for entry in created["metadata"]["managedFields"]] == [
        {"f:data": {".": {}, "f:key": {}}},
    ]  # fmt: skip


async def test_managers_that_cannot_be_read_stay(client: Client) -> None:
    async with _running(_patching(_added("/metadata/managedFields", [{"manager": "x"}]))) as hook:
        await _add(client, "mutating", hook)
        created = await client.post(CONFIGMAPS, configmap("a"))
    assert created.headers["warning"] == (
        '299 - ".metadata.managedFields was in an invalid state after admission; this could be caused '
        "by an outdated mutating admission controller; please fix your requests: operation must be "
        '`Apply` or `Update`"'
    )
    (entry,) = created.document["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:key": {}}}
