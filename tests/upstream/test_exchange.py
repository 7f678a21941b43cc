"""Answers as they come: pieces, ends, early refusals, time limits, and leaving in the middle."""

import gc

import pytest
import trio
from tests.support.http_peer import PeerConnection, answering, open_peer
from tests.support.upstream import Answer, drain, fetch, until
from trio.testing import MockClock, wait_all_tasks_blocked

from kthena_router.errors import (
    BadResponse,
    ConnectionLost,
    ConnectTimeout,
    HeaderTimeout,
    InvalidRequest,
    ResponseCut,
    ResponseStalled,
    UpstreamError,
)
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.connection import Connection
from kthena_router.upstream.dial import Address
from kthena_router.upstream.pools import Pools

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
GET = UpstreamRequest(method=b"GET", target=b"/")


async def test_pieces_arrive_when_they_are_sent_and_the_end_is_clean(pools: Pools) -> None:
    go_on = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        await connection.say(b"3\r\none\r\n")
        await go_on.wait()
        await connection.say(b"3\r\ntwo\r\n0\r\n\r\n")
        await connection.wait_closed()

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        assert (response.status, response.headers) == (200, ((b"transfer-encoding", b"chunked"),))
        assert await response.receive() == b"one"
        go_on.set()
        assert await response.receive() == b"two"
        assert await response.receive() == b""
        assert await response.receive() == b""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 100 C\r\n\r\n" + OK, Answer(200, b"ok")),
        (b"HTTP/1.1 204 N\r\n\r\n", Answer(204, b"")),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", Answer(200, b"to the end")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Answer(200, b"")),
        (CHUNKED + b"0\r\n\r\n", Answer(200, b"")),
        (b"HTTP/1.1 400 B\r\ncontent-length: 1\r\n\r\n!", Answer(400, b"!")),
    ],
)
async def test_answers_of_every_framing(pools: Pools, answer: bytes, expected: Answer) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(answer)

    async with open_peer(script) as peer:
        assert await fetch(pools, peer.endpoint) == expected


async def test_the_answer_to_head_ends_with_its_head(pools: Pools) -> None:
    async with open_peer(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")) as peer:
        assert await fetch(pools, peer.endpoint, method=b"HEAD") == Answer(200, b"")
        assert pools.idle == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\n", ConnectionLost),
        (b"hello\r\n", BadResponse),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", ResponseCut),
        (CHUNKED + b"2\r\nok\r\n", ResponseCut),
        (CHUNKED + b"2\r\nokX", BadResponse),
    ],
)
@pytest.mark.parametrize("rudely", [False, True])
async def test_answers_that_break(
    pools: Pools, answer: bytes, error: type[UpstreamError], rudely: bool
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(answer)
        if rudely:
            connection.reset()

    async with open_peer(script) as peer:
        with pytest.raises(error):
            await fetch(pools, peer.endpoint)
        await until(lambda: peer.open == 0)
        assert pools.idle == 0


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("size", [100_000, 16_000_000])
async def test_an_engine_that_refuses_while_the_body_is_on_its_way_is_heard(
    pools: Pools, size: int, rudely: bool
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_head()
        await connection.say(
            b"HTTP/1.1 413 No\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much"
        )
        if rudely:
            connection.reset()

    async with open_peer(script) as peer:
        assert await fetch(pools, peer.endpoint, b"x" * size) == Answer(413, b"too much")
        assert pools.idle == 0


async def test_an_engine_that_refuses_but_does_not_close_is_heard(pools: Pools) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_head()
        await connection.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wait_all_tasks_blocked()
        await connection.say(b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\nno")
        await trio.sleep_forever()

    async with open_peer(script) as peer:
        assert await fetch(pools, peer.endpoint, b"x" * 16_000_000) == Answer(400, b"no")
        assert pools.idle == 0  # half a request is still in it


async def test_an_early_success_still_gets_the_whole_body(pools: Pools) -> None:
    received = 0

    async def script(connection: PeerConnection) -> None:
        nonlocal received
        await connection.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        received = len(await connection.read_request())
        await connection.say(b"k")
        await connection.wait_closed()

    async with open_peer(script) as peer:
        assert await fetch(pools, peer.endpoint, b"x" * 16_000_000) == Answer(200, b"ok")
        assert received > 16_000_000
        assert pools.idle == 1


async def test_an_engine_that_closes_while_the_body_is_on_its_way_is_lost(pools: Pools) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_head()

    async with open_peer(script) as peer:
        with pytest.raises(ConnectionLost):
            await fetch(pools, peer.endpoint, b"x" * 16_000_000)


async def test_no_connection_in_time(patient_clock: MockClock) -> None:
    async def dial(address: Address) -> Connection:
        await trio.sleep_forever()
        raise AssertionError

    pools = Pools(connect_timeout=5.0, idle_timeout=60.0, dial=dial)
    async with open_peer(answering(OK)) as peer:
        started = trio.current_time()
        with pytest.raises(ConnectTimeout):
            await fetch(pools, peer.endpoint, header_timeout=30.0)
        assert trio.current_time() - started == pytest.approx(5.0)
        with pytest.raises(HeaderTimeout):
            await fetch(pools, peer.endpoint, header_timeout=3.0)
        assert trio.current_time() - started == pytest.approx(8.0)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"])
@pytest.mark.parametrize("size", [3, 16_000_000])
async def test_no_head_in_time(
    patient_clock: MockClock, pools: Pools, beginning: bytes, size: int
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.say(beginning)
        await trio.sleep_forever()

    async with open_peer(script) as peer:
        started = trio.current_time()
        with pytest.raises(HeaderTimeout):
            await fetch(pools, peer.endpoint, b"x" * size, header_timeout=30.0)
        assert trio.current_time() - started == pytest.approx(30.0)
        assert pools.idle == 0


async def test_a_long_answer_is_fine_and_a_stalled_one_is_not(
    patient_clock: MockClock, pools: Pools
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        for _ in range(5):
            await trio.sleep(50.0)
            await connection.say(b"1\r\nx\r\n")
        await trio.sleep_forever()

    async with open_peer(script) as peer:
        started = trio.current_time()
        async with pools.open_call(peer.endpoint, GET, header_timeout=1.0) as response:
            assert [await response.receive() for _ in range(5)] == [b"x"] * 5
            with pytest.raises(ResponseStalled):
                await response.receive()
        assert trio.current_time() - started == pytest.approx(310.0)


async def test_leaving_early_is_seen_by_the_engine_at_once(pools: Pools) -> None:
    seen = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")
        await connection.wait_closed()
        seen.set()

    async with open_peer(script) as peer:
        async with pools.open_call(peer.endpoint, GET, header_timeout=None) as response:
            assert await response.receive() == b"one"
        with trio.fail_after(1):
            await seen.wait()
        assert pools.idle == 0


async def test_leaving_needs_no_waiting_even_when_cancelled(pools: Pools) -> None:
    async with open_peer(answering(CHUNKED + b"3\r\none\r\n")) as peer:
        with trio.CancelScope() as scope:
            async with pools.open_call(peer.endpoint, GET, header_timeout=None) as response:
                await response.receive()
                scope.cancel()
        await until(lambda: peer.open == 0)
        assert not scope.cancelled_caught


async def test_nothing_is_read_ahead_of_a_slow_consumer(pools: Pools) -> None:
    sent = 0

    async def script(connection: PeerConnection) -> None:
        nonlocal sent
        await connection.read_request()
        await connection.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await connection.say(b"x" * 65_536)
            sent += 65_536

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        assert 0 < len(await response.receive()) <= 65_536
        await wait_all_tasks_blocked(0.05)
        stuck = sent  # the kernel's buffers are full
        await wait_all_tasks_blocked(0.05)
        assert sent == stuck
        assert max([len(await response.receive()) for _ in range(100)]) <= 65_536


async def test_pieces_can_be_taken_without_waiting(pools: Pools) -> None:
    go_on = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")
        await go_on.wait()
        await connection.say(b"3\r\ntwo\r\n0\r\n\r\n")
        await connection.wait_closed()

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        assert response.receive_nowait() == b"one"
        assert (response.receive_nowait(), response.complete) == (None, False)
        go_on.set()
        while (piece := response.receive_nowait()) is None:
            await wait_all_tasks_blocked(0.001)
        assert (piece, response.complete) == (b"two", True)
        assert response.receive_nowait() == b""


async def test_a_cut_is_seen_without_waiting(pools: Pools) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")

    async with (
        open_peer(script) as peer,
        pools.open_call(peer.endpoint, GET, header_timeout=None) as response,
    ):
        assert response.receive_nowait() == b"one"
        await wait_all_tasks_blocked(0.01)
        with pytest.raises(ResponseCut):
            response.receive_nowait()


async def test_a_receive_that_was_cancelled_has_lost_nothing(pools: Pools) -> None:
    go_on = trio.Event()

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED)
        await go_on.wait()
        await connection.say(b"3\r\none\r\n0\r\n\r\n")
        await connection.wait_closed()

    async with open_peer(script) as peer:
        async with pools.open_call(peer.endpoint, GET, header_timeout=None) as response:
            with trio.move_on_after(0.01) as scope:
                await response.receive()
            assert scope.cancelled_caught
            go_on.set()
            assert await drain(response) == b"one"
        assert pools.idle == 1


async def test_a_stream_that_never_pauses_leaves_the_others_their_turns(pools: Pools) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000)
        await connection.wait_closed()

    async with open_peer(script) as peer, trio.open_nursery() as nursery:
        async with pools.open_call(peer.endpoint, GET, header_timeout=None) as response:
            await wait_all_tasks_blocked(0.01)
            nursery.start_soon(count)
            for _ in range(20):
                await response.receive()
        assert turns >= 10
        nursery.cancel_scope.cancel()


async def test_a_request_that_cannot_be_sent_touches_no_connection(pools: Pools) -> None:
    async with open_peer(answering(OK, OK)) as peer:
        await fetch(pools, peer.endpoint)
        with pytest.raises(InvalidRequest):
            await fetch(pools, peer.endpoint, method=b"GET / HTTP/1.1\r\n")
        assert (pools.idle, peer.accepted) == (1, 1)


async def test_a_finished_call_leaves_nothing_for_the_cycle_collector(pools: Pools) -> None:
    async with open_peer(answering(*[CHUNKED + b"3\r\none\r\n0\r\n\r\n"] * 60)) as peer:
        await fetch(pools, peer.endpoint)
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                await fetch(pools, peer.endpoint)
            names = [type(thing).__name__ for thing in gc.get_objects()]
        finally:
            gc.enable()
    assert names.count("ResponseParser") <= 2
    assert names.count("UpstreamResponse") <= 2
