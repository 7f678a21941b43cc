"""One client's HTTP/1.1 connection, over memory streams on virtual time; `test_server` has it on real sockets."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from tests.support.apps import hello, streaming
from tests.support.client_end import Client, ClientEnd

from kthena_router.errors import RouterError
from kthena_router.listeners.asgi import DIRECT_CLIENT, ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.http1 import Http1Connection
from kthena_router.listeners.http1_call import Terms
from kthena_router.listeners.transports import StreamTransport
from kthena_router.settings import ClientLimits

CLIENT = ("192.0.2.1", 4711)
SERVER = ("192.0.2.2", 80)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED_END = b"0\r\n\r\n"


class Served(ClientEnd):
    """A client's end of a connection, and the connection."""

    def __init__(self, client: Client, connection: Http1Connection) -> None:
        super().__init__(client)
        self.connection = connection
        self.ended = trio.Event()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    pair: Callable[[], tuple[Any, Any]] = trio.testing.memory_stream_pair,
    **limits: Any,
) -> AsyncIterator[Served]:
    near, far = pair()
    transport = StreamTransport(far, stall_seconds=60)
    connection = Http1Connection(
        app,
        Terms(lambda: b"date: Mon, 27 Jul 2009 12:28:53 GMT\r\n", ClientLimits(**limits)),
        transport,
        client=CLIENT,
        server=SERVER,
        secure=False,
    )
    served = Served(near, connection)

    async def run() -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(transport.run)
            await connection.run()
            inner.cancel_scope.cancel()
        await trio.aclose_forcefully(far)
        served.ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield served
        with trio.fail_after(1000):
            await near.aclose()
            await served.ended.wait()


async def test_an_application_is_told_who_asks_for_what(autojump_clock: object) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async with serving(app) as served:
        await served.say(b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
        await served.hear_until(b"hello")
    [scope] = scopes
    assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/v1/chat", b"x=1")
    assert (scope["client"], scope["server"], scope["scheme"]) == (CLIENT, SERVER, "http")


async def test_an_answer_has_one_date_and_no_server_header(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"", [(b"date", b"yesterday"), (b"x-engine", b"1")])

    async with serving(app) as served:
        await served.say(GET)
        answer = await served.hear_until(b"\r\n\r\n")
    assert answer.count(b"\r\ndate: ") == 1
    assert b"yesterday" not in answer
    assert b"server:" not in answer
    assert b"\r\nx-engine: 1\r\n" in answer


async def test_a_stream_lasts_longer_than_any_limit_on_silent_clients(
    autojump_clock: object,
) -> None:
    async with serving(streaming(pieces=10, pause=500.0)) as served:
        await served.say(GET)
        answer = await served.hear_until(CHUNKED_END)
    assert answer.endswith(b"1\r\n8\r\n1\r\n9\r\n0\r\n\r\n")
    assert trio.current_time() >= 5000


async def test_a_connection_is_used_again(autojump_clock: object) -> None:
    async with serving(hello) as served:
        for _ in range(3):
            await served.say(GET)
            assert b"connection: close" not in await served.hear_until(b"hello")
        assert not served.ended.is_set()


async def test_requests_sent_ahead_are_answered_in_turn(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(GET * 3)
        heard = b""
        while heard.count(b"hello") < 3:
            heard += await served.hear_until(b"hello")


async def test_a_client_that_leaves_is_noticed_at_once(autojump_clock: object) -> None:
    noticed: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        noticed.append(trio.current_time())

    async with serving(app) as served:
        await served.say(GET)
        await trio.sleep(3)
        left = trio.current_time()
        await served.client.aclose()
        await served.ended.wait()
    assert noticed == [left]


async def test_a_client_that_left_with_a_request_sent_ahead_leaves_nothing_behind(
    autojump_clock: object,
) -> None:
    async with serving(streaming(pieces=5, pause=1.0)) as served:
        await served.say(GET * 2)
        await trio.sleep(1.5)
        await served.client.aclose()
        with trio.fail_after(10):
            await served.ended.wait()


async def test_a_client_that_closes_an_idle_connection_frees_it_at_once(
    autojump_clock: object,
) -> None:
    async with serving(hello) as served:
        await served.say(GET)
        await served.hear_until(b"hello")
        closed = trio.current_time()
        await served.client.aclose()
        await served.ended.wait()
        assert trio.current_time() == closed


async def test_an_idle_connection_is_closed_after_two_minutes(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(GET)
        await served.hear_until(b"hello")
        answered = trio.current_time()
        assert await served.hear_to_the_end() == b""
        assert trio.current_time() - answered == pytest.approx(120)


async def test_a_head_that_drips_gets_408_after_20_seconds(autojump_clock: object) -> None:
    async with serving(hello) as served, trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in GET:
                try:
                    await served.say(bytes([byte]))
                except trio.BrokenResourceError:
                    return
                await trio.sleep(5)

        nursery.start_soon(drip)
        answer = await served.hear_to_the_end()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer
        assert trio.current_time() == pytest.approx(20)


async def test_a_body_that_does_not_come_in_time_is_told_to_the_application(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while (await receive()).get("more_body"):
                pass
        except RouterError as error:
            await respond(send, error.status, b"too late")

    async with serving(app, body_timeout=30) as served:
        await served.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na")
        await trio.sleep(20)
        await served.say(b"b")
        answer = await served.hear_to_the_end()
        assert 30 <= trio.current_time() <= 32
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_drips_is_the_applications_business(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async with serving(app, body_timeout=700) as served:
        await served.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n")
        for byte in (b"a", b"b", b"c"):
            await trio.sleep(200)
            await served.say(byte)
        await served.hear_until(b"hello")


async def test_a_client_that_waits_for_100_continue_gets_it(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        more = True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        await respond(send, 200, b"%d bytes" % size)

    async with serving(app) as served:
        await served.say(
            b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n"
        )
        assert (await served.hear_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await served.say(b"x" * 1_000_000)
        await served.hear_until(b"1000000 bytes")


async def test_an_early_answer_arrives_although_nobody_reads_the_body(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(1)  # until the queue of pieces is full
        await respond(send, 413, b"too large")

    async with serving(app) as served, trio.open_nursery() as nursery:
        head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n"
        nursery.start_soon(served.say, head + b"x" * 10_000_000)
        answer = await served.hear_to_the_end()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"too large")


async def test_pieces_of_a_body_that_nobody_reads_are_not_piled_up(autojump_clock: object) -> None:
    async with serving(streaming(pieces=1, pause=100), trio.testing.lockstep_stream_pair) as served:
        await served.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n")
        taken = 0
        with trio.move_on_after(10):
            while True:
                await served.say(b"x" * 65536)
                taken += 1
        assert 1 <= taken <= 3


async def test_an_answer_with_connection_close_closes(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"bye", [(b"connection", b"close")])

    async with serving(app) as served:
        await served.say(GET)
        answer = await served.hear_to_the_end()
    assert answer.endswith(b"bye")


async def test_an_application_that_stops_in_mid_answer_cuts_the_connection(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})

    async with serving(app) as served:
        await served.say(GET)
        answer = await served.hear_to_the_end()
    assert answer.endswith(b"3\r\nabc\r\n")
    assert caplog.records == []


async def test_an_application_that_fails_in_mid_answer_is_logged_once_and_cut(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async with serving(streaming(1, 0, fail)) as served:
        await served.say(GET)
        answer = await served.hear_to_the_end()
    assert answer.endswith(b"1\r\n0\r\n")
    [record] = caplog.records
    assert record.getMessage() == "the request GET / failed"
    assert record.exc_info is not None


async def test_an_application_that_fails_before_its_answer_gets_500_sent(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no")

    async with serving(app) as served:
        await served.say(GET)
        answer = await served.hear_until(b"}}")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b'"code":"internal_error"' in answer
    assert len(caplog.records) == 1


async def test_a_send_that_is_cancelled_ends_the_connection_with_it(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with trio.move_on_after(5):
            await send({"type": "http.response.body", "body": b"never read", "more_body": False})

    async with serving(app, trio.testing.lockstep_stream_pair) as served:
        await served.say(GET)
        await served.client.receive_some(10)
        with trio.fail_after(6):
            await served.ended.wait()


async def test_malformed_requests_get_400_in_the_shape_of_openai(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n")
        answer = await served.hear_to_the_end()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert b'"type":"invalid_request_error"' in answer


async def test_a_head_of_60_kilobytes_is_taken(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(b"GET / HTTP/1.1\r\nhost: a\r\nauthorization: " + b"x" * 60_000)
        await trio.sleep(1)
        await served.say(b"\r\n\r\n")
        assert (await served.hear_until(b"hello")).startswith(b"HTTP/1.1 200 ")


async def test_a_head_of_70_kilobytes_gets_431(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(b"GET / HTTP/1.1\r\nhost: a\r\nauthorization: " + b"x" * 70_000)
        assert (await served.hear_to_the_end()).startswith(b"HTTP/1.1 431 ")


async def test_stopping_closes_an_idle_connection_at_once(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(GET)
        await served.hear_until(b"hello")
        stopped = trio.current_time()
        served.connection.stop_when_idle()
        await served.ended.wait()
        assert trio.current_time() == stopped


async def test_stopping_lets_an_answer_finish_and_announces_the_end(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(10)
        await hello(scope, receive, send)

    async with serving(app) as served:
        await served.say(GET)
        await trio.sleep(1)
        served.connection.stop_when_idle()
        answer = await served.hear_to_the_end()
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"hello")


async def test_stopping_leaves_a_new_client_a_second_for_its_request(
    autojump_clock: object,
) -> None:
    async with serving(hello) as served:
        served.connection.stop_when_idle()
        await trio.sleep(0.9)
        await served.say(GET)
        assert (await served.hear_to_the_end()).endswith(b"hello")


async def test_an_answer_to_head_has_no_body(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + GET)
        answer = await served.hear_until(b"hello")
    assert answer.count(b"hello") == 1
    assert answer.count(b"content-length: 5\r\n") == 2


async def test_http_1_0_is_answered_and_closed(autojump_clock: object) -> None:
    async with serving(streaming(pieces=2, pause=0)) as served:
        await served.say(b"GET / HTTP/1.0\r\n\r\n")
        answer = await served.hear_to_the_end()
    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"connection: close\r\n\r\n01")


async def test_a_chunked_upload_arrives_and_the_next_request_is_found(
    autojump_clock: object,
) -> None:
    bodies: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        bodies.append(body)
        await hello(scope, receive, send)

    async with serving(app) as served:
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        await served.say(head + b"3\r\none\r\n5;x=y\r\nthree\r\n0\r\nx-t: 1\r\n\r\n" + GET)
        heard = b""
        while heard.count(b"hello") < 2:
            heard += await served.hear_until(b"hello")
    assert bodies == [b"onethree", b""]


async def test_a_body_that_turns_out_malformed_is_told_to_the_application(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while (await receive()).get("more_body"):
                pass
        except RouterError as error:
            await respond(send, error.status, b"refused")

    async with serving(app) as served:
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        await served.say(head + b"3\r\none\r\nxyz\r\n")
        answer = await served.hear_to_the_end()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"refused")


async def test_the_last_request_of_a_connection_is_announced(autojump_clock: object) -> None:
    async with serving(hello, requests_per_connection=2) as served:
        await served.say(GET)
        assert b"connection: close" not in await served.hear_until(b"hello")
        await served.say(GET)
        assert b"\r\nconnection: close\r\n" in await served.hear_to_the_end()


@pytest.mark.parametrize("length", [b"3", b"7"])
async def test_an_answer_whose_length_does_not_match_is_cut(
    autojump_clock: object, caplog: pytest.LogCaptureFixture, length: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    async with serving(app) as served:
        await served.say(GET)
        assert (await served.hear_to_the_end()).startswith(b"HTTP/1.1 500 ")
    [record] = caplog.records
    assert record.exc_info is not None


async def test_who_asks_for_it_is_cancelled_when_the_client_leaves(autojump_clock: object) -> None:
    ended: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][DIRECT_CLIENT].cancel_when_it_leaves()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with serving(app) as served:
        await served.say(GET)
        await trio.sleep(3)
        await served.client.aclose()
        await served.ended.wait()
    assert ended == [3]


async def test_a_client_that_takes_nothing_is_cut_after_the_stall_time(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(OSError, match="takes no bytes"):
            await respond(send, 200, b"x" * 100)

    async with serving(app, trio.testing.lockstep_stream_pair) as served:
        await served.say(GET)
        await served.ended.wait()
        assert trio.current_time() == 60


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_an_endless_answer_leaves_the_others_their_turns(method: bytes) -> None:
    """On real time: a loop without a turn for others would never let the deadline pass."""

    class Greedy:
        """Takes whatever it is given at once."""

        on_leave = expired = None

        async def receive(self, patience: float = 0) -> bytes:
            return method + b" / HTTP/1.1\r\nhost: a\r\n\r\n"

        def send_nowait(self, data: bytes) -> int:
            return len(data)

        def abort(self) -> None:
            pass

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    transport: Any = Greedy()
    terms = Terms(lambda: b"", ClientLimits())
    connection = Http1Connection(app, terms, transport, client=CLIENT, server=SERVER, secure=False)
    with trio.move_on_after(0.05) as scope:
        await connection.run()
    assert scope.cancelled_caught
