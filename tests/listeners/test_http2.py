from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trio
import trio.testing
from tests.support.apps import hello, streaming
from tests.support.client_end import Client, ClientEnd

from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.http2 import Http2Connection, Start
from kthena_router.listeners.protocols import Terms

CLIENT = ("192.0.2.1", 4711)
SERVER = ("192.0.2.2", 80)
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED_END = b"0\r\n\r\n"


class Served(ClientEnd):
    """A client's end of a connection, and the connection."""

    def __init__(self, client: Client, connection: Http2Connection, terms: Terms) -> None:
        super().__init__(client)
        self.connection = connection
        self.terms = terms
        self.ended = trio.Event()


@asynccontextmanager
async def serving(
    app: ASGIApp, pair: Callable[[], tuple[Any, Any]] = trio.testing.memory_stream_pair
) -> AsyncIterator[Served]:
    near, far = pair()
    terms = Terms()
    connection = Http2Connection(app, terms, far, client=CLIENT, server=SERVER, start=Start())
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
        with suppress(trio.BrokenResourceError):  # the server has closed, and has said so
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
        client = Http2Client(served)
        await become_idle(client)
        await trio.sleep(1)
        stopped = trio.current_time()
        served.connection.stop_when_idle()
        await client.hear(h2.events.ConnectionTerminated)
        await served.ended.wait()
        patience = 1 if become_idle is never_asked else 0  # it may be about to ask
        assert trio.current_time() == stopped + patience


@pytest.mark.parametrize("become_idle", IDLE_ON_HTTP2)
async def test_on_http2_an_idle_connection_is_closed_after_two_minutes(
    autojump_clock: object, become_idle: Callable[[Http2Client], Awaitable[None]]
) -> None:
    async with serving(answered_on_http2) as served:
        began = trio.current_time()
        client = Http2Client(served)
        await become_idle(client)
        goodbye = await client.hear(h2.events.ConnectionTerminated)
        assert isinstance(goodbye, h2.events.ConnectionTerminated)
        assert goodbye.error_code == h2.errors.ErrorCodes.NO_ERROR
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
