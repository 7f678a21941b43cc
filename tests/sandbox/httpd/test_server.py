import pytest
import trio
import trio.testing
from trio.testing import MockClock

from kthena_sandbox.httpd.exchange import CutConnection, Exchange
from kthena_sandbox.httpd.server import Server


async def _echo(exchange: Exchange) -> None:
    request = exchange.request
    said = f"{request.method} {request.path} {sorted(request.query.items())} "
    await exchange.respond(200, said.encode() + request.body, "text/plain")


async def _talk(server: Server, *sent: bytes, half_close: bool = True) -> bytes:
    """Everything that comes back until the server closes."""
    ours, theirs = trio.testing.memory_stream_pair()
    received = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        for part in sent:
            await ours.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        if half_close:
            await ours.send_eof()
        while data := await ours.receive_some():
            received += data
    return received


def _server(**options: float | None) -> Server:
    idle = options.get("idle")
    return Server(_echo, idle_seconds=lambda: idle, wall_clock=lambda: 0.0)


async def test_an_answer() -> None:
    received = await _talk(_server(), b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n")
    assert received == (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-type: text/plain\r\n"
        b"content-length: 20\r\n\r\nGET /a [('b', 'c')] "
    )


async def test_pipelined_requests_are_answered_in_order() -> None:
    both = b"GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n"
    received = await _talk(_server(), both)
    assert received.index(b"GET /1") < received.index(b"GET /2")


async def test_a_body_in_pieces_and_in_chunks() -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    received = await _talk(_server(), head, b"3\r\nab", b"c\r\n0\r\n", b"\r\n")
    assert received.endswith(b"abc")


async def test_a_client_that_waits_for_leave_to_send_its_body() -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    received = await _talk(_server(), head, b"abc")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_connection_close_is_honoured() -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    received = await _talk(_server(), request, half_close=False)
    assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("garbage", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n"])
async def test_what_is_not_http_is_a_400(garbage: bytes) -> None:
    received = await _talk(_server(), garbage, half_close=False)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_the_idle_time_does_not_count_while_a_request_arrives(
    autojump_clock: MockClock,
) -> None:
    server = _server(idle=5.0)
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        await ours.send_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
        await trio.sleep(60)
        await ours.send_all(b"abc")
        answered = trio.current_time()
        received = b""
        while data := await ours.receive_some():
            received += data
        assert received.endswith(b"abc")
        assert trio.current_time() - answered == pytest.approx(5)


async def test_a_handler_that_fails_costs_its_connection_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: Exchange) -> None:
        raise KeyError("ours")

    assert await _talk(Server(fail), b"GET / HTTP/1.1\r\n\r\n", half_close=False) == b""
    assert "a connection ended with an error of ours" in caplog.text


async def test_a_handler_may_cut() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.start(200, "text/plain")
        raise CutConnection

    received = await _talk(Server(cut), b"GET / HTTP/1.1\r\n\r\n", half_close=False)
    assert received.endswith(b"transfer-encoding: chunked\r\n\r\n")


async def test_draining_closes_idle_connections_and_lets_requests_finish(
    autojump_clock: MockClock,
) -> None:
    async def slow(exchange: Exchange) -> None:
        await trio.sleep(3)
        await exchange.respond(200, b"done", "text/plain")

    server = Server(slow)
    idle, _idle = trio.testing.memory_stream_pair()
    busy, _busy = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, _idle)
        nursery.start_soon(server.serve_stream, _busy)
        await busy.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await trio.sleep(1)
        started = trio.current_time()
        await server.drain(10)
        assert trio.current_time() - started == pytest.approx(2)
        assert await idle.receive_some() == b""
        assert bytes(await busy.receive_some()).endswith(b"done")
        assert server.connections == 0


async def test_a_drain_has_an_end(autojump_clock: MockClock) -> None:
    async def never(_: Exchange) -> None:
        await trio.sleep_forever()

    server = Server(never)
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await trio.sleep(1)
        await server.drain(2)
        assert trio.current_time() == pytest.approx(3, abs=0.1)
        nursery.cancel_scope.cancel()
