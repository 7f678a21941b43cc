"""Datagrams through a Service's socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from tests.support.stack import free_ports
from trio.testing import MockClock

from kthena_sandbox.datagrams import bind_datagrams
from kthena_sandbox.services.datagrams import IDLE_SECONDS, DatagramForwarder
from kthena_sandbox.services.frontends import Endpoint, Route

HOST = "127.0.0.1"
Ask = Callable[[bytes], Awaitable[bytes]]


async def _echo(name: bytes, bound: trio.socket.SocketType) -> None:
    while True:
        datagram, peer = await bound.recvfrom(100)
        await bound.sendto(name + datagram, peer)


@asynccontextmanager
async def _servers(*names: bytes) -> AsyncIterator[tuple[Endpoint, ...]]:
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        endpoints = []
        for name in names:
            bound = trio.socket.from_stdlib_socket(bind_datagrams(HOST, 0))
            stack.enter_context(bound)
            nursery.start_soon(_echo, name, bound)
            endpoints.append(Endpoint(*bound.getsockname()))
        yield tuple(endpoints)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _forwarding(*endpoints: Endpoint) -> AsyncIterator[tuple[DatagramForwarder, Endpoint]]:
    async with trio.open_nursery() as nursery:
        bound = bind_datagrams(HOST, 0)
        address = Endpoint(*bound.getsockname())
        forwarder = DatagramForwarder(bound, Route("dns", endpoints))
        nursery.start_soon(forwarder.run, nursery)
        yield forwarder, address
        forwarder.close()


@asynccontextmanager
async def _client(address: Endpoint) -> AsyncIterator[Ask]:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as asking:
        await asking.connect(address)

        async def ask(datagram: bytes) -> bytes:
            await asking.send(datagram)
            return await asking.recv(100)

        yield ask


async def test_clients_take_turns_and_keep_their_endpoint() -> None:
    async with (
        _servers(b"a", b"b") as endpoints,
        _forwarding(*endpoints) as (_, address),
        _client(address) as first,
        _client(address) as second,
    ):
        assert [await first(b"1"), await second(b"2"), await first(b"3")] == [
            b"a1",
            b"b2",
            b"a3",
        ]


async def test_an_endpoint_that_is_none_any_more_loses_its_clients() -> None:
    async with (
        _servers(b"a", b"b") as endpoints,
        _forwarding(*endpoints) as (forwarder, address),
        _client(address) as ask,
    ):
        assert await ask(b"1") == b"a1"
        forwarder.turns.route = Route("dns", endpoints[1:])
        assert await ask(b"2") == b"b2"


async def test_who_was_silent_is_forgotten(autojump_clock: MockClock) -> None:
    async with (
        _servers(b"a", b"b") as endpoints,
        _forwarding(*endpoints) as (_, address),
        _client(address) as ask,
    ):
        assert await ask(b"1") == b"a1"
        await trio.sleep(IDLE_SECONDS - 1)
        assert await ask(b"2") == b"a2"
        await trio.sleep(IDLE_SECONDS + 1)
        assert await ask(b"3") == b"b3"


async def test_datagrams_to_nobody_are_lost() -> None:
    silent = Endpoint(HOST, *free_ports(1))
    async with (
        _servers(b"a") as endpoints,
        _forwarding() as (forwarder, address),
        _client(address) as ask,
    ):
        for nobody in ((), (silent,)):
            forwarder.turns.route = Route("dns", nobody)
            with trio.move_on_after(0.05) as lost:
                await ask(b"1")
            assert lost.cancelled_caught
        forwarder.turns.route = Route("dns", endpoints)
        assert await ask(b"2") == b"a2"
