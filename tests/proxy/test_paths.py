"""What is served where: paths, methods, hosts, and the lists of models."""

import json

import pytest
from tests.support.direct import DirectCall
from tests.support.house import House, open_house
from tests.support.http_peer import PeerConnection, open_peer

from kthena_router.listeners.asgi import Scope
from kthena_router.proxy.app import RouterApp
from kthena_router.proxy.reading import read_head


def scope_of(raw: bytes, path: str, query: bytes = b"") -> Scope:
    return {
        "method": "POST",
        "http_version": "1.1",
        "path": path,
        "raw_path": raw,
        "query_string": query,
        "headers": [(b"Host", b"x")],
    }


@pytest.mark.parametrize(
    ("raw", "path", "query", "target"),
    [
        (b"/v1/a", "/v1/a", b"", b"/v1/a"),
        (b"/v1/a%20b", "/v1/a b", b"q=%20", b"/v1/a%20b?q=%20"),
        (b"http://h:80/v1/a%20b", "http://h:80/v1/a b", b"q", b"/v1/a%20b?q"),
        (b"http://h", "http://h", b"", b"/"),
    ],
)
def test_target_is_as_the_client_wrote_it_in_origin_form(
    raw: bytes, path: str, query: bytes, target: bytes
) -> None:
    assert target == read_head(scope_of(raw, path, query)).target


def test_path_of_an_absolute_form_is_decoded() -> None:
    head = read_head(scope_of(b"http://h/v1/a%20b", "http://h/v1/a b"))
    assert "/v1/a b" == head.path
    assert head.is_served


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/v1/completions", True),
        ("/v1/", True),
        ("/v1/a..b/.c/d.", True),
        ("/v1", False),
        ("/", False),
        ("/v2/completions", False),
        ("//v1/completions", False),
        ("/v1/../metrics", False),
        ("/v1/./completions", False),
        ("/v1/x/..", False),
        ("/V1/completions", False),
    ],
)
def test_only_paths_below_v1_are_served(path: str, served: bool) -> None:
    assert served == read_head(scope_of(path.encode(), path)).is_served


@pytest.mark.parametrize("path", ["/v1/%2e%2e/metrics", "/v1/..%2Fmetrics", "/favicon.ico", "/v1"])
async def test_other_paths_reach_no_engine(path: str) -> None:
    async with open_house() as house, house.client as client:
        answer = await client.post(path, content=b'{"model":"m"}')

        assert (404, "not_found") == (answer.status_code, answer.json()["error"]["code"])
        assert "the router serves paths below /v1/" in answer.json()["error"]["message"]
        assert 0 == house.stats()["total"]
        assert [] == house.log.lines


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/whatever?x=%20y&x=1"),
        ("PUT", "/v1/a%2Fb/c%20d"),
        ("DELETE", "/v1/responses/1"),
    ],
)
async def test_any_path_below_v1_is_passed_on_as_it_was_written(method: str, target: str) -> None:
    asked: list[bytes] = []

    async def script(connection: PeerConnection) -> None:
        asked.append((await connection.read_request()).split(b"\r\n", 1)[0])
        await connection.say(b"HTTP/1.1 202 Fine\r\ncontent-length: 0\r\n\r\n")

    async with open_house(0) as house, open_peer(script) as peer, house.client as client:
        house.serve([peer.endpoint.port])

        answer = await client.request(method, target, content=b'{"model":"m"}')

        assert 202 == answer.status_code
        assert [f"{method} {target} HTTP/1.1".encode()] == asked


async def test_path_without_a_model_is_400() -> None:
    async with open_house() as house, house.client as client:
        answer = await client.get("/v1/files")

        assert 400 == answer.status_code
        assert "it is empty" in answer.json()["error"]["message"]


async def ask_direct(house: House, method: str, path: str) -> DirectCall:
    call = DirectCall(RouterApp(8080, house.services, default=True), [], method=method, path=path)
    await call.run()
    return call


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/", "/v1/models/m"])
async def test_models_are_only_read(path: str) -> None:
    async with open_house(0) as house:
        call = await ask_direct(house, "DELETE", path)

        assert 405 == call.status
        assert (b"allow", b"GET, HEAD") in call.sent[0]["headers"]
        error = json.loads(call.body)["error"]
        assert ("method_not_allowed", f"DELETE is not served at {path}: use GET") == (
            error["code"],
            error["message"],
        )


async def test_list_of_models_answers_head_without_a_body() -> None:
    async with open_house(1) as house, house.client as client:
        listed = await client.get("/v1/models")
        head = await client.head("/v1/models")

        assert 200 == head.status_code
        assert b"" == head.content
        assert listed.headers["content-length"] == head.headers["content-length"]


async def test_model_may_have_slashes_in_its_name() -> None:
    async with open_house(1) as house, house.client as client:
        port = house.engines[0].state.address.port
        house.serve([port], route={"model": "org/m", "loraAdapters": ["a b"]})

        plain = await client.get("/v1/models/org/m")
        escaped = await client.get("/v1/models/org%2Fm")
        spaced = await client.get("/v1/models/a%20b")
        missing = await client.get("/v1/models/org")

        assert ["org/m", "org/m", "a b"] == [one.json()["id"] for one in (plain, escaped, spaced)]
        assert "lists those that are" in missing.json()["error"]["message"]


async def test_models_without_pods_are_not_listed() -> None:
    async with open_house(0) as house, house.client as client:
        answer = await client.get("/v1/models")

        assert {"object": "list", "data": []} == answer.json()


async def test_host_of_no_listener_is_404_and_counted() -> None:
    async with open_house() as house, house.client as client:
        house.serve([], hostname="*.example.com")

        answer = await client.post(
            "/v1/completions", json={"model": "m"}, headers={"host": "other.org:8080"}
        )

        assert (404, "not_found") == (answer.status_code, answer.json()["error"]["code"])
        assert "No matching listener found for host 'other.org:8080'" in answer.text
        assert "error=route_not_found:No matching listener" in await house.logged()
        assert 1.0 == house.metric(
            "requests_total", model="unknown", status_code="404", error_type="route_not_found"
        )
