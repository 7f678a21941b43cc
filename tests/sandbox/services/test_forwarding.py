from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from kthena_sandbox.httpd.server import bind
from kthena_sandbox.services.forwarding import Forwarder
from kthena_sandbox.services.frontends import Endpoint, Route

_Client = Callable[[], Awaitable[trio.SocketStream]]


async def _tell_name(name: str, stream: trio.SocketStream) -> None:
    """A server that tells its name, then repeats what it hears to the end, and says goodbye."""
    async with stream:
        await stream.send_all(name.encode())
        async for piece in stream:
            await stream.send_all(piece)
        await stream.send_all(b"bye")


@asynccontextmanager
async def _servers(*names: str) -> AsyncIterator[tuple[Endpoint, ...]]:
    async with trio.open_nursery() as nursery:
        endpoints = []
        for name in names:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

            async def handler(stream: trio.SocketStream, name: str = name) -> None:
                await _tell_name(name, stream)

            nursery.start_soon(trio.serve_listeners, handler, listeners)
            endpoints.append(Endpoint(*listeners[0].socket.getsockname()))
        yield tuple(endpoints)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _forwarding(
    *endpoints: Endpoint, affinity_seconds: float = 0.0
) -> AsyncIterator[tuple[Forwarder, _Client]]:
    async with trio.open_nursery() as nursery:
        bound = bind("127.0.0.1", 0)
        address = bound.getsockname()
        forwarder = Forwarder(bound, Route("http", endpoints, affinity_seconds))
        nursery.start_soon(forwarder.run, nursery)

        async def client() -> trio.SocketStream:
            return await trio.open_tcp_stream(*address)

        yield forwarder, client
        forwarder.close()
        nursery.cancel_scope.cancel()


async def _name(stream: trio.SocketStream) -> bytes:
    return bytes(await stream.receive_some(1))


async def _names(client: _Client, count: int) -> bytes:
    found = b""
    for _ in range(count):
        async with await client() as stream:
            found += await _name(stream)
    return found


async def test_connections_go_to_the_endpoints_in_turn() -> None:
    async with _servers("a", "b", "c") as endpoints, _forwarding(*endpoints) as (_, client):
        assert await _names(client, 6) == b"abcabc"


async def test_each_end_may_stop_talking_before_the_other() -> None:
    async with _servers("a") as endpoints, _forwarding(*endpoints) as (_, client):
        async with await client() as stream:
            await stream.send_all(b"x" * 300_000)
            await stream.send_eof()
            heard = b"".join([piece async for piece in stream])
        assert heard == b"a" + b"x" * 300_000 + b"bye"


async def test_an_endpoint_that_cannot_be_reached_is_passed_over() -> None:
    dead = bind("127.0.0.1", 0)
    nobody = Endpoint(*dead.getsockname())
    dead.close()
    async with _servers("a") as (alive,), _forwarding(nobody, alive) as (forwarder, client):
        assert await _names(client, 3) == b"aaa"
        forwarder.turns.route = Route("http", (nobody,))
        async with await client() as stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some(1)


async def test_an_open_connection_outlives_its_endpoint_and_the_socket() -> None:
    async with (
        _servers("a", "b") as (first, second),
        _forwarding(first) as (forwarder, client),
        await client() as stream,
    ):
        assert await _name(stream) == b"a"
        forwarder.turns.route = Route("http", (second,))
        assert await _names(client, 2) == b"bb"
        forwarder.close()
        with pytest.raises(OSError, match="all attempts to connect"):
            await client()
        await stream.send_all(b"still")
        assert await stream.receive_some(5) == b"still"


async def test_a_client_stays_with_its_endpoint_for_a_while(mock_clock: MockClock) -> None:
    async with (
        _servers("a", "b") as endpoints,
        _forwarding(*endpoints, affinity_seconds=10) as (forwarder, client),
    ):
        assert await _names(client, 3) == b"aaa"
        mock_clock.jump(11)
        assert await _names(client, 2) == b"bb"
        forwarder.turns.route = Route("http", endpoints[:1], 10)
        assert await _names(client, 1) == b"a"
