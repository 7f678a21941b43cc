"""The connection of HTTP/1.1, byte by byte, over a socket in memory."""

import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from tests.sandbox.apiserver.asgi_client import CONFIGMAPS, Client, configmap

from kthena_sandbox.apiserver.http1 import Http1Connection
from kthena_sandbox.apiserver.sockets import PlainStream

Ours = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
WATCH = f"GET {CONFIGMAPS}?watch=1&resourceVersion=0 HTTP/1.1\r\nhost: a\r\n\r\n".encode()
READY = b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n"


@asynccontextmanager
async def _connected(client: Client, first: bytes) -> AsyncIterator[tuple[Ours, Http1Connection]]:
    ours, theirs = trio.testing.memory_stream_pair()
    connection = Http1Connection(client.api, theirs, first)

    async def serve() -> None:
        async with theirs:
            await connection.serve()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await trio.testing.wait_all_tasks_blocked()
        yield ours, connection
        await ours.aclose()


async def _rest(stream: Ours) -> bytes:
    return b"".join([bytes(piece) async for piece in stream])


async def test_requests_one_after_the_other(client: Client) -> None:
    async with _connected(client, READY + READY[:10]) as (stream, _):
        first = bytes(await stream.receive_some())
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert first.endswith(b"content-length: 2\r\n\r\nok")
        await stream.send_all(READY[10:].replace(b"host: a", b"host: a\r\nconnection: close"))
        assert b"\r\nconnection: close\r\n\r\nok" in await _rest(stream)


async def test_a_head_has_no_body(client: Client) -> None:
    async with _connected(client, READY.replace(b"GET", b"HEAD")) as (stream, _):
        assert bytes(await stream.receive_some()).endswith(b"content-length: 2\r\n\r\n")


async def test_who_asks_whether_to_go_on_is_told_so(client: Client) -> None:
    head = (
        f"POST {CONFIGMAPS} HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n".encode()
    )
    async with _connected(client, head) as (stream, _):
        assert bytes(await stream.receive_some()) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(b"{}")
        assert bytes(await stream.receive_some()).startswith(b"HTTP/1.1 422 ")


@pytest.mark.parametrize(
    ("first", "code", "message"),
    [
        (b"NONSENSE\r\n\r\n", 400, "Invalid"),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 70_000, 431, "the header section is too large"),
        (b"POST / HTTP/1.1\r\ncontent-length: 4000000\r\n\r\n" + b"x" * 3_200_000, 413,
         "Request entity too large: limit is 3145728"),
        (b"GET /api HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", 400,
         "this request cannot be upgraded to another protocol"),
    ],
)  # fmt: skip
async def test_what_is_no_request(client: Client, first: bytes, code: int, message: str) -> None:
    async with _connected(client, first) as (stream, _):
        answer = await _rest(stream)
    assert answer.startswith(f"HTTP/1.1 {code} ".encode())
    assert message.encode() in answer
    assert b"connection: close" in answer


async def test_a_watch_is_written_in_chunks_and_ends_properly(client: Client) -> None:
    async with _connected(client, WATCH + READY) as (stream, connection):
        head = bytes(await stream.receive_some())
        assert b"transfer-encoding: chunked\r\n" in head
        created = await client.create_configmap("a")
        chunk = bytes(await stream.receive_some())
        size, _, line = chunk.partition(b"\r\n")
        assert int(size, 16) == len(line) - 2
        assert line.startswith(b'{"type":"ADDED","object":{')
        assert created["metadata"]["uid"].encode() in line
        connection.end()
        client.api.interruption.close()
        assert await _rest(stream) == b"0\r\n\r\n"


async def test_a_watch_that_is_cut_has_no_end(client: Client) -> None:
    async with _connected(client, WATCH) as (stream, _):
        await stream.receive_some()
        client.api.interruption.cut()
        assert await _rest(stream) == b""


async def test_a_watcher_that_leaves_ends_its_watch(client: Client) -> None:
    async with _connected(client, WATCH) as (stream, _):
        await stream.receive_some()
        await stream.aclose()


async def test_an_idle_connection_ends_when_it_is_told(client: Client) -> None:
    async with _connected(client, READY) as (stream, connection):
        await stream.receive_some()
        connection.end()
        assert await _rest(stream) == b""


def _events(chunked: bytes) -> list[tuple[str, str]]:
    lines = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", chunked).splitlines()
    events = [json.loads(line) for line in lines if line]
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_who_reads_late_gets_everything_in_order_and_what_comes_later_too(
    client: Client,
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        reader = await trio.open_tcp_stream(*listener.socket.getsockname())
        accepted = await listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    async with reader, PlainStream(accepted) as writer, trio.open_nursery() as nursery:
        nursery.start_soon(client.api.cluster.feeds.run)
        nursery.start_soon(Http1Connection(client.api, writer, WATCH).serve)
        assert b"200 OK" in await reader.receive_some()

        async def create(*names: str) -> None:
            for name in names:
                body = configmap(name) | {"data": {"key": "x" * 500_000}}
                assert (await client.post(CONFIGMAPS, body)).code == 201

        async def read(count: int) -> list[tuple[str, str]]:
            seen = bytearray()
            while seen.count(b'{"type":') < count or not seen.endswith(b"}\n\r\n"):
                seen += await reader.receive_some()
            return _events(bytes(seen))

        await create("a")  # of which the rest goes out when nothing else comes
        assert await read(1) == [("ADDED", "a")]
        names = [f"b{number}" for number in range(4)]
        await create(*names)
        assert await read(4) == [("ADDED", name) for name in names]
        await trio.testing.wait_all_tasks_blocked()
        await client.delete(f"{CONFIGMAPS}/a")
        assert await read(1) == [("DELETED", "a")]
        nursery.cancel_scope.cancel()
