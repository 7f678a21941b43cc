"""The echo server with real clients."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme
from tests.support.stack import free_ports
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, Message, Request, TextMessage

from kthena_sandbox.echo.calls import SERVICE
from kthena_sandbox.echo.server import EchoServer
from kthena_sandbox.echo.settings import EchoSettings
from kthena_sandbox.rpc.client import call
from kthena_sandbox.rpc.framing import RpcError
from kthena_sandbox.schema.protobuf import split

HOST = "127.0.0.1"


def fields(message: bytes) -> list[tuple[int, bytes]]:
    return [(number, value) for number, _, value in split(message)]


@dataclass
class House:
    settings: EchoSettings
    said: list[str] = field(default_factory=list)

    def url(self, path: str, port: int | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{HOST}:{port or self.settings.http_port}{path}"


@asynccontextmanager
async def open_house(**settings: Any) -> AsyncIterator[House]:
    http, h2c, https = free_ports(3)
    given = EchoSettings(
        http_port=http, h2c_port=h2c, https_port=https, namespace="n", pod="p", **settings
    )
    house = House(given)
    async with trio.open_nursery() as nursery:
        await nursery.start(EchoServer(given, HOST, house.said.append).run)
        yield house
        nursery.cancel_scope.cancel()


def client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, **options)


async def test_http() -> None:
    async with open_house() as house, client() as http:
        wanted = {"X-Echo-Set-Header": "X-Answer:yes", "X-Asked": "1"}
        answer = await http.post(house.url("/a/b?c=d"), headers=wanted, content=b"body")
        document = answer.json()
        assert (answer.status_code, answer.headers["content-type"], answer.headers["x-answer"]) == (
            200, "application/json", "yes",
        )  # fmt: skip
        told = {name: document[name] for name in ("path", "method", "proto", "pod", "host")}
        assert told == {
            "path": "/a/b?c=d", "method": "POST", "proto": "HTTP/1.1", "pod": "p",
            "host": f"{HOST}:{house.settings.http_port}",
        }  # fmt: skip
        assert document["headers"]["X-Asked"] == ["1"]
        [line] = [line for line in house.said if line.startswith("Echoing")]
        assert line.startswith("Echoing back request made to /a/b?c=d to client (127.0.0.1:")
        assert f"Starting server, listening on port {house.settings.http_port} (http)" in house.said
        assert (await http.get(house.url("/health"))).text == "OK"
        assert (await http.get(house.url("/status/418"))).status_code == 418
        bad = await http.get(house.url("/?delay=soon"))
        assert (bad.status_code, bad.json()) == (500, {"message": 'time: invalid duration "soon"'})


async def test_a_delay(autojump_clock: trio.testing.MockClock) -> None:
    async with open_house() as house, client(timeout=60) as http:
        began = trio.current_time()
        assert (await http.get(house.url("/?delay=10s"))).status_code == 200
        assert trio.current_time() - began >= 10


async def test_tries_that_fail_first() -> None:
    async with open_house() as house, client() as http:
        failing = house.url("/retry?uuid=a&succeedAfter=2&responseCode=503")
        assert [(await http.get(failing)).status_code for _ in range(3)] == [503, 503, 200]
        with pytest.raises(httpx.TransportError):
            await http.get(house.url("/retry?uuid=b&succeedAfter=1"))
        assert (await http.get(house.url("/retry?uuid=b&succeedAfter=1"))).status_code == 200
        assert (await http.get(house.url("/retry"))).status_code == 400


async def test_http2_in_clear_text_has_a_port_of_its_own() -> None:
    async with open_house() as house, client(http1=False, http2=True) as http2:
        answer = await http2.get(house.url("/x", house.settings.h2c_port))
        assert (answer.json()["proto"], answer.json()["path"]) == ("HTTP/2.0", "/x")
        assert answer.json()["host"] == f"{HOST}:{house.settings.h2c_port}"
        assert (await http2.get(house.url("/x"))).status_code == 505
        async with client() as http:
            refused = await http.get(house.url("/x", house.settings.h2c_port))
        assert (refused.status_code, refused.text) == (400, "Expected h2c request")


async def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    served, shown = authority.issue_cert("abc.example.com"), authority.issue_cert("client")
    files = [str(tmp_path / name) for name in ("crt", "key", "ca")]
    served.cert_chain_pems[0].write_to_path(files[0])
    served.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(files[2])
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    shown.configure_cert(trusting)
    async with (
        open_house(certificate=files[0], key=files[1], client_ca=files[2]) as house,
        client(verify=trusting, http2=True) as http,
    ):
        answer = await http.get(
            house.url("/backendTLS", house.settings.https_port, "https"),
            extensions={"sni_hostname": "abc.example.com"},
        )
        tls = answer.json()["tls"]
        (peer,) = tls.pop("peerCertificates")
        assert peer == shown.cert_chain_pems[0].bytes().decode()
        assert tls == {
            "version": "TLSv1.3", "serverName": "abc.example.com", "negotiatedProtocol": "h2",
            "cipherSuite": "TLS_AES_256_GCM_SHA384",
        }  # fmt: skip
        assert answer.json()["sni"] == "abc.example.com"


async def test_files_that_are_not_there_end_the_server(tmp_path: Path) -> None:
    settings = EchoSettings(certificate=str(tmp_path / "crt"), key=str(tmp_path / "key"))
    with pytest.raises(FileNotFoundError):
        await EchoServer(settings, HOST, print).run()


async def test_websockets_give_back_what_they_get() -> None:
    async with open_house() as house:
        stream = await trio.open_tcp_stream(HOST, house.settings.http_port)
        async with stream:
            socket = WSConnection(ConnectionType.CLIENT)
            await stream.send_all(socket.send(Request(host="x", target="/ws")))
            events: list[object] = []
            for sent in (TextMessage(data="hello"), BytesMessage(data=b"\0\1"), None):
                while not events:
                    socket.receive_data(bytes(await stream.receive_some()))
                    events = list(socket.events())
                if sent is not None:
                    message: Message[Any] = sent
                    await stream.send_all(socket.send(message))
                    kept, events = events, []
                    assert isinstance(kept[0], AcceptConnection | TextMessage)
            assert events == [BytesMessage(data=b"\0\1")]


async def test_lines() -> None:
    async with open_house(mode="tcp") as house:
        async with await trio.open_tcp_stream(HOST, house.settings.http_port) as stream:
            await stream.send_all(b"PING\nIS_TLS\n")
            await stream.send_eof()
            said = b"".join([bytes(piece) async for piece in stream])
        assert said == b"Gateway API Test TCP Server\nPONG\nfalse\n"


async def test_grpc() -> None:
    async with open_house(mode="grpc") as house:
        port = house.settings.http_port

        async def ask(path: str) -> bytes:
            stream = await trio.open_tcp_stream(HOST, port)
            async with stream:
                return await call(stream, "a.example.com", path, b"", (("x-asked", "1"),))

        answer = dict(fields(await ask(f"{SERVICE}/EchoTwo")))
        told = list(fields(answer[1]))
        assert told[0] == (1, b"/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/EchoTwo")
        headers = [
            tuple(text for _, text in fields(value)) for number, value in told if number == 2
        ]
        assert headers == [
            (b":authority", b"a.example.com"), (b"content-type", b"application/grpc"),
            (b"x-asked", b"1"),
        ]  # fmt: skip
        assert told[-2:] == [(3, b"a.example.com"), (4, b"\x0a\x01n\x22\x01p")]
        assert answer[2] == b""
        assert house.said[-1] == "Received over plaintext: "
        for path, text in (
            (f"{SERVICE}/EchoThree", "method EchoThree not implemented"),
            (f"{SERVICE}/Sing", f"unknown method Sing for service {SERVICE[1:]}"),
            ("/a.B/Echo", "unknown service a.B"),
        ):
            with pytest.raises(RpcError) as refused:
                await ask(path)
            assert (refused.value.code, refused.value.message) == (12, text)
        async with client() as http:
            answered = await http.get(house.url("/"))
            assert (answered.status_code, answered.text) == (
                415, 'invalid gRPC request content-type ""',
            )  # fmt: skip


async def test_grpc_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    served = authority.issue_cert("abc.example.com")
    files = [str(tmp_path / name) for name in ("crt", "key")]
    served.cert_chain_pems[0].write_to_path(files[0])
    served.private_key_pem.write_to_path(files[1])
    trusting = ssl.create_default_context()
    trusting.set_alpn_protocols(["h2"])
    authority.configure_trust(trusting)
    async with open_house(mode="grpc", certificate=files[0], key=files[1]) as house:
        plain = await trio.open_tcp_stream(HOST, house.settings.https_port)
        stream = trio.SSLStream(plain, trusting, server_hostname="abc.example.com")
        async with stream:
            answer = await call(stream, "abc.example.com", f"{SERVICE}/Echo", b"")
    told = dict(fields(dict(fields(answer))[1]))
    assert [text for _, text in fields(told[5])] == [
        b"TLSv1.3", b"h2", b"abc.example.com", b"TLS_AES_256_GCM_SHA384",
    ]  # fmt: skip


async def test_udp() -> None:
    async with open_house(mode="udp") as house:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as asking:
            await asking.connect((HOST, house.settings.http_port))
            await asking.send(b"a<b\n")
            answer = await asking.recv(4096)
    assert answer == (
        b'{"request":"a\\u003cb\\n","namespace":"n","ingress":"","service":"","pod":"p"}'
    )
    assert house.said[0] == f"UDP server listening on :{house.settings.http_port}"
    assert house.said[1].startswith("Received UDP a<b\n from 127.0.0.1:")


async def test_a_port_for_udp_that_is_taken() -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as taken:
        await taken.bind((HOST, 0))
        port = taken.getsockname()[1]
        server = EchoServer(EchoSettings(mode="udp", http_port=port), HOST, lambda _: None)
        with pytest.raises(OSError, match=f"listen udp {HOST}:{port}: Address already in use"):
            await server.run()
