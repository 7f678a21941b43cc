from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trio
import trio.testing

from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.connection import Connection
from kthena_router.listeners.protocols import Terms

CLIENT = ("192.0.2.1", 4711)
SERVER = ("192.0.2.2", 80)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED_END = b"0\r\n\r\n"

Client = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]


class Served:
    """A client's end of a connection, and the connection."""

    def __init__(self, client: Client, connection: Connection, terms: Terms) -> None:
        self.client = client
        self.connection = connection
        self.terms = terms
        self.ended = trio.Event()

    async def say(self, data: bytes) -> None:
        await self.client.send_all(data)

    async def hear_to_the_end(self) -> bytes:
        heard = b""
        while piece := await self.client.receive_some(65536):
            heard += bytes(piece)
        return heard

    async def hear_until(self, ending: bytes) -> bytes:
        heard = b""
        while not heard.endswith(ending):
            piece = await self.client.receive_some(65536)
            assert piece, f"ended after {heard!r}"
            heard += bytes(piece)
        return heard


@asynccontextmanager
async def serving(
    app: ASGIApp, pair: Callable[[], tuple[Any, Any]] = trio.testing.memory_stream_pair
) -> AsyncIterator[Served]:
    near, far = pair()
    terms = Terms()
    connection = Connection(app, terms, far, client=CLIENT, server=SERVER)
    served = Served(near, connection, terms)

    async def run() -> None:
        await connection.run()
        served.ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield served
        with trio.fail_after(1000):
            await near.aclose()
            await served.ended.wait()


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"hello")


def streaming(
    pieces: int, pause: float, after: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(pieces):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            await trio.sleep(pause)
        await after()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


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
        for _ in range(3):
            await served.hear_until(b"hello")


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


async def test_a_head_that_drips_is_cut_after_20_seconds(autojump_clock: object) -> None:
    async with serving(hello) as served, trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in GET:
                try:
                    await served.say(bytes([byte]))
                except trio.BrokenResourceError:
                    return
                await trio.sleep(5)

        nursery.start_soon(drip)
        assert await served.hear_to_the_end() == b""
        assert trio.current_time() == pytest.approx(20)


async def test_a_body_that_drips_is_the_applications_business(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async with serving(app) as served:
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
        assert 10 <= taken <= 12


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
        await served.hear_until(b"\r\n\r\n")
        with trio.fail_after(6):
            await served.ended.wait()


async def test_malformed_requests_get_400(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n")
        answer = await served.hear_to_the_end()
    assert answer.startswith(b"HTTP/1.1 400 ")


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


async def test_websockets_are_refused(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = await served.hear_until(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_an_upgrade_to_http2_is_answered_in_http1(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n"
            b"upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"
        )
        assert (await served.hear_until(b"hello")).startswith(b"HTTP/1.1 200 ")


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
        await served.terms.end()
        served.connection.stop_when_idle()
        answer = await served.hear_to_the_end()
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"hello")


async def test_stopping_leaves_a_new_client_a_second_for_its_request(
    autojump_clock: object,
) -> None:
    async with serving(hello) as served:
        await served.terms.end()
        served.connection.stop_when_idle()
        await trio.sleep(0.9)
        await served.say(GET)
        assert (await served.hear_to_the_end()).endswith(b"hello")


def sockets() -> tuple[trio.SocketStream, trio.SocketStream]:
    near, far = trio.socket.socketpair()
    return trio.SocketStream(near), trio.SocketStream(far)


@pytest.mark.parametrize("attempt", range(40))
async def test_stopping_while_a_request_arrives_answers_it_or_closes_without_a_word(
    attempt: int,
) -> None:
    asked = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await trio.lowlevel.checkpoint()
        await hello(scope, receive, send)

    async with serving(app, sockets) as served:
        await served.say(GET)
        await served.hear_until(b"hello")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(served.say, GET)
            for _ in range(attempt % 4):
                await trio.lowlevel.checkpoint()
            served.connection.stop_when_idle()
        answer = await served.hear_to_the_end()
    assert answer.endswith(b"hello") if asked == 2 else not answer


class Http2Client:
    """The least that speaks HTTP/2 with prior knowledge."""

    def __init__(self, served: Served) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._served = served
        self.events: list[h2.events.Event] = []
        self.h2.initiate_connection()

    async def ask(self, stream: int, method: str = "GET", *, end: bool = True) -> None:
        head = [(":method", method), (":path", "/"), (":scheme", "http"), (":authority", "a")]
        self.h2.send_headers(stream, head, end_stream=end)
        await self.flush()

    async def flush(self) -> None:
        await self._served.say(self.h2.data_to_send())

    async def hear(self, kind: type[h2.events.Event]) -> h2.events.Event:
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    self.events.remove(event)
                    return event
            data = bytes(await self._served.client.receive_some(65536))
            assert data, f"no {kind} before the end"
            self.events += [
                event
                for event in self.h2.receive_data(data)
                if not isinstance(event, h2.events.WindowUpdated)
            ]
            await self.flush()


async def test_http2_is_spoken_with_clients_that_know_it(autojump_clock: object) -> None:
    async with serving(hello) as served:
        client = Http2Client(served)
        await client.ask(1)
        data = await client.hear(h2.events.DataReceived)
        assert isinstance(data, h2.events.DataReceived)
        assert data.data == b"hello"


async def never_asked(client: Http2Client) -> None:
    await client.flush()
    await client.hear(h2.events.RemoteSettingsChanged)


async def was_answered(client: Http2Client) -> None:
    await client.ask(1)
    await client.hear(h2.events.StreamEnded)


async def gave_up(client: Http2Client) -> None:
    await client.ask(1, "POST", end=False)
    await client.hear(h2.events.ResponseReceived)
    client.h2.reset_stream(1)
    await client.flush()


async def gave_up_before_an_answer(client: Http2Client) -> None:
    await client.ask(1, "DELETE")
    client.h2.reset_stream(1)
    await client.flush()


IDLE_ON_HTTP2 = [never_asked, was_answered, gave_up, gave_up_before_an_answer]


async def answered_on_http2(scope: Scope, receive: Receive, send: Send) -> None:
    """GET is answered at once, POST without an end, DELETE not at all, until the client gives up."""
    if scope["method"] == "GET":
        await hello(scope, receive, send)
        return
    if scope["method"] == "POST":
        await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("become_idle", IDLE_ON_HTTP2)
async def test_on_http2_stopping_closes_an_idle_connection(
    autojump_clock: object, become_idle: Callable[[Http2Client], Awaitable[None]]
) -> None:
    async with serving(answered_on_http2) as served:
        await become_idle(Http2Client(served))
        await trio.sleep(1)
        stopped = trio.current_time()
        served.connection.stop_when_idle()
        await served.ended.wait()
        assert trio.current_time() == stopped


@pytest.mark.parametrize("become_idle", IDLE_ON_HTTP2)
async def test_on_http2_an_idle_connection_is_closed_after_two_minutes(
    autojump_clock: object, become_idle: Callable[[Http2Client], Awaitable[None]]
) -> None:
    async with serving(answered_on_http2) as served:
        began = trio.current_time()
        await become_idle(Http2Client(served))
        await served.ended.wait()
        assert trio.current_time() == began + 120


async def test_on_http2_an_application_that_stops_in_mid_answer_resets_its_stream_only(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await hello(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})

    async with serving(app) as served:
        client = Http2Client(served)
        await client.ask(1, "DELETE")
        data = await client.hear(h2.events.DataReceived)
        assert isinstance(data, h2.events.DataReceived)
        assert data.data == b"abc"
        reset = await client.hear(h2.events.StreamReset)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        await client.ask(3)
        await client.hear(h2.events.StreamEnded)


async def test_on_http2_a_body_that_nobody_reads_harms_no_other_stream(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 413 if scope["method"] == "POST" else 200, b"answer")

    async with serving(app) as served:
        client = Http2Client(served)
        await client.ask(1, "POST", end=False)
        client.h2.send_data(1, b"x" * 10_000)
        await client.flush()
        client.h2.send_data(1, b"x" * 10_000)  # crosses the answer on its way
        data = client.h2.data_to_send()
        reset = await client.hear(h2.events.StreamReset)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == h2.errors.ErrorCodes.NO_ERROR
        await served.say(data)
        await client.ask(3)
        await client.hear(h2.events.StreamEnded)


async def test_on_http2_connection_headers_of_an_application_are_left_out(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"fine", [(b"connection", b"close"), (b"keep-alive", b"1")])

    async with serving(app) as served:
        client = Http2Client(served)
        await client.ask(1)
        await client.hear(h2.events.StreamEnded)


async def test_on_http2_stopping_finishes_the_streams_and_says_goodbye(
    autojump_clock: object,
) -> None:
    async with serving(streaming(pieces=3, pause=5.0)) as served:
        client = Http2Client(served)
        await client.ask(1)
        await client.hear(h2.events.ResponseReceived)
        await served.terms.end()
        served.connection.stop_when_idle()
        await client.hear(h2.events.StreamEnded)
        await client.hear(h2.events.ConnectionTerminated)
        with trio.fail_after(3):
            await served.ended.wait()
