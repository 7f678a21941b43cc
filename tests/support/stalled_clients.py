"""Clients that keep a connection busy, each in its own way; what is returned holds the connection open."""

import socket
from typing import Any

import h2.config
import h2.connection
import msgspec

ENDLESS: dict[str, Any] = {"max_tokens": 30_000, "ignore_eos": True, "n": 8, "stream": True}


def connect(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # Segments as on an Ethernet, for which the server's kernel keeps less: a full buffer takes 0.1 MB, not 3.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
    client.connect(("127.0.0.1", port))
    return client


def request(model: str, *, fault: str = "", **options: Any) -> bytes:
    """Return a completion request in HTTP/1.1."""
    body = msgspec.json.encode({"model": model, "prompt": "x", **options})
    lines = [
        "POST /v1/completions HTTP/1.1",
        "host: x",
        f"content-length: {len(body)}",
        *([f"x-mock-fault: {fault}"] if fault else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def does_not_read(port: int, model: str) -> socket.socket:
    client = connect(port, receive_buffer=4096)
    client.sendall(request(model, **ENDLESS))
    return client


def stalls_in_its_body(port: int, model: str) -> socket.socket:
    client = connect(port)
    client.sendall(request(model)[:-5])
    return client


def waits_for_a_silent_engine(port: int, model: str) -> socket.socket:
    client = connect(port)
    client.sendall(request(model, fault="stall-before"))
    return client


def waits_in_mid_stream(port: int, model: str) -> socket.socket:
    client = connect(port)
    client.sendall(request(model, fault="stall-after=2", stream=True, max_tokens=4))
    return client


def reads_a_stream(port: int, model: str) -> socket.socket:
    """Pieces of the answer keep coming; *model* sets the pace."""
    client = connect(port)
    client.sendall(request(model, stream=True, max_tokens=30_000, ignore_eos=True))
    return client


def waits_for_the_first_token(port: int, model: str) -> socket.socket:
    client = connect(port)
    client.sendall(request(model, fault="slow-first=600"))
    return client


def does_not_read_http2(port: int, model: str) -> socket.socket:
    """The flow control of HTTP/2 stops the answer: nothing is ever acknowledged."""
    client = connect(port, receive_buffer=4096)
    body = msgspec.json.encode({"model": model, "prompt": "x", **ENDLESS})
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    http.initiate_connection()
    head = [
        (":method", "POST"), (":path", "/v1/completions"), (":scheme", "http"), (":authority", "x"),
        ("content-length", str(len(body))),
    ]  # fmt: skip
    http.send_headers(1, head)
    http.send_data(1, body, end_stream=True)
    client.sendall(http.data_to_send())
    return client


def sends_nothing(port: int, model: str) -> socket.socket:
    return connect(port)


def sends_half_a_head(port: int, model: str) -> socket.socket:
    client = connect(port)
    client.sendall(request(model)[:20])
    return client


def is_kept_alive(port: int, model: str) -> socket.socket:
    """The connection has served and may serve again."""
    client = connect(port)
    client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = client.recv(65536)
    while not answer.endswith(b"}"):
        answer += client.recv(65536)
    return client


def is_kept_alive_http2(port: int, model: str) -> socket.socket:
    client = connect(port)
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    http.initiate_connection()
    client.sendall(http.data_to_send())
    client.recv(65536)  # the server's settings
    return client


# While such a request is being answered, the router has to wait for it as long as it may.
BUSY = (
    does_not_read,
    stalls_in_its_body,
    waits_for_a_silent_engine,
    waits_in_mid_stream,
    does_not_read_http2,
)
# Nothing is being answered.
IDLE = (sends_nothing, sends_half_a_head, is_kept_alive, is_kept_alive_http2)
