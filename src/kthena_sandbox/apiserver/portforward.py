"""`pods/portforward`: which protocol a client asks for, and how a pod is reached."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

import trio

from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, bad_request
from kthena_sandbox.apiserver.storage import Key
from kthena_sandbox.apiserver.streams.channels import ChannelForwarding
from kthena_sandbox.apiserver.streams.forwarding import SpdyForwarding
from kthena_sandbox.apiserver.streams.websocket import WebSocket, WebSocketStream
from kthena_sandbox.apiserver.web import Request, Takeover

Document = dict[str, Any]
_SPDY = "portforward.k8s.io"
_TUNNELLED = f"SPDY/3.1+{_SPDY}"
_CHANNELS = "v4.channel.k8s.io"
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\n"
    b"x-stream-protocol-version: portforward.k8s.io\r\n\r\n"
)


@dataclass(frozen=True)
class _Pod:
    """Who is asked for, and where it is."""

    name: str
    address: str

    async def dial(self, port: int) -> trio.SocketStream:
        """A connection to it. Raises OSError in the words of Go's net package."""
        family = socket.AF_INET6 if ip_address(self.address).version == 6 else socket.AF_INET
        dialled = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            await dialled.connect((self.address, port))
        except OSError as error:
            dialled.close()
            why = f"connect: {os.strerror(error.errno or 0).lower()}"
            text = f"failed to connect: dial tcp {self.address}:{port}: {why}"
            raise OSError(text) from error
        except BaseException:
            dialled.close()
            raise
        return trio.SocketStream(dialled)


def takeover(cluster: Cluster, key: Key, request: Request) -> Takeover:
    """What is to become of the connection. Raises ApiError 400, 403 or 404."""
    document = cluster.read(cluster.kind("", "v1", "pods"), key)
    pod = _Pod(key.name, (document.get("status") or {}).get("podIP", ""))
    if not pod.address:
        raise bad_request(f"pod {key.name} does not have a host assigned")
    match request.headers.get("upgrade", "").lower():
        case "spdy/3.1":
            _negotiated(request.headers, "x-stream-protocol-version", (_SPDY,))
            return Takeover(partial(_spdy, pod))
        case "websocket":
            accepted, header = (_TUNNELLED, _CHANNELS), "sec-websocket-protocol"
            chosen = ""  # clients may name none, and speak channels
            if header in request.headers:
                chosen = _negotiated(request.headers, header, accepted)
            if chosen == _TUNNELLED:
                return Takeover(partial(_tunnel, pod))
            return Takeover(partial(_channels, pod, _ports(request), chosen))
    raise bad_request("Upgrade request required")


def _negotiated(headers: Mapping[str, str], name: str, accepted: tuple[str, ...]) -> str:
    offered = [entry.strip() for entry in headers.get(name, "").split(",") if entry.strip()]
    for protocol in accepted:
        if protocol in offered:
            return protocol
    sides = f"client supports [{' '.join(offered)}], server accepts [{' '.join(accepted)}]"
    text = f"unable to upgrade: unable to negotiate protocol: {sides}"
    raise ApiError(403, "Forbidden", text)


def _ports(request: Request) -> list[int]:
    listed = [text for text in request.query.get("ports", "").split(",") if text]
    if not listed:
        raise bad_request('query parameter "port" is required')
    for text in listed:
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise bad_request(f'unable to parse "{text}" as a port')
    return [int(text) for text in listed]


async def _spdy(pod: _Pod, stream: trio.abc.Stream, _: bytes) -> None:
    await stream.send_all(_SWITCH)
    await SpdyForwarding(stream, pod.dial, pod.name).run()


async def _tunnel(pod: _Pod, stream: trio.abc.Stream, head: bytes) -> None:
    web_socket = WebSocket(stream, head)
    await web_socket.accept(_TUNNELLED)
    await SpdyForwarding(WebSocketStream(web_socket), pod.dial, pod.name).run()


async def _channels(
    pod: _Pod, ports: list[int], chosen: str, stream: trio.abc.Stream, head: bytes
) -> None:
    web_socket = WebSocket(stream, head)
    await web_socket.accept(chosen)
    await ChannelForwarding(web_socket, ports, pod.dial, pod.name).run()
