"""Limits on size and time, and what a client is told when one is reached."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from tests.support.direct import DirectCall
from tests.support.house import House, open_house
from tests.support.http_peer import PeerConnection, open_peer
from trio.testing import MockClock

from kthena_router.errors import RequestTimeout
from kthena_router.listeners.asgi import Message, Scope
from kthena_router.proxy.app import RouterApp
from kthena_router.proxy.reading import BODY_PIECE_SECONDS, read_body, read_head


def direct(
    house: House, *pieces: bytes, ends: bool = True, length: int | None = None
) -> DirectCall:
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    app = RouterApp(8080, house.services, default=True)
    return DirectCall(app, pieces, ends=ends, headers=headers)


async def silent(connection: PeerConnection) -> None:
    await connection.read_request()
    await connection.wait_closed()


async def test_length_that_is_too_large_is_refused_before_the_body() -> None:
    async with open_house(0, max_request_body=100) as house:
        call = direct(house, ends=False, length=101)

        await call.run()

        assert 413 == call.status
        assert b'"code":"request_too_large"' in call.body
        assert b"larger than the 100 bytes" in call.body
        assert 1.0 == house.metric(
            "requests_total", model="unknown", status_code="413", error_type="request_parsing"
        )


async def test_body_without_a_length_is_refused_where_it_becomes_too_large() -> None:
    async with open_house(0, max_request_body=100) as house:
        call = direct(house, b"x" * 60, b"x" * 41, ends=False)

        await call.run()

        assert 413 == call.status


@pytest.mark.parametrize("length", [b"9" * 5000, b"1000000000000000"])
async def test_length_beyond_all_numbers_is_too_large(length: bytes) -> None:
    async with open_house(0) as house:
        app = RouterApp(8080, house.services, default=True)
        call = DirectCall(app, [], ends=False, headers=[(b"content-length", length)])

        await call.run()

        assert 413 == call.status


async def test_body_of_exactly_the_limit_is_taken() -> None:
    body = b'{"model":"nobody"}'
    async with open_house(0, max_request_body=len(body)) as house:
        call = direct(house, body[:5], body[5:], length=len(body))

        await call.run()

        assert 404 == call.status


async def test_body_that_does_not_come_is_408(autojump_clock: MockClock) -> None:
    async with open_house(0) as house:
        call = direct(house, b'{"mod', ends=False, length=100)
        began = trio.current_time()

        await call.run()

        assert 60.0 == trio.current_time() - began
        assert 408 == call.status
        assert b'"code":"request_timeout"' in call.body
        assert b"no byte of the request body came for 60 s" in call.body
        assert 1.0 == house.metric(
            "requests_total", model="unknown", status_code="408", error_type="request_parsing"
        )


def scope_of_a_request() -> Scope:
    return {"method": "POST", "http_version": "1.1", "path": "/v1/x", "headers": []}


async def test_body_may_come_slowly(autojump_clock: MockClock) -> None:
    pieces = [b"a", b"b", b"c"]

    async def receive() -> Message:
        await trio.sleep(BODY_PIECE_SECONDS - 1)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    assert b"abc" == await read_body(receive, read_head(scope_of_a_request()), 3, timed=True)


async def test_body_that_stops_after_a_piece_has_its_time_anew(autojump_clock: MockClock) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"a", "more_body": True}]

    async def receive() -> Message:
        if messages:
            await trio.sleep(BODY_PIECE_SECONDS - 1)
            return messages.pop()
        return await trio.sleep_forever()

    with pytest.raises(RequestTimeout):
        await read_body(receive, read_head(scope_of_a_request()), 3, timed=True)
    assert 2 * BODY_PIECE_SECONDS - 1 == trio.current_time()


async def test_every_attempt_has_the_time_limit_of_the_backend_and_the_last_one_is_504(
    patient_clock: trio.testing.MockClock,
) -> None:
    async with open_house(0) as house, open_peer(silent) as peer:
        house.serve([peer.endpoint.port] * 3, trafficPolicy={"timeout": "100ms"})
        began = trio.current_time()

        answer = await house.post()

        assert 504 == answer.status_code
        assert "upstream_timeout" == answer.json()["error"]["code"]
        assert (
            "request to all pods failed (3 tried): the last one did not answer in time"
            in (answer.json()["error"]["message"])
        )
        assert 0.3 <= trio.current_time() - began < 2
        assert 3 == peer.accepted
        assert "error=proxy:request to all pods failed (3 tried)" in await house.logged()


async def test_endpoint_that_is_too_slow_is_replaced(
    patient_clock: trio.testing.MockClock,
) -> None:
    async with open_house() as house, open_peer(silent) as peer:
        ports = [peer.endpoint.port, house.engines[0].state.address.port]
        house.serve(ports, trafficPolicy={"timeout": "200ms"})

        answer = await house.post()

        assert 200 == answer.status_code
        assert "upstream_attempts=2" in await house.logged()


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that Linux leaves further ones without an answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_endpoint_that_cannot_be_connected_to_in_time_is_504() -> None:
    with full_port() as port:
        async with open_house(0, connect_timeout=0.1) as house:
            house.serve([port])

            answer = await house.post()

            assert 504 == answer.status_code
            assert "took too long to connect to" in answer.json()["error"]["message"]
            assert f"no connection to 127.0.0.1:{port} within 0.1 s" in await house.logged()


async def test_clients_are_not_told_addresses_but_the_log_is() -> None:
    async with open_house(0) as house, open_peer(silent) as peer:
        port = peer.endpoint.port
        peer.scripts[:] = [refuse]
        house.serve([port])

        answer = await house.post()

        assert 502 == answer.status_code
        assert "127.0.0.1" not in answer.text
        assert "broke the connection before it answered" in answer.json()["error"]["message"]
        assert "before it answered" in await house.logged()


async def refuse(connection: PeerConnection) -> None:
    await connection.read_head()
    connection.reset()


async def test_at_most_five_endpoints_are_tried() -> None:
    async with open_house(0) as house, open_peer(refuse) as peer:
        house.serve([peer.endpoint.port] * 7)

        answer = await house.post()

        assert 502 == answer.status_code
        assert "(5 tried)" in answer.json()["error"]["message"]
        assert 5 == peer.accepted
