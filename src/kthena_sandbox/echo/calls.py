"""The gRPC mode of the echo server: service `GrpcEcho` of the suites' `grpcecho.proto`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kthena_sandbox.echo.settings import EchoSettings
from kthena_sandbox.rpc.framing import UNIMPLEMENTED, RpcError
from kthena_sandbox.rpc.service import Call, RpcApp
from kthena_sandbox.schema.protobuf import block, text

SERVICE = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho"


def echo_response(
    method: str,
    metadata: Iterable[tuple[str, str]],
    context: Mapping[str, str],
    tls: Mapping[str, Any] | None,
    request: bytes,
) -> bytes:
    """An `EchoResponse`: what was asked of whom, and the request itself. Pure."""
    pairs = list(metadata)
    authority = next((value for name, value in pairs if name == ":authority"), "")
    assertions = text(1, method)
    for name, value in pairs:
        assertions += block(2, text(1, name) + text(2, value))
    assertions += text(3, authority) + block(4, _context(context))
    if tls is not None:
        assertions += block(5, _tls(tls))
    return block(1, assertions) + block(2, request)


def _context(context: Mapping[str, str]) -> bytes:
    names = ("namespace", "ingress", "service", "pod")
    return b"".join(text(number, context[name]) for number, name in enumerate(names, start=1))


def _tls(tls: Mapping[str, Any]) -> bytes:
    names = ("version", "negotiatedProtocol", "serverName", "cipherSuite")
    told = b"".join(text(number, tls.get(name, "")) for number, name in enumerate(names, start=1))
    return told + b"".join(block(5, peer.encode()) for peer in tls.get("peerCertificates", ()))


def echo_calls(
    settings: EchoSettings, tls: Mapping[str, Any] | None, say: Callable[[str], None]
) -> RpcApp:
    """The application of one connection."""

    async def echo(call: Call) -> None:
        request = await call.receive()
        say(f"Received over {'plaintext' if tls is None else 'TLS'}: ")
        answer = echo_response(call.method, call.metadata, settings.context, tls, request or b"")
        await call.send(answer)

    async def missing(call: Call) -> None:
        await call.receive()
        raise RpcError(UNIMPLEMENTED, "method EchoThree not implemented")

    methods = {"Echo": echo, "EchoTwo": echo, "EchoThree": missing}
    return RpcApp({f"{SERVICE}/{name}": method for name, method in methods.items()})
