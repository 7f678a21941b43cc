"""The way to the API against a server on loopback: credentials that change, refusals, watches, outages."""

import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trustme
from tests.support.kube_server import Exchange, Handler, KubeServer, open_kube_server
from tests.support.upstream import open_descriptors, until

from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube import api_client
from kthena_router.kube.api_client import open_kube_api
from kthena_router.kube.client import (
    Forbidden,
    Gone,
    KubeApi,
    KubeError,
    Missing,
    Unauthorized,
    Unavailable,
)
from kthena_router.settings import ClusterAccess

PODS = "/api/v1/pods"
WATCH = {"watch": "true", "resourceVersion": "7"}


@asynccontextmanager
async def connected(
    handler: Handler, folder: Path, user: dict[str, Any] | None = None, rate: float = 1000
) -> AsyncIterator[tuple[KubeServer, KubeApi]]:
    """Run a server and open the way to it."""
    async with open_kube_server(handler) as server:
        path = write(folder / "config", {"server": server.url}, user or {})
        access = ClusterAccess(kubeconfig=str(path), queries_per_second=rate, burst=1000)
        async with open_kube_api(access) as api:
            yield server, api


def write(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    body = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_bytes(msgspec.json.encode(body))
    return path


async def answer(exchange: Exchange) -> None:
    if "watch" in exchange.params:
        await exchange.begin()
        await exchange.say(b"{}\n")
        await exchange.wait_left()
    else:
        await exchange.answer()


def allowing(*tokens: str) -> Handler:
    """Answer 401 to any other token."""

    async def handler(exchange: Exchange) -> None:
        if exchange.token in tokens:
            await answer(exchange)
        else:
            await exchange.answer(401, {"message": "Unauthorized"})

    return handler


def refusing(status: int, body: object, **headers: str) -> Handler:
    async def handler(exchange: Exchange) -> None:
        if "watch" in exchange.params:
            await answer(exchange)
        else:
            await exchange.answer(status, body, **headers)

    return handler


def plugin(folder: Path, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Write a credential plugin that gives its *answers* in turn and counts in file `asked`; return its user."""
    script = folder / "plugin"
    script.write_text(
        f"#!{sys.executable}\nimport json, pathlib\n"
        f"asked = pathlib.Path({str(folder / 'asked')!r})\n"
        "count = len(asked.read_text()) if asked.exists() else 0\n"
        "asked.write_text('x' * (count + 1))\n"
        f"print(json.dumps({answers!r}[count]))\n"
    )
    script.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./plugin"}}


class Following:
    """A watch that is read in a task of its own."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.error: KubeError | None = None
        self.ended = False

    async def run(self, api: KubeApi, silence: float = 30.0) -> None:
        try:
            async with api.open_watch(PODS, WATCH, silence=silence) as lines:
                async for line in lines:
                    self.lines.append(line)
        except KubeError as error:
            self.error = error
        self.ended = True


@asynccontextmanager
async def following(api: KubeApi, silence: float = 30.0) -> AsyncIterator[Following]:
    """Read a watch, which is open when the block begins."""
    found = Following()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(found.run, api, silence)
        await until(lambda: bool(found.lines) or found.ended)
        yield found
        nursery.cancel_scope.cancel()


async def test_request_is_what_was_asked_for(tmp_path: Path) -> None:
    async with connected(answer, tmp_path) as (server, api):
        content = await api.request(
            "PATCH",
            "/apis/g/v1/namespaces/n/things/t/status",
            params={"fieldManager": "kthena-router"},
            body={"status": {"a": 1}},
            content_type="application/merge-patch+json",
        )
        await api.request("GET", "/apis")

        assert b"{}" == content
        patch, get = server.requests
        assert ("PATCH", "/apis/g/v1/namespaces/n/things/t/status") == (patch.method, patch.path)
        assert {"fieldManager": "kthena-router"} == patch.params
        assert b'{"status":{"a":1}}' == patch.body
        assert "application/merge-patch+json" == patch.headers["content-type"]
        assert {"kthena-router"} == {one.headers["user-agent"] for one in server.requests}
        assert ("GET", "/apis/", b"") == (get.method, get.path, get.body)


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (403, {"message": "pods is forbidden"}, Forbidden, "403 pods is forbidden"),
        (404, b"404 page not found\n", Missing, "404 404 page not found"),
        (410, {"message": "too old", "code": 410}, Gone, "410 too old"),
        (422, {"message": None}, KubeError, '422 {"message":null}'),
        (500, b"<html>\xff" + 500 * b"x", KubeError, "500 <html>\ufffd" + 193 * "x"),
        (502, b"", Unavailable, "502 "),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
async def test_refusal_says_what_was_refused_and_why(
    tmp_path: Path, status: int, body: object, kind: type[KubeError], text: str
) -> None:
    async with connected(refusing(status, body), tmp_path) as (server, api):
        with pytest.raises(kind) as caught:
            await api.request("GET", PODS)

        assert (kind, status, f"GET {PODS}: {text}") == (
            type(caught.value),
            caught.value.status,
            str(caught.value),
        )
        assert 1 == len(server.requests)


async def test_refusal_leaves_running_watches_alone(tmp_path: Path) -> None:
    async with (
        connected(refusing(403, {}), tmp_path) as (server, api),
        following(api) as watch,
    ):
        for _ in range(5):
            with pytest.raises(Forbidden):
                await api.request("GET", PODS)

        assert 6 == len(server.requests)
        assert not watch.ended


async def test_rotated_token_costs_no_request_and_no_watch(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    async with connected(allowing("one"), tmp_path, {"tokenFile": "token"}) as (server, api):
        async with following(api) as watch:
            await api.request("GET", PODS)
            server.handler = allowing("two")
            token.write_text("two\n")
            assert b"{}" == await api.request("GET", PODS)
            assert b"{}" == await api.request("GET", PODS)

            assert ["one", "one", "two", "two"] == [one.token for one in server.asked(PODS)[1:]]
            assert not watch.ended
        # What the old token had opened is closed with its last watch.
        await until(lambda: server.connections == 1)


async def test_token_is_followed_before_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "LOOK_SECONDS", 0.0)
    token = tmp_path / "token"
    token.write_text("one")
    async with connected(answer, tmp_path, {"tokenFile": "token"}) as (server, api):
        await api.request("GET", PODS)
        token.write_text("two")
        await api.request("GET", PODS)
        token.unlink()  # it is being replaced
        await api.request("GET", PODS)
        token.write_text("three")
        await api.request("GET", PODS)

        assert ["one", "two", "two", "three"] == [one.token for one in server.requests]


async def test_router_stays_with_its_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_client, "LOOK_SECONDS", 0.0)
    async with connected(answer, tmp_path) as (server, api), open_kube_server(answer) as other:
        path = tmp_path / "config"
        body = msgspec.json.decode(path.read_bytes())
        body["clusters"].append({"name": "d", "cluster": {"server": other.url}})
        body["contexts"].append({"name": "y", "context": {"cluster": "d", "user": "u"}})
        body["current-context"] = "y"  # as `kubectl config use-context` does
        path.write_bytes(msgspec.json.encode(body))
        await api.request("GET", PODS)
        assert [] == caplog.messages

        write(path, {"server": other.url}, {})
        await api.request("GET", PODS)
        await api.request("GET", PODS)

        assert (3, 0) == (len(server.requests), len(other.requests))
    (message,) = caplog.messages
    assert message.endswith(f"the cluster is now at {other.url}: start the router again for it")


async def test_authority_that_is_replaced_is_followed(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    (tmp_path / "ca.crt").write_bytes(old.cert_pem.bytes())
    async with open_kube_server(answer, tls_context(old)) as server:
        cluster = {"server": server.url, "certificate-authority": "ca.crt"}
        path = write(tmp_path / "config", cluster, {})
        access = ClusterAccess(kubeconfig=str(path), queries_per_second=1000, burst=1000)
        async with open_kube_api(access) as api:
            await api.request("GET", PODS)
            await server.stop()
            server.context = tls_context(new)
            await server.start()
            with pytest.raises(Unavailable):
                await api.request("GET", PODS)
            (tmp_path / "ca.crt").write_bytes(new.cert_pem.bytes())
            await api.request("GET", PODS)

        assert 2 == len(server.requests)


async def test_certificate_of_a_plugin_that_has_expired_is_replaced(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    certificates = []
    for authority in (old, new, new):
        made = authority.issue_cert("me@example.com")
        key, chain = made.private_key_pem.bytes(), made.cert_chain_pems[0].bytes()
        status = {"clientKeyData": key.decode(), "clientCertificateData": chain.decode()}
        certificates.append({"status": status})
    async with open_kube_server(answer, tls_context(old, clients=old)) as server:
        cluster = {"server": server.url, "insecure-skip-tls-verify": True}
        path = write(tmp_path / "config", cluster, plugin(tmp_path, certificates))
        access = ClusterAccess(kubeconfig=str(path), queries_per_second=1000, burst=1000)
        async with open_kube_api(access) as api:
            await api.request("GET", PODS)
            await server.stop()
            server.context = tls_context(old, clients=new)  # it takes the old one no longer
            await server.start()
            with pytest.raises(Unavailable):
                await api.request("GET", PODS)
            await api.request("GET", PODS)

        assert 2 == len(server.requests)
    assert "xx" == (tmp_path / "asked").read_text()


def tls_context(authority: trustme.CA, clients: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_kubeconfig_that_is_half_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_client, "LOOK_SECONDS", 0.0)
    async with connected(answer, tmp_path, {"token": "one"}) as (server, api):
        await api.request("GET", PODS)
        path = tmp_path / "config"
        path.write_bytes(path.read_bytes()[:100])
        for _ in range(3):
            await api.request("GET", PODS)

        assert ["one"] * 4 == [one.token for one in server.requests]
    (message,) = caplog.messages
    assert message.startswith("the credentials cannot be read again: BadKubeconfig: ")


async def test_credentials_that_are_refused_for_good_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_client, "RENEWAL", Backoff(base=3600.0, ceiling=3600.0))
    async with connected(allowing(), tmp_path, {"token": "bad"}) as (server, api):
        for _ in range(20):
            with pytest.raises(Unauthorized):
                await api.request("GET", PODS)

        assert len(server.requests) <= 22
    said = "the Kubernetes API cannot be reached, the last configuration stays in force"
    assert [f"{said}: GET {PODS}: 401 Unauthorized"] == caplog.messages


async def test_refused_watch_has_fresh_credentials_the_next_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    async with connected(allowing("one"), tmp_path, {"tokenFile": "token"}) as (server, api):
        await api.request("GET", PODS)
        server.handler = allowing("two")
        token.write_text("two")
        async with following(api) as first, following(api) as second:
            assert isinstance(first.error, Unauthorized)
            assert not second.ended


async def test_credential_plugin_is_not_asked_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_client, "RENEWAL", Backoff(base=3600.0, ceiling=3600.0))
    user = plugin(tmp_path, [{"status": {"token": str(number)}} for number in range(5)])
    async with connected(allowing("0"), tmp_path, user) as (server, api):
        await api.request("GET", PODS)
        server.handler = allowing("1")  # it has expired
        await api.request("GET", PODS)
        server.handler = allowing()
        for _ in range(20):
            with pytest.raises(Unauthorized):
                await api.request("GET", PODS)

        # At the start, when the first token had expired, and once more for nothing.
        assert "xxx" == (tmp_path / "asked").read_text()


async def test_server_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    handler = refusing(429, {"message": "too many requests"}, Retry_After="1")
    async with connected(handler, tmp_path) as (server, api):
        with pytest.raises(Unavailable, match="429 too many requests"):
            await api.request("GET", PODS)
        server.handler = answer
        began = trio.current_time()
        await api.request("GET", PODS)

        assert 0.9 < trio.current_time() - began < 20


@pytest.mark.parametrize("text", ["86400", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9"])
async def test_server_cannot_ask_for_a_long_pause(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "LONGEST_HOLD_SECONDS", 0.1)
    async with connected(refusing(503, {}, Retry_After=text), tmp_path) as (server, api):
        with pytest.raises(Unavailable):
            await api.request("GET", PODS)
        server.handler = answer
        with trio.fail_after(60):
            await api.request("GET", PODS)


async def test_watch_is_cut_into_lines_wherever_its_pieces_end(tmp_path: Path) -> None:
    async def in_pieces(exchange: Exchange) -> None:
        await exchange.begin()
        for piece in (b'{"a":1}\n{"b"', b":2}", b"\n\n{}\n", b"not comp"):
            await exchange.say(piece)
        await exchange.end()

    async with (
        connected(in_pieces, tmp_path) as (_, api),
        following(api) as watch,
    ):
        await until(lambda: watch.ended)

        assert [b'{"a":1}', b'{"b":2}', b"{}"] == watch.lines
        assert watch.error is None


async def test_server_that_dies_in_the_middle_of_a_watch_is_told_from_one_that_ends_it(
    tmp_path: Path,
) -> None:
    async with connected(answer, tmp_path) as (server, api):
        async with following(api) as watch:
            await server.stop()
            await until(lambda: watch.ended)
            assert isinstance(watch.error, Unavailable)
            with pytest.raises(Unavailable):
                await api.request("GET", PODS)

        await server.start()
        assert b"{}" == await api.request("GET", PODS)
        async with following(api) as watch:
            assert not watch.ended


async def test_silent_watch_is_given_up(tmp_path: Path) -> None:
    async with (
        connected(answer, tmp_path) as (_, api),
        following(api, silence=0.2) as watch,
    ):
        await until(lambda: watch.ended)

        assert [b"{}"] == watch.lines
        assert isinstance(watch.error, Unavailable)


async def test_watch_that_does_not_open_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "REQUEST_SECONDS", 0.2)
    async with (
        connected(Exchange.wait_left, tmp_path) as (_, api),
        following(api, silence=300.0) as watch,
    ):
        assert isinstance(watch.error, Unavailable)
        assert f"GET {PODS}: not open within 0 s" == str(watch.error)


async def test_request_that_is_not_answered_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "REQUEST_SECONDS", 0.2)
    async with connected(Exchange.wait_left, tmp_path) as (_, api):
        with pytest.raises(Unavailable, match="Timeout"):
            await api.request("GET", PODS)


async def test_cancelled_calls_leave_nothing(tmp_path: Path) -> None:
    async with connected(answer, tmp_path) as (server, api):
        await api.request("GET", PODS)
        held = open_descriptors()
        for _ in range(50):
            async with following(api):
                pass
            await until(lambda: server.connections <= 1)
        server.handler = Exchange.wait_left
        for _ in range(50):
            with trio.move_on_after(0.005):
                await api.request("GET", PODS)
        await until(lambda: server.connections == 0)

        assert open_descriptors() <= held


async def test_calls_that_are_cancelled_while_they_connect_block_no_later_one(
    tmp_path: Path,
) -> None:
    async with connected(answer, tmp_path) as (server, api):
        await server.stop()
        with full_listener(server.port):
            async with trio.open_nursery() as nursery:
                for _ in range(300):  # and httpx has a hundred connections
                    nursery.start_soon(give_up, api)
        await server.start()

        with trio.fail_after(60):
            assert b"{}" == await api.request("GET", PODS)


@contextmanager
def full_listener(port: int) -> Iterator[None]:
    """Let connections to *port* wait in vain for a place in the queue."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(3):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(("127.0.0.1", port))
        yield


async def give_up(api: KubeApi) -> None:
    with trio.move_on_after(0.3):
        await api.request("GET", PODS)


async def test_end_closes_every_connection(tmp_path: Path) -> None:
    async with open_kube_server(answer) as server:
        path = write(tmp_path / "config", {"server": server.url}, {})
        async with open_kube_api(ClusterAccess(kubeconfig=str(path))) as api:
            await api.request("GET", PODS)
            assert 1 == server.connections

        await until(lambda: server.connections == 0)


async def test_default_rate_stays_below_ten_a_second(tmp_path: Path) -> None:
    times: list[float] = []
    began = trio.current_time()

    async def note(exchange: Exchange) -> None:
        times.append(trio.current_time())
        await exchange.answer()

    async with connected(note, tmp_path, rate=0) as (_, api), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(api.request, "GET", PODS)

    assert 20 == len(times)
    # Seven a second at the most, until the burst of ten is used up: a busy machine can only make it slower.
    assert all(time - began >= number / 7 - 0.01 for number, time in enumerate(times))
    assert times[-1] - began >= (20 - 10 - 1) / 5
