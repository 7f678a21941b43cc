"""Connections that are kept, and those that are not."""

import socket

import pytest
import trio
from tests.support.http_peer import PeerConnection, Script, answering, open_peer
from tests.support.upstream import Answer, fetch, open_descriptors, until
from trio.testing import MockClock

from kthena_router.errors import ConnectFailed, ConnectionLost
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.pools import Pools

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = UpstreamRequest(method=b"GET", target=b"/")


def has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_a_connection_serves_one_call_after_the_other(pools: Pools) -> None:
    async with open_peer(answering(*[OK] * 5)) as peer:
        for _ in range(5):
            assert await fetch(pools, peer.endpoint, b"hello") == Answer(200, b"ok")
            assert pools.idle == 1
        assert peer.accepted == 1


async def test_the_request_arrives_as_it_was_given(pools: Pools) -> None:
    heard: list[bytes] = []

    async def script(connection: PeerConnection) -> None:
        heard.append(await connection.read_request())
        await connection.say(OK)
        heard.append(await connection.read_request())
        await connection.say(OK)

    async with open_peer(script) as peer:
        request = UpstreamRequest(
            b"POST", b"/v1/x?y=z", ((b"accept", b"*/*"),), host=b"client.example", body=b"{}"
        )
        for each in (request, GET):
            async with pools.open_call(peer.endpoint, each, header_timeout=None) as response:
                assert await response.receive() == b"ok"
        authority = peer.endpoint.authority.encode()
    assert heard == [
        b"POST /v1/x?y=z HTTP/1.1\r\nhost: client.example\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nhost: " + authority + b"\r\n\r\n",
    ]


async def test_calls_at_the_same_time_have_connections_of_their_own(pools: Pools) -> None:
    async with open_peer(answering(OK)) as peer:
        first = pools.open_call(peer.endpoint, GET, header_timeout=None)
        async with first, pools.open_call(peer.endpoint, GET, header_timeout=None) as second:
            assert await second.receive() == b"ok"
            assert (peer.accepted, pools.idle) == (2, 0)
        assert pools.idle == 1  # the first body was not taken to its end


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"x",
        OK + OK,
    ],
)
async def test_a_connection_that_is_over_or_suspect_is_not_kept(
    pools: Pools, answer: bytes
) -> None:
    async with open_peer(answering(answer)) as peer:
        assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
        assert pools.idle == 0


async def test_an_idle_connection_that_has_closed_or_speaks_is_not_used(pools: Pools) -> None:
    async def close(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(OK)

    async def speak(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(OK)
        await trio.testing.wait_all_tasks_blocked()
        await connection.say(OK)
        await connection.wait_closed()

    async def reset(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(OK)
        await trio.testing.wait_all_tasks_blocked()
        connection.reset()

    async with open_peer(close, speak, reset, answering(OK)) as peer:
        for accepted in (1, 2, 3, 4):
            assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
            assert (peer.accepted, pools.idle) == (accepted, 1)
            await trio.testing.wait_all_tasks_blocked(0.01)


async def _leave(connection: PeerConnection) -> None:
    """Answer once, take a second request, and leave without a word: the keep-alive race."""
    await connection.read_request()
    await connection.say(OK)
    await connection.read_head()


async def _reset(connection: PeerConnection) -> None:
    await _leave(connection)
    connection.reset()


@pytest.mark.parametrize("script", [_leave, _reset])
@pytest.mark.parametrize("size", [3, 5_000_000])
async def test_a_request_lost_on_a_kept_connection_is_silently_sent_again(
    pools: Pools,
    script: Script,
    size: int,
) -> None:
    async with open_peer(script, answering(OK)) as peer:
        await fetch(pools, peer.endpoint)
        assert await fetch(pools, peer.endpoint, b"x" * size) == Answer(200, b"ok")
        assert (peer.accepted, pools.idle) == (2, 1)


async def test_it_is_sent_again_only_once(pools: Pools) -> None:
    async def hang_up(connection: PeerConnection) -> None:
        await connection.read_request()

    async with open_peer(_leave, hang_up) as peer:
        await fetch(pools, peer.endpoint)
        with pytest.raises(ConnectionLost):
            await fetch(pools, peer.endpoint)
        assert (peer.accepted, pools.idle) == (2, 0)


async def test_it_is_not_sent_again_once_a_byte_has_come_back(pools: Pools) -> None:
    async def stutter(connection: PeerConnection) -> None:
        await _leave(connection)
        await connection.say(b"H")

    async with open_peer(stutter, answering(OK)) as peer:
        await fetch(pools, peer.endpoint)
        with pytest.raises(ConnectionLost):
            await fetch(pools, peer.endpoint)
        assert peer.accepted == 1


async def test_a_fresh_connection_that_is_lost_is_an_error_at_once(pools: Pools) -> None:
    async def hang_up(connection: PeerConnection) -> None:
        await connection.read_request()

    async with open_peer(hang_up) as peer:
        with pytest.raises(ConnectionLost):
            await fetch(pools, peer.endpoint)
        assert peer.accepted == 1


async def test_idle_connections_are_capped() -> None:
    pools = Pools(connect_timeout=5.0, idle_timeout=5.0, max_idle=2)
    async with open_peer(answering(OK)) as peer, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(fetch, pools, peer.endpoint)
        await until(lambda: (peer.accepted, peer.open, pools.idle) == (5, 2, 2))
        await pools.aclose()


async def test_an_idle_connection_expires_before_the_engine_would_close_it(
    patient_clock: MockClock, pools: Pools
) -> None:
    async with open_peer(answering(OK, OK)) as peer:
        await fetch(pools, peer.endpoint)
        await trio.sleep(2.9)
        await fetch(pools, peer.endpoint)
        assert peer.accepted == 1
        await trio.sleep(3.1)
        await fetch(pools, peer.endpoint)
        assert peer.accepted == 2


async def test_connections_that_nobody_asks_for_are_swept(
    patient_clock: MockClock, pools: Pools
) -> None:
    async with open_peer(answering(OK)) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(pools.run)
        await fetch(pools, peer.endpoint)
        assert pools.idle == 1
        await trio.sleep(6.1)
        assert (pools.idle, peer.open) == (0, 0)
        await fetch(pools, peer.endpoint)
        nursery.cancel_scope.cancel()
    assert pools.idle == 0


async def test_pools_of_endpoints_that_are_gone_are_dropped_and_calls_in_flight_finish(
    pools: Pools,
) -> None:
    async with open_peer(answering(OK, OK)) as one, open_peer(answering(OK)) as other:
        await fetch(pools, one.endpoint)
        await fetch(pools, other.endpoint)
        async with pools.open_call(one.endpoint, GET, header_timeout=None) as response:
            pools.retain([other.endpoint])
            assert await response.receive() == b"ok"
            assert await response.receive() == b""
        assert pools.idle == 1
        await until(lambda: (one.open, other.open) == (0, 1))
        pools.retain([])
        assert pools.idle == 0


async def test_a_refused_connection_says_so(pools: Pools) -> None:
    async with open_peer(answering(OK)) as peer:
        gone = peer.endpoint
    with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1"):
        await fetch(pools, gone)


async def test_descriptors_return_to_where_they_were(pools: Pools) -> None:
    async with open_peer(answering(OK)) as peer:
        before = open_descriptors()
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(fetch, pools, peer.endpoint)
        await pools.aclose()
        await until(lambda: open_descriptors() == before)


@pytest.mark.skipif(not has_ipv6_loopback(), reason="no IPv6 loopback on this machine")
async def test_endpoints_have_ipv6_addresses(pools: Pools) -> None:
    async with open_peer(answering(OK), host="::1") as peer:
        assert await fetch(pools, peer.endpoint) == Answer(200, b"ok")
        assert peer.endpoint.authority.startswith("[::1]:")


async def test_an_address_that_is_none_is_a_failed_connection(pools: Pools) -> None:
    async with open_peer(answering(OK)) as peer:
        endpoint = type(peer.endpoint)(
            uid="u", namespace="", name="", address="127.0.0.1.256.", port=1
        )
    with pytest.raises(ConnectFailed):
        await fetch(pools, endpoint)
