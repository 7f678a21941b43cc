"""Requests that are passed on to pods and Services: a real server behind the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from tests.sandbox.apiserver.asgi_client import PODS, Client, pod

from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Server

SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


async def _echo(exchange: Exchange) -> None:
    request = exchange.request
    if request.path == "/away":
        await exchange.respond(302, b"", "text/plain", [("location", "/there?x=y")])
        return
    seen = {
        "method": request.method, "path": request.path, "query": dict(request.query),
        "uri": request.header("x-forwarded-uri"), "host": request.header("host"),
        "authorization": request.header("authorization"), "body": request.body.decode(),
    }  # fmt: skip
    await exchange.respond_json(418, seen)


@asynccontextmanager
async def _running() -> AsyncIterator[int]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server = Server(_echo)
        nursery.start_soon(trio.serve_listeners, server.serve_stream, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _add_pod(client: Client, port: int) -> None:
    described = pod("p")
    described["spec"]["containers"][0]["ports"] = [{"containerPort": port}]
    assert (await client.post(PODS, described)).code == 201
    status = {"status": {"podIP": "127.0.0.1"}}
    assert (await client.patch(f"{PODS}/p/status", status)).code == 200


async def test_a_request_is_passed_on_to_a_pod(client: Client) -> None:
    async with _running() as port:
        await _add_pod(client, port)
        headers = {"authorization": "Bearer admin", "host": "api"}
        answer = await client.call("POST", f"{PODS}/p/proxy/a b/c?d=e&d=f", b"text", headers)
        other = await client.get(f"{PODS}/p:{port}/proxy/")
    assert answer.code == 418
    assert answer.headers["content-type"] == "application/json"
    assert answer.document == {
        "method": "POST", "path": "/a%20b/c", "query": {"d": "f"}, "body": "text",
        "uri": f"{PODS}/p/proxy/a b/c", "host": f"127.0.0.1:{port}", "authorization": "",
    }  # fmt: skip
    assert other.document["path"] == "/"


async def test_redirections_stay_behind_the_proxy(client: Client) -> None:
    async with _running() as port:
        await _add_pod(client, port)
        moved = await client.get(f"{PODS}/p/proxy/away")
        rooted = await client.get(f"{PODS}/p/proxy?a=b")
    assert (moved.code, moved.headers["location"]) == (302, f"{PODS}/p/proxy/there?x=y")
    assert (rooted.code, rooted.headers["location"]) == (301, f"{PODS}/p/proxy/?a=b")


async def test_a_request_is_passed_on_to_an_endpoint(client: Client) -> None:
    async with _running() as port:
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"name": "web", "port": 80}]}}
        assert (await client.post(SERVICES, service)).code == 201
        refused = await client.get(f"{SERVICES}/s:web/proxy/x")
        assert (refused.code, refused.reason) == (503, "ServiceUnavailable")
        assert refused.message == 'no endpoints available for service "s"'
        labels = {"kubernetes.io/service-name": "s"}
        entry = {"metadata": {"name": "s-1", "labels": labels}, "addressType": "IPv4",
                 "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
                 "ports": [{"name": "web", "port": port}]}  # fmt: skip
        assert (await client.post(SLICES, entry)).code == 201
        by_name = await client.get(f"{SERVICES}/http:s:web/proxy/x")
        by_number = await client.get(f"{SERVICES}/s:80/proxy/x")
        unknown = await client.get(f"{SERVICES}/s:81/proxy/x")
    assert (by_name.document["path"], by_number.document["path"]) == ("/x", "/x")
    assert unknown.message == 'no service port 81 found for service "s"'


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        (f"{PODS}/none/proxy/", 404, 'pods "none" not found'),
        (f"{PODS}/ftp:p:80/proxy/", 400, 'invalid pod request "ftp:p:80"'),
        (f"{SERVICES}/::/proxy/", 400, 'invalid service request "::"'),
        (f"{PODS}/p/proxy/", 400, "address not allowed"),
        (
            "/api/v1/nodes/n/proxy/", 501,
            "the proxy to nodes is not served by this sandbox: its kubelet serves nothing but logs",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_reached(client: Client, path: str, code: int, message: str) -> None:
    assert (await client.post(PODS, pod("p"))).code == 201
    answer = await client.get(path)
    assert (answer.code, answer.message) == (code, message)


async def test_a_pod_that_does_not_listen(client: Client) -> None:
    async with _running() as port:
        pass
    await _add_pod(client, port)
    answer = await client.get(f"{PODS}/p/proxy/")
    assert (answer.code, answer.message) == (
        503, f"error trying to reach service: dial tcp 127.0.0.1:{port}: connect: connection refused",
    )  # fmt: skip


async def test_upgrades_are_refused(client: Client) -> None:
    answer = await client.call("GET", f"{PODS}/p/proxy/", None, {"upgrade": "websocket"})
    assert (answer.code, answer.reason) == (501, "NotImplemented")
