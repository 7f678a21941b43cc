"""Bodies that are pumped: handed over as they come, without a turn of the scheduler for each piece."""

from collections.abc import AsyncIterator

import pytest
import trio
from tests.support.http_peer import PeerConnection, open_peer
from trio.testing import MockClock, wait_all_tasks_blocked

from kthena_router.concurrency.readiness import Readiness
from kthena_router.errors import ResponseCut, ResponseStalled
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.pools import Pools

GET = UpstreamRequest(method=b"GET", target=b"/")
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def pools(readiness: Readiness, nursery: trio.Nursery) -> AsyncIterator[Pools]:
    pools = Pools(connect_timeout=5.0, idle_timeout=60.0, readiness=readiness)
    nursery.start_soon(pools.run)
    yield pools
    nursery.cancel_scope.cancel()
    await pools.aclose()


async def test_pieces_are_handed_over_until_the_end(pools: Pools, readiness: Readiness) -> None:
    taken: list[bytes] = []
    first_is_here = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")
        await first_is_here.wait()
        await connection.say(b"3\r\ntwo\r\n")
        await connection.say(b"5\r\nthree\r\n0\r\n\r\n")
        await connection.wait_closed()

    def deliver(piece: bytes) -> bool:
        taken.append(piece)
        first_is_here.set()
        return True

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        assert await response.pump(deliver)
        assert b"onetwothree" == b"".join(taken)
        assert response.leaves_connection_usable
    assert 1 == pools.idle
    await pools.aclose()
    assert 0 == len(readiness)


async def test_no_more_is_read_while_there_is_no_room(pools: Pools, readiness: Readiness) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")
        await connection.say(b"3\r\ntwo\r\n0\r\n\r\n")
        await connection.wait_closed()

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        taken: list[bytes] = []

        def refuse(piece: bytes) -> bool:
            taken.append(piece)
            return False

        while not response.complete:
            assert not await response.pump(refuse)
        assert b"onetwo" == b"".join(taken)
        assert await response.pump(refuse)


async def test_silence_counts_from_the_last_piece(
    pools: Pools, readiness: Readiness, patient_clock: MockClock
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        for _ in range(3):
            await trio.sleep(20)
            await connection.say(b"1\r\nx\r\n")
        await connection.wait_closed()

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        began = trio.current_time()
        taken: list[bytes] = []

        def deliver(piece: bytes) -> bool:
            taken.append(piece)
            return True

        with pytest.raises(ResponseStalled, match="sent nothing for 60 s"):
            await response.pump(deliver)
        assert b"xxx" == b"".join(taken)
        assert 120 <= trio.current_time() - began < 122


async def test_cut_and_failure_reach_the_task_that_pumps(
    pools: Pools, readiness: Readiness
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        await connection.say(b"3\r\none\r\n")

    def fail(piece: bytes) -> bool:
        raise ValueError(piece)

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        with pytest.raises(ValueError, match="one"):
            await response.pump(fail)
        with pytest.raises(ResponseCut):
            await response.pump(lambda _: True)
    assert 0 == len(readiness)


async def test_leaving_stops_the_pump_and_the_engine_sees_it(
    pools: Pools, readiness: Readiness, nursery: trio.Nursery
) -> None:
    closed = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        await connection.wait_closed()
        closed.set()

    async with open_peer(script) as peer:
        with trio.CancelScope() as scope:
            async with pools.open_call(peer.endpoint, GET, header_timeout=None) as response:
                nursery.start_soon(_cancel_when_blocked, scope)
                await response.pump(lambda _: True)
        await closed.wait()
    assert 0 == len(readiness)


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await wait_all_tasks_blocked()
    scope.cancel()
