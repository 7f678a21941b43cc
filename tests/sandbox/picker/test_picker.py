"""The endpoint picker: what it is told, what it picks, and its ports against a real API server."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.sandbox.house import Cluster, running_api
from tests.support.stack import free_ports

from kthena_sandbox.entrance import Entrance
from kthena_sandbox.kinds import INFERENCE_POOLS, PODS, Document, Key
from kthena_sandbox.picker.choice import Endpoint, candidates, endpoints_of
from kthena_sandbox.picker.letters import Asked, go_on, read_request, served_by, to_endpoint
from kthena_sandbox.picker.process import Picker
from kthena_sandbox.picker.server import SERVICE, PickerServer
from kthena_sandbox.picker.settings import PickerSettings, SettingsError, read_settings
from kthena_sandbox.rpc.client import call
from kthena_sandbox.rpc.framing import RpcError
from kthena_sandbox.rpc.health import ask_health
from kthena_sandbox.schema.protobuf import block, boolean, text

HOST = "127.0.0.1"
A, B, C = Endpoint("127.1.0.1", 3000), Endpoint("127.1.0.2", 3000), Endpoint("127.1.0.2", 3002)


def pod(name: str, address: str, *, ready: str = "True", **annotations: str) -> Document:
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": name, "labels": {"app": "m", "x": "y"},
                     "annotations": {f"inference.networking.k8s.io/{key.replace('_', '-')}": value
                                     for key, value in annotations.items()}},
        "status": {"podIP": address, "conditions": conditions},
    }  # fmt: skip


def pool(*ports: int, **labels: str) -> Document:
    targets = [{"number": port} for port in ports]
    return {"spec": {"selector": {"matchLabels": labels}, "targetPorts": targets}}


def headers(part: int, *pairs: tuple[str, str], ends: bool, metadata: bytes = b"") -> bytes:
    listed = b"".join(block(1, text(1, name) + block(3, value.encode())) for name, value in pairs)
    return block(part, block(1, listed) + boolean(3, ends)) + metadata


def hinted(outer: str, inner: str, value: bytes) -> bytes:
    """`metadata_context` with one field in one namespace."""
    fields = block(1, text(1, inner) + block(2, value))
    return block(8, block(1, text(1, outer) + block(2, fields)))


def test_settings() -> None:
    arguments = ["--pool-name", "p", "--pool-namespace=n", "--zap-encoder", "json", "--grpc-port",
                 "9102", "--secure-serving=false", "--health-checking"]  # fmt: skip
    assert read_settings(arguments) == PickerSettings("p", "n", 9102, 9003, False, True)
    assert read_settings([]) == PickerSettings("", "", 9002, 9003, True, False)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--sing"], "unknown flag: --sing"),
        (["pool"], "unknown flag: pool"),
        (["--pool-name"], "flag needs an argument: --pool-name"),
        (["--grpc-port=x"], 'invalid argument "x" for "--grpc-port" flag'),
        (["--secure-serving=no"], 'invalid argument "no" for "--secure-serving" flag'),
    ],
)
def test_a_command_line_that_is_refused(arguments: list[str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_settings(arguments)


def test_endpoints_are_the_ports_of_ready_pods() -> None:
    pods = [
        pod("b", "127.1.0.2"), pod("a", "127.1.0.1", active_ports="3000, 9"),
        pod("c", "127.1.0.3", ready="False"),
    ]  # fmt: skip
    assert endpoints_of(pool(3000, 3002, app="m"), pods) == [A, B, C]
    assert endpoints_of(pool(3000, app="other"), pods) == []
    assert endpoints_of(pool(3000), pods) == []


@pytest.mark.parametrize(
    ("named", "hint", "found"),
    [
        ({}, None, [A, B, C]),
        ({"test-epp-endpoint-selection": "127.1.0.2"}, None, [B, C]),
        ({"test-epp-endpoint-selection": "127.1.0.2:3002, 127.1.0.1"}, None, [A, C]),
        ({}, "127.1.0.1:3000,127.1.0.2:3002", [A, C]),
        ({}, ["127.1.0.1:3000", "127.1.0.9"], [A]),
        ({}, "", []),
        ({"test-epp-endpoint-selection": "127.1.0.1"}, "127.1.0.2", [A]),
    ],
)
def test_candidates(named: dict[str, str], hint: Any, found: list[Endpoint]) -> None:
    key = "x-gateway-destination-endpoint-subset"
    metadata = {} if hint is None else {"envoy.lb.subset_hint": {key: hint}}
    assert candidates([A, B, C], named, metadata) == found


def test_what_a_gateway_says() -> None:
    listed = block(6, block(1, text(3, "a")) + block(1, text(3, "b")))
    message = headers(2, ("x", "1"), ("y", "2"), ends=True, metadata=hinted("n", "k", listed))
    assert read_request(message) == Asked(
        2, (("x", "1"), ("y", "2")), True, {"n": {"k": ["a", "b"]}}
    )
    nested = hinted("n", "k", block(5, block(1, text(1, "i") + block(2, boolean(4, True)))))
    assert read_request(nested).metadata == {"n": {"k": {"i": True}}}
    number = hinted("n", "k", b"\x11\x00\x00\x00\x00\x00\x00\xf8\x3f")
    assert read_request(number).metadata == {"n": {"k": 1.5}}
    assert read_request(block(4, block(1, b"body") + boolean(2, True))) == Asked(4, (), True)
    assert read_request(block(6, b"")) == Asked()


def test_answers() -> None:
    assert to_endpoint("1.2.3.4:5") == (
        b"\nz\nx"  # request_headers, its response
        b"\x12t\n-\n+\n\x1ex-gateway-destination-endpoint\x1a\t1.2.3.4:5"
        b"\nC\nA\n\x11X-Echo-Set-Header\x1a,x-conformance-test-served-endpoint:1.2.3.4:5"
        b"(\x01"  # clear_route_cache
        b"B?\n=\n\x08envoy.lb\x121*/\n-\n\x1ex-gateway-destination-endpoint\x12\x0b\x1a\t1.2.3.4:5"
    )
    assert go_on(4) == b"\x1a\x02\n\x00"
    assert go_on(5) == b"\x22\x02\n\x00"
    served = Asked(3, (("server", "s"),), True, {
        "envoy.lb": {"x-gateway-destination-endpoint-served": "1.2.3.4:5"},
    })  # fmt: skip
    answer = served_by(served)
    assert b"\n\x22x-conformance-test-served-endpoint\x1a\x091.2.3.4:5" in answer
    assert b"\n\x06server\x1a\x01s" in answer
    missing = Asked(3, (), True, {"envoy.lb": {}})
    assert b"fail: missing destination endpoint served metadata" in served_by(missing)
    assert b"fail: missing envoy lb metadata" in served_by(Asked(3))


class Said:
    """A call of gRPC whose client says all at once."""

    def __init__(self, *said: bytes) -> None:
        self.said = list(said)
        self.heard: list[bytes] = []

    async def receive(self) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self.said.pop(0) if self.said else None

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(message)


async def converse(picker: Picker, *said: bytes) -> list[bytes]:
    talk = Said(*said)
    await picker.process(talk)
    return talk.heard


async def test_endpoints_take_turns_and_bodies_are_waited_for() -> None:
    said: list[str] = []
    picker = Picker(lambda: [A, B], said.append)
    short = headers(2, (":path", "/"), ends=True)
    assert await converse(picker, short) == [to_endpoint("127.1.0.2:3000")]
    assert await converse(picker, short) == [to_endpoint("127.1.0.1:3000")]
    body = [block(4, block(1, b"a")), block(4, block(1, b"b") + boolean(2, True))]
    long = headers(2, (":path", "/"), ends=False)
    answer = headers(3, ("server", "s"), ends=False)
    heard = await converse(picker, long, *body, answer, block(5, boolean(2, True)), block(7, b""))
    assert heard == [
        go_on(4), to_endpoint("127.1.0.2:3000"), go_on(4),
        served_by(Asked(3, (("server", "s"),))), go_on(5),
    ]  # fmt: skip
    assert said[0] == "Selected endpoint 127.1.0.2:3000"


@pytest.mark.parametrize(
    ("endpoints", "message", "why"),
    [
        ([], headers(2, ends=True), "desc = no pods available"),
        ([A], headers(2, ("test-epp-endpoint-selection", "9.9.9.9"), ends=True),
         "desc = no endpoints available"),
        ([A], b"\x12\x05a", "error unmarshalling request: unexpected EOF"),
    ],
)  # fmt: skip
async def test_refusals(endpoints: list[Endpoint], message: bytes, why: str) -> None:
    with pytest.raises(RpcError, match=why) as refused:
        await converse(Picker(lambda: endpoints, print), message)
    assert refused.value.code == 13


async def make_pool(cluster: Cluster, namespace: str) -> None:
    spec = {"endpointPickerRef": {"name": "epp", "port": {"number": 9002}}} | pool(3000, app="m")["spec"]  # fmt: skip
    document = {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}
    await cluster.client.create(INFERENCE_POOLS, document)
    made = pod("a", "127.1.0.1")
    container = {"name": "c", "image": "i"}
    await cluster.create(PODS, "a", metadata=made["metadata"], spec={"containers": [container]})
    await cluster.client.patch(PODS, Key(namespace, "a"), {"status": made["status"]}, "status")


async def test_the_ports(tmp_path: Path) -> None:
    port, health_port = free_ports(2)
    settings = PickerSettings("p", "default", port, health_port)
    async with running_api(tmp_path) as cluster, trio.open_nursery() as nursery:
        server = PickerServer(settings, HOST, Entrance(cluster.url), lambda _: None)
        await nursery.start(server.run)

        async def health(service: str = "inference-extension") -> str:
            async with await trio.open_tcp_stream(HOST, health_port) as stream:
                return await ask_health(stream, "x", service)

        assert await health() == "NOT_SERVING"
        assert await health("") == "SERVING"
        with pytest.raises(RpcError, match="unknown service"):
            await health("other")
        await make_pool(cluster, "default")

        async def well() -> bool:
            return await health() == "SERVING"

        await cluster.until(well)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])

        async def picked() -> bytes | None:
            plain = await trio.open_tcp_stream(HOST, port)
            async with trio.SSLStream(plain, context, server_hostname="x") as stream:
                try:
                    return await call(stream, "x", f"/{SERVICE}/Process", headers(2, ends=True))
                except RpcError:
                    return None  # the pod has not been seen yet

        assert await cluster.until(picked) == to_endpoint("127.1.0.1:3000")
        plain = await trio.open_tcp_stream(HOST, port)
        await plain.send_all(b"GET / HTTP/1.1\r\n\r\n")
        async with plain:
            assert await plain.receive_some() == b""
        nursery.cancel_scope.cancel()
