import hashlib

import pytest
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, Client, configmap

from kthena_sandbox.apiserver.expiry import expire_events

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


async def test_health_in_detail(client: Client) -> None:
    assert (await client.get("/readyz?verbose")).body == b"[+]ping ok\nreadyz check passed\n"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
async def test_health(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.code, answer.body) == (200, b"ok")


async def test_version(client: Client) -> None:
    document = (await client.get("/version")).document
    assert (document["major"], document["minor"]) == ("1", "34")
    assert (document["emulationMinor"], document["minCompatibilityMinor"]) == ("34", "33")


async def test_discovery_in_single_documents(client: Client) -> None:
    assert (await client.get("/api")).document["versions"] == ["v1"]
    groups = (await client.get("/apis")).document["groups"]
    assert {"apps", "coordination.k8s.io"} <= {group["name"] for group in groups}
    assert (await client.get("/apis/apps")).document["preferredVersion"]["version"] == "v1"
    core = (await client.get("/api/v1")).document
    assert core["groupVersion"] == "v1"
    pods = next(entry for entry in core["resources"] if entry["name"] == "pods")
    assert (pods["kind"], pods["namespaced"], pods["shortNames"]) == ("Pod", True, ["po"])
    assert "watch" in pods["verbs"]
    maps = next(entry for entry in core["resources"] if entry["name"] == "configmaps")
    assert maps["storageVersionHash"] == "qFsyl6wFWjQ="  # as every Kubernetes says it
    scale = next(
        entry
        for entry in (await client.get("/apis/apps/v1")).document["resources"]
        if entry["name"] == "deployments/scale"
    )
    assert (scale["group"], scale["kind"]) == ("autoscaling", "Scale")


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_aggregated_discovery(client: Client, version: str) -> None:
    accept = {"accept": f"{AGGREGATED.format(version)},application/json"}
    answer = await client.get("/apis", accept)
    assert answer.headers["content-type"] == AGGREGATED.format(version)
    assert answer.document["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    apps = next(item for item in answer.document["items"] if item["metadata"]["name"] == "apps")
    kinds = {entry["resource"]: entry for entry in apps["versions"][0]["resources"]}
    assert kinds["deployments"]["scope"] == "Namespaced"
    assert kinds["deployments"]["responseKind"] == {
        "group": "",
        "version": "",
        "kind": "Deployment",
    }
    first = [item["metadata"]["name"] for item in answer.document["items"]][:3]
    assert first == ["apps", "events.k8s.io", "authentication.k8s.io"]
    assert [sub["subresource"] for sub in kinds["deployments"]["subresources"]] == [
        "scale",
        "status",
    ]
    core = (await client.get("/api", accept)).document["items"]
    assert "name" not in core[0]["metadata"]


async def test_documents_have_entity_tags(client: Client) -> None:
    for path in ("/apis", "/openapi/v2", "/openapi/v3"):
        tag = (await client.get(path)).headers["etag"]
        again = await client.get(path, {"if-none-match": tag})
        assert (again.code, again.body) == (304, b"")


async def test_openapi_v3_addresses_carry_a_hash(client: Client) -> None:
    paths = (await client.get("/openapi/v3")).document["paths"]
    address = paths["apis/apps/v1"]["serverRelativeURL"]
    found = await client.get(address)
    assert found.document["openapi"] == "3.0.0"
    assert address.endswith(f"?hash={hashlib.sha256(found.body).hexdigest().upper()}")
    assert "immutable" in found.headers["cache-control"]
    moved = await client.get("/openapi/v3/apis/apps/v1?hash=OLD")
    assert (moved.code, moved.headers["location"]) == (301, address)
    assert (await client.get("/openapi/v3/apis/none/v1")).code == 404


async def test_openapi_v2_as_protobuf(client: Client) -> None:
    media_type = "application/com.github.proto-openapi.spec.v2{}v1.0+protobuf"
    answer = await client.get("/openapi/v2", {"accept": media_type.format("@")})
    assert answer.headers["content-type"] == media_type.format(".")
    assert answer.body.startswith(b"\x0a\x032.0")


@pytest.mark.parametrize(
    "path", ["/apis/none", "/apis/none/v1", "/apis/none/v1/gadgets", "/nothing"]
)
async def test_unknown_paths(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.code, answer.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize(
    "path",
    ["/api/v2", "/api/v2/pods", "/apis/apps/v2", "/apis/apps/v1/gadgets", "/api/v1/configmaps/a",
     "/api/v1/namespaces/default/nodes", f"{CONFIGMAPS}/a/scale"],
)  # fmt: skip
async def test_paths_that_a_built_in_group_does_not_have(client: Client, path: str) -> None:
    assert (await client.get(path)).document == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server could not find the requested resource",
        "reason": "NotFound",
        "details": {},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", CONFIGMAPS), ("POST", f"{CONFIGMAPS}/a"), ("POST", "/api/v1/configmaps"),
     ("DELETE", "/apis"), ("GET", "/sandbox/compact")],
)  # fmt: skip
async def test_methods_that_a_resource_does_not_have(
    client: Client, method: str, path: str
) -> None:
    answer = await client.call(method, path)
    assert (answer.code, answer.reason) == (405, "MethodNotAllowed")


async def test_bodies_are_limited(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, b" " * (3 * 1024 * 1024 + 1))
    assert (answer.code, answer.reason) == (413, "RequestEntityTooLarge")


async def test_yaml_in_and_out(client: Client) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '1'}\n"
    created = await client.call("POST", CONFIGMAPS, body, {"content-type": "application/yaml"})
    assert created.code == 201
    shown = await client.get(f"{CONFIGMAPS}/a", {"accept": "application/yaml"})
    assert shown.headers["content-type"] == "application/yaml"
    assert b"\n  name: a\n" in shown.body


async def test_answers_are_never_protobuf(client: Client) -> None:
    protobuf = "application/vnd.kubernetes.protobuf"
    assert (await client.get(CONFIGMAPS, {"accept": protobuf})).code == 406
    mixed = await client.get(CONFIGMAPS, {"accept": f"{protobuf},application/json"})
    assert mixed.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{", b'{"metadata": 1}'])
async def test_bodies_that_are_no_objects(client: Client, body: bytes) -> None:
    answer = await client.post(CONFIGMAPS, body)
    assert (answer.code, answer.reason) == (400, "BadRequest")


async def test_null_is_an_object_without_a_name(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, b"null")
    assert (answer.code, answer.reason) == (422, "Invalid")


async def test_a_fault_of_ours_is_a_status_and_not_the_end(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("cannot write the state file: disk full")

    monkeypatch.setattr(client.api.cluster.store, "put", fail)
    answer = await client.post(CONFIGMAPS, configmap("a"))
    assert (answer.code, answer.reason) == (500, "InternalError")
    assert "disk full" in answer.message


async def test_requests_are_counted(client: Client) -> None:
    await client.get(CONFIGMAPS)
    lines = (await client.get("/metrics")).body.decode().splitlines()
    assert 'apiserver_request_total{verb="GET",resource="configmaps",code="200"} 1' in lines


async def test_events_last_an_hour(client: Client) -> None:
    events = "/api/v1/namespaces/default/events"
    given = {"metadata": {"name": "old"}, "involvedObject": {"namespace": "default"}}
    await client.post(events, given)
    client.clock.advance(3000)
    await client.post(events, given | {"metadata": {"name": "new"}})
    client.clock.advance(700)
    expire_events(client.api.cluster)
    left = (await client.get(events)).document["items"]
    assert [item["metadata"]["name"] for item in left] == ["new"]


async def test_first_objects(client: Client) -> None:
    listed = (await client.get("/api/v1/namespaces")).document["items"]
    assert [item["metadata"]["name"] for item in listed] == [
        "default", "kthena-system", "kube-node-lease", "kube-public", "kube-system",
    ]  # fmt: skip
    service = await client.get("/api/v1/namespaces/default/services/kubernetes")
    assert service.document["spec"]["clusterIP"] == "127.96.0.1"
