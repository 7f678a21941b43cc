"""Port-forward over a real socket of the API server, in its three forms."""

import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from tests.sandbox.apiserver.streams.spdy_client import FIN, Talk, data
from tests.sandbox.house import engine_pod, running, running_api
from tests.support.stack import kubectls
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Request

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.kinds import PODS, Key

PATH = "/api/v1/namespaces/default/pods/p/portforward"
SPDY = {"Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "portforward.k8s.io"}
NEGOTIATION = "unable to upgrade: unable to negotiate protocol"
REFUSED = "error forwarding port 9 to pod p, uid : failed to connect: dial tcp 127.0.0.1:9: connect: connection refused"


@dataclass
class House:
    """An API server with a pod, and what listens where the pod should."""

    api: int
    port: int

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.api)


async def shout(stream: trio.SocketStream) -> None:
    """Answer in capitals; say goodbye when the client has said all."""
    async with stream:
        async for piece in stream:
            await stream.send_all(bytes(piece).upper())
        await stream.send_all(b"BYE")


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    async with running_api(folder) as cluster, trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, shout, [listener])
        await cluster.create(PODS, "p", spec=engine_pod())
        await cluster.create(PODS, "pending", spec=engine_pod())
        status = {"status": {"podIP": "127.0.0.1"}}
        await cluster.client.patch(PODS, Key("default", "p"), status, "status")
        yield House(int(cluster.url.rpartition(":")[2]), listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def ask(
    stream: trio.SocketStream, method: str = "POST", path: str = PATH, **headers: str
) -> tuple[int, bytes]:
    """Status and body of an answer that has a length, or of one that switches protocols."""
    listed = {"Host": "x", "Connection": "Upgrade", **headers}
    lines = [f"{name}: {value}" for name, value in listed.items()]
    await stream.send_all("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode())
    received = b""
    with trio.fail_after(60):
        while True:
            received += bytes(await stream.receive_some())
            head, _, body = received.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if body == b"" and not length and b" 101 " in head:
                return 101, b""
            if length and len(body) == int(length):
                return int(head.split(b" ")[1]), body


async def test_spdy(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        assert await ask(stream, **SPDY) == (101, b"")
        talk = Talk(stream)
        await talk.open_pair("0", house.port, 1, 3)
        await talk.open_pair("1", house.port, 5, 7)
        await stream.send_all(data(3, b"hello ") + data(7, b"other") + data(3, b"there", FIN))
        assert await talk.all_of(3) == b"HELLO THEREBYE"
        await stream.send_all(data(7, b"", FIN))
        assert await talk.all_of(7) == b"OTHERBYE"
        assert await talk.all_of(1) == await talk.all_of(5) == b""


async def test_a_port_on_which_nobody_listens_is_said_on_the_error_stream(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        await ask(stream, **SPDY)
        talk = Talk(stream)
        await talk.open_pair("0", 9, 1, 3)
        assert (await talk.all_of(1)).decode() == REFUSED
        assert await talk.all_of(3) == b""


async def test_a_connection_on_which_the_api_was_used_before_is_handed_over(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        status, body = await ask(stream, "GET", "/version", Connection="keep-alive")
        assert (status, json.loads(body)["major"]) == (200, "1")
        assert await ask(stream, **SPDY) == (101, b"")
        talk = Talk(stream)
        await talk.open_pair("0", house.port, 1, 3)
        await stream.send_all(data(3, b"x", FIN))
        assert await talk.all_of(3) == b"XBYE"


@pytest.mark.parametrize(
    ("path", "headers", "code", "message"),
    [
        (PATH, {}, 400, "Upgrade request required"),
        (PATH, SPDY | {"X-Stream-Protocol-Version": "v9"}, 403,
         f"{NEGOTIATION}: client supports [v9], server accepts [portforward.k8s.io]"),
        (PATH.replace("/p/", "/q/"), SPDY, 404, 'pods "q" not found'),
        (PATH.replace("/p/", "/pending/"), SPDY, 400, "pod pending does not have a host assigned"),
        (PATH.replace("portforward", "exec?command=ls"), SPDY, 400,
         "pod p does not have a host assigned"),
        (PATH.replace("portforward", "attach?container=x"), SPDY, 400,
         "container x is not valid for pod p"),
        (PATH, {"Upgrade": "websocket", "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}, 400,
         'query parameter "port" is required'),
    ],
)  # fmt: skip
async def test_refusals_are_statuses(
    tmp_path: Path, path: str, headers: dict[str, str], code: int, message: str
) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        answered, body = await ask(stream, path=path, **headers)
        assert (answered, json.loads(body)["message"]) == (code, message)


class Socket:
    """A client of WebSockets."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.chosen: str | None = None
        self.messages: list[bytes] = []
        self.closed = False

    async def open(self, target: str, protocol: str) -> None:
        request = Request(host="x", target=target, subprotocols=[protocol] if protocol else [])
        await self.stream.send_all(self.connection.send(request))
        await self.receive()

    async def send(self, message: bytes) -> None:
        await self.stream.send_all(self.connection.send(Message(data=message)))

    async def receive(self) -> None:
        with trio.fail_after(60):
            received = bytes(await self.stream.receive_some())
        self.connection.receive_data(received or None)
        for event in self.connection.events():
            if isinstance(event, AcceptConnection):
                self.chosen = event.subprotocol
            elif isinstance(event, BytesMessage):
                self.messages.append(bytes(event.data))
            elif isinstance(event, CloseConnection):
                self.closed = True


async def test_spdy_through_a_websocket(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        socket = Socket(stream)
        await socket.open(PATH, "SPDY/3.1+portforward.k8s.io")
        assert socket.chosen == "SPDY/3.1+portforward.k8s.io"
        talk = Talk(trio.StapledStream(_Sender(socket), _Receiver(socket)))
        await talk.open_pair("0", house.port, 1, 3)
        await socket.send(data(3, b"hello", FIN))
        assert await talk.all_of(3) == b"HELLOBYE"


class _Sender(trio.abc.SendStream):
    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.socket.send(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await self.socket.stream.aclose()


class _Receiver(trio.abc.ReceiveStream):
    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while not self.socket.messages:
            await self.socket.receive()
        return self.socket.messages.pop(0)

    async def aclose(self) -> None:
        await self.socket.stream.aclose()


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", ""])
async def test_channels(tmp_path: Path, protocol: str) -> None:
    async with open_house(tmp_path) as house, await house.connect() as stream:
        socket = Socket(stream)
        await socket.open(f"{PATH}?ports={house.port}&ports=9", protocol)
        assert (socket.chosen or "") == protocol
        await socket.send(b"\0hello")
        ports = [struct.pack("<H", port) for port in (house.port, 9)]
        expected = {
            b"\0" + ports[0], b"\1" + ports[0], b"\2" + ports[1], b"\3" + ports[1],
            b"\0HELLO", b"\3" + REFUSED.encode(),
        }  # fmt: skip
        while set(socket.messages) != expected:
            await socket.receive()


@pytest.mark.system
@pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH")
@pytest.mark.parametrize("kubectl", kubectls()[:1] + kubectls()[-1:], ids=os.path.basename)
async def test_kubectl(tmp_path: Path, kubectl: str) -> None:
    async with running(tmp_path, kubelet=True) as cluster, trio.open_nursery() as nursery:
        await cluster.create(PODS, "engine", spec=engine_pod())

        async def ready() -> bool:
            return is_true(await cluster.client.get(PODS, Key("default", "engine")), "Ready")

        await cluster.until(ready)
        command = [kubectl, "--kubeconfig", str(tmp_path / "kubeconfig"), "port-forward",
                   "--address", "127.0.0.1", "pod/engine", ":8000"]  # fmt: skip
        process = await trio.lowlevel.open_process(
            command, stdout=-1, stderr=-2, env=os.environ | {"HOME": str(tmp_path)}
        )
        nursery.start_soon(process.wait)
        assert process.stdout is not None
        said = bytes(await process.stdout.receive_some()).decode()
        assert said.startswith("Forwarding from 127.0.0.1:")
        port = int(said.split("->", maxsplit=1)[0].rpartition(":")[2])
        for _ in range(3):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(
                    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                answer = b"".join([bytes(piece) async for piece in stream])
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        process.terminate()
