"""gRPC: framing, a server with a client, and what goes wrong between them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import h2.connection
import h2.events
import pytest
import trio

from kthena_sandbox.connections import Connections, as_in_go
from kthena_sandbox.rpc.client import call
from kthena_sandbox.rpc.framing import Frames, RpcError, encoded_text, framed
from kthena_sandbox.rpc.service import Call, Method, RpcApp


def test_frames() -> None:
    frames = Frames()
    assert list(frames.feed(b"\0\0\0\0\x02a")) == []
    assert not frames.complete
    assert list(frames.feed(b"b\0\0\0\0\0" + framed(b"c"))) == [b"ab", b"", b"c"]
    assert frames.complete


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (b"\x01\0\0\0\x01a", 12, "compressed messages are not read here"),
        (b"\0\0\x40\0\x01", 8, "grpc: received message larger than max (4194305 vs. 4194304)"),
    ],
)
def test_frames_that_are_refused(data: bytes, code: int, text: str) -> None:
    with pytest.raises(RpcError) as refused:
        list(Frames().feed(data))
    assert (refused.value.code, refused.value.message) == (code, text)


def test_texts_are_percent_encoded() -> None:
    assert encoded_text('a "b"/c%\n\u00e4') == b'a "b"/c%25%0A%C3%A4'


@asynccontextmanager
async def serving(methods: Mapping[str, Method]) -> AsyncIterator[trio.SocketStream]:
    """A connection to a server."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        serve = partial(Connections(as_in_go()).serve, RpcApp(methods))
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        async with await trio.testing.open_stream_to_socket_listener(listener) as stream:
            yield stream
        nursery.cancel_scope.cancel()


async def test_many_messages_in_both_directions() -> None:
    async def double(asked: Call) -> None:
        while (message := await asked.receive()) is not None:
            await asked.send(message * 2)

    async with serving({"/a.B/Double": double}) as stream:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        headers = {":method": "POST", ":scheme": "http", ":path": "/a.B/Double", ":authority": "x",
                   "te": "trailers", "content-type": "application/grpc+proto"}  # fmt: skip
        connection.send_headers(1, list(headers.items()))
        body = b""
        trailers: list[tuple[bytes, bytes]] = []
        for message in (b"a", b"b"):  # each is answered before the next is said
            connection.send_data(1, framed(message))
            await stream.send_all(connection.data_to_send())
            wanted = len(body) + 7
            while len(body) < wanted:
                for event in connection.receive_data(bytes(await stream.receive_some())):
                    if isinstance(event, h2.events.DataReceived):
                        body += event.data or b""
        connection.end_stream(1)
        await stream.send_all(connection.data_to_send())
        while not trailers:
            for event in connection.receive_data(bytes(await stream.receive_some())):
                if isinstance(event, h2.events.TrailersReceived):
                    trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
    assert body == framed(b"aa") + framed(b"bb")
    assert trailers == [(b"grpc-status", b"0")]


async def test_an_error_has_a_code_and_a_text() -> None:
    async def refuse(asked: Call) -> None:
        await asked.receive()
        raise RpcError(7, "not for you: 100%")

    async with serving({"/a.B/Refuse": refuse}) as stream:
        with pytest.raises(RpcError, match="not for you: 100%") as refused:
            await call(stream, "x", "/a.B/Refuse", b"")
    assert refused.value.code == 7


async def test_what_speaks_no_grpc() -> None:
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def ask(text: str) -> None:
            with pytest.raises(RpcError, match=text) as failed:
                await call(client, "x", "/a.B/C", b"")
            assert failed.value.code in {2, 14}

        nursery.start_soon(ask, "connection error: EOF")
        await server.receive_some()
        await server.aclose()
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "connection error")
        await server.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await server.aclose()
