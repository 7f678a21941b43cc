"""TCP and TLS to endpoints."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from tests.support.http_peer import Peer, PeerConnection, Script, answering, open_peer
from tests.support.upstream import Answer, fetch, until
from trio.testing import MockClock

from kthena_router.errors import ConnectFailed, ConnectTimeout, ResponseCut
from kthena_router.upstream.dial import make_tls_context
from kthena_router.upstream.pools import Pools

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
AUTHORITY = trustme.CA()


def trusting() -> ssl.SSLContext:
    context = make_tls_context()
    AUTHORITY.configure_trust(context)
    return context


@asynccontextmanager
async def open_tls_peer(
    *scripts: Script, name: str = "127.0.0.1", newest: bool = True
) -> AsyncIterator[Peer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)
    if not newest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    def wrap(stream: trio.SocketStream) -> trio.SSLStream[trio.SocketStream]:
        return trio.SSLStream(stream, context, server_side=True, https_compatible=False)

    async with open_peer(*scripts, wrap=wrap) as peer:
        yield peer


def make_pools(tls: ssl.SSLContext, server_name: str = "") -> Pools:
    return Pools(connect_timeout=5.0, idle_timeout=5.0, tls=tls, tls_server_name=server_name)


@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("size", [3, 5_000_000])
async def test_calls_over_tls_share_a_connection(newest: bool, size: int) -> None:
    pools = make_pools(trusting())
    async with open_tls_peer(answering(OK, OK, OK), newest=newest) as peer:
        for _ in range(3):
            assert await fetch(pools, peer.endpoint, b"x" * size) == Answer(200, b"ok")
        assert (peer.accepted, pools.idle) == (1, 1)
        await pools.aclose()


async def test_a_large_answer_comes_over_tls_in_pieces() -> None:
    pools = make_pools(trusting())
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 3_000_000
    async with open_tls_peer(answering(answer)) as peer:
        assert len((await fetch(pools, peer.endpoint)).body) == 3_000_000
        await pools.aclose()


async def test_an_unknown_authority_is_refused_unless_nobody_asks() -> None:
    async with open_tls_peer(answering(OK)) as peer:
        with pytest.raises(ConnectFailed, match="certificate"):
            await fetch(make_pools(make_tls_context()), peer.endpoint)
        careless = make_pools(make_tls_context(verify=False))
        assert await fetch(careless, peer.endpoint) == Answer(200, b"ok")
        await careless.aclose()


async def test_a_certificate_must_bear_the_expected_name() -> None:
    async with open_tls_peer(answering(OK), name="engine.example") as peer:
        with pytest.raises(ConnectFailed, match="certificate"):
            await fetch(make_pools(trusting()), peer.endpoint)
        pools = make_pools(trusting(), "engine.example")
        assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
        await pools.aclose()


async def test_an_authority_can_be_given_as_a_file() -> None:
    with AUTHORITY.cert_pem.tempfile() as ca_file:
        pools = make_pools(make_tls_context(ca_file=ca_file))
    async with open_tls_peer(answering(OK)) as peer:
        assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
        await pools.aclose()


async def test_an_endpoint_without_tls_is_a_failed_connection() -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.say(OK)

    async with open_peer(script, wrap=lambda stream: stream) as peer:
        with pytest.raises(ConnectFailed):
            await fetch(make_pools(trusting()), peer.endpoint)


async def test_a_handshake_that_never_ends_is_a_connect_timeout(patient_clock: MockClock) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.wait_closed()

    async with open_peer(script, wrap=lambda stream: stream) as peer:
        started = trio.current_time()
        with pytest.raises(ConnectTimeout):
            await fetch(make_pools(trusting()), peer.endpoint)
        assert trio.current_time() - started == pytest.approx(5.0)
        await until(lambda: peer.open == 0)


async def test_an_end_without_tlss_farewell_is_a_cut() -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(b"HTTP/1.1 200 OK\r\n\r\nthe first half")
        connection.hang_up()

    async with open_tls_peer(script) as peer:
        with pytest.raises(ResponseCut):
            await fetch(make_pools(trusting()), peer.endpoint)


async def test_an_idle_tls_connection_that_closed_is_not_used() -> None:
    pools = make_pools(trusting())
    once = answering(OK)

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(OK)

    async with open_tls_peer(script, once) as peer:
        await fetch(pools, peer.endpoint)
        await until(lambda: peer.open == 0)
        assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
        assert peer.accepted == 2
        await pools.aclose()
