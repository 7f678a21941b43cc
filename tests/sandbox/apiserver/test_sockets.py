"""Sockets that send without waiting, against trio's own streams on the other side."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
import trio.testing
from trustme import CA

from kthena_sandbox.apiserver.sockets import PlainStream, PromptStream, TlsStream

AUTHORITY = CA()
Pair = Callable[[], AbstractAsyncContextManager[tuple[PromptStream, trio.abc.Stream]]]


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


@asynccontextmanager
async def _sockets() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        theirs = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with theirs, await listener.accept() as ours:
            yield ours, theirs


@asynccontextmanager
async def _plain() -> AsyncIterator[tuple[PromptStream, trio.abc.Stream]]:
    async with _sockets() as (ours, theirs), PlainStream(ours) as stream:
        yield stream, theirs


@asynccontextmanager
async def _secure() -> AsyncIterator[tuple[PromptStream, trio.abc.Stream]]:
    async with _sockets() as (ours, theirs):
        client = trio.SSLStream(
            theirs, _client_context(), server_hostname="127.0.0.1", https_compatible=True
        )
        async with TlsStream(ours, _server_context()) as stream:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.do_handshake)
                nursery.start_soon(client.do_handshake)
            assert stream.selected_alpn_protocol() == "http/1.1"
            yield stream, client


both = pytest.mark.parametrize("pair", [_plain, _secure])


async def _exactly(stream: trio.abc.Stream, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        got += (piece := await stream.receive_some())
        assert piece
    return bytes(got)


@both
async def test_what_is_sent_at_once_arrives(pair: Pair) -> None:
    async with pair() as (stream, other):
        assert stream.send_now(b"one")
        assert stream.send_now(b"two")
        await stream.send_all(b"three")
        assert await _exactly(other, 11) == b"onetwothree"


@both
async def test_what_does_not_fit_waits_and_goes_first(pair: Pair) -> None:
    async with pair() as (stream, other):
        sent = b""
        while stream.send_now(piece := b"%07d" % len(sent) * 10_000):
            sent += piece
        sent += piece + b"last"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"last")
            assert await _exactly(other, len(sent)) == sent
        assert stream.send_now(b"more")


@both
async def test_much_comes_and_goes_at_the_same_time(pair: Pair) -> None:
    async with pair() as (stream, other):
        data = bytes(range(256)) * 8192
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other.send_all, data)
            nursery.start_soon(stream.send_all, data)

            async def read() -> None:
                assert await _exactly(stream, len(data)) == data

            nursery.start_soon(read)
            assert await _exactly(other, len(data)) == data


@both
async def test_the_end_of_the_other_side_is_seen(pair: Pair) -> None:
    async with pair() as (stream, other):
        assert stream.send_now(b"hello")
        await _exactly(other, 5)
        await other.send_all(b"bye")
        await other.aclose()
        assert await _exactly(stream, 3) == b"bye"
        assert await stream.receive_some() == b""
        assert await stream.receive_some() == b""


@both
async def test_the_other_side_sees_the_end(pair: Pair) -> None:
    async with pair() as (stream, other):
        assert stream.send_now(b"bye")
        await stream.aclose()
        await stream.aclose()
        assert await _exactly(other, 3) == b"bye"
        assert await other.receive_some() == b""


@both
async def test_a_lost_connection_takes_nothing_and_says_so_to_who_waits(pair: Pair) -> None:
    async with pair() as (stream, other):
        await trio.aclose_forcefully(other)
        with trio.fail_after(5):
            while stream.send_now(b"x"):
                await trio.lowlevel.checkpoint()
        assert not stream.send_now(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")


@both
async def test_a_closed_stream_says_so(pair: Pair) -> None:
    async with pair() as (stream, _):
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await stream.receive_some()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await stream.aclose()
        assert not stream.send_now(b"x")
        for call in (stream.receive_some, stream.wait_send_all_might_not_block):
            with pytest.raises(trio.ClosedResourceError):
                await call()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


async def test_clear_text_can_end_one_way() -> None:
    async with _sockets() as (ours, theirs), PlainStream(ours) as stream:
        await stream.send_eof()
        assert await theirs.receive_some() == b""
        await theirs.send_all(b"still here")
        assert await stream.receive_some() == b"still here"


async def test_a_client_that_speaks_no_tls() -> None:
    async with _sockets() as (ours, theirs), TlsStream(ours, _server_context()) as stream:
        await theirs.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()


async def test_a_client_that_leaves_before_tls_is_agreed() -> None:
    async with _sockets() as (ours, theirs), TlsStream(ours, _server_context()) as stream:
        await theirs.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()


async def test_a_client_of_tls_that_is_cut_off_has_ended() -> None:
    async with _sockets() as (ours, theirs), TlsStream(ours, _server_context()) as stream:
        client = trio.SSLStream(theirs, _client_context(), server_hostname="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            nursery.start_soon(client.do_handshake)
        await theirs.send_eof()
        assert await stream.receive_some() == b""
