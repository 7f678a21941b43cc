"""Our HTTP/1.1 connection on memory streams and virtual time: refusals, framing, lengths, bodies nobody reads, and order."""

from typing import Any

import pytest
import trio
import trio.testing
from tests.listeners.test_http1 import GET, serving
from tests.support.apps import hello, streaming

from kthena_router.listeners.asgi import ASGIApp, ClientLeft, Message, Receive, Scope, Send, respond

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n"
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
INTERNAL_ERROR = (
    b'{"error":{"message":"internal error","type":"server_error","param":null,'
    b'"code":"internal_error"}}'
)


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise EOFError
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, await body_of(receive))


def parts(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return status line, other header lines without the date, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, [line for line in lines if not line.startswith(b"date: ")], body


async def ask(app: ASGIApp, request: bytes, **limits: Any) -> bytes:
    """Return all that is heard until the connection closes by itself."""
    async with serving(app, **limits) as served:
        await served.say(request)
        return await served.hear_to_the_end()


async def test_a_whole_answer_gets_its_length_and_leaves_in_one_send(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"X-Engine", b"1")]})
        await trio.sleep(1)
        await send(piece(b"hello", more=False))

    async with serving(app, pair=trio.testing.lockstep_stream_pair) as served:
        await served.say(GET)
        assert parts(bytes(await served.client.receive_some())) == (
            b"HTTP/1.1 200 OK",
            [b"x-engine: 1", b"content-length: 5"],
            b"hello",
        )


async def test_an_empty_first_piece_sends_the_head_alone(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(piece(b""))
        await trio.sleep(10)
        await send(piece(b"late", more=False))

    async with serving(app) as served:
        await served.say(GET)
        head = await served.hear_until(b"\r\n\r\n")
        assert parts(head) == (b"HTTP/1.1 200 OK", [b"transfer-encoding: chunked"], b"")
        assert trio.current_time() == 0
        assert await served.hear_until(b"0\r\n\r\n") == b"4\r\nlate\r\n0\r\n\r\n"


async def test_the_head_of_a_second_request_has_its_own_time(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(GET + GET[:4])
        await served.hear_until(b"hello")
        await trio.sleep(19)
        await served.say(GET[4:])
        await served.hear_until(b"hello")
        await trio.sleep(119)
        await served.say(GET)
        await served.hear_until(b"hello")


async def test_bytes_that_are_no_request_get_an_error_in_openais_shape(
    autojump_clock: object,
) -> None:
    status, lines, body = parts(await ask(hello, b"GET / HTTP/1.1\r\nhost : a\r\n\r\n"))
    assert status == b"HTTP/1.1 400 Bad Request"
    assert lines == [
        b"content-type: application/json",
        b"content-length: 111",
        b"connection: close",
    ]
    assert body == (
        b'{"error":{"message":"malformed header","type":"invalid_request_error",'
        b'"param":null,"code":"malformed_request"}}'
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", b"HTTP/1.1 414 "),
        (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"HTTP/1.1 431 "),
        (POST + b"transfer-encoding: xchunked\r\n\r\n", b"HTTP/1.1 501 "),
        (b"GET / HTTP/3.0\r\nhost: a\r\n\r\n", b"HTTP/1.1 505 "),
    ],
)
async def test_each_refusal_has_its_status(
    autojump_clock: object, request_bytes: bytes, status: bytes
) -> None:
    assert (await ask(hello, request_bytes)).startswith(status)


async def test_a_bad_request_sent_ahead_is_refused_after_the_good_one(
    autojump_clock: object,
) -> None:
    answer = await ask(hello, GET + b"BAD\r\n\r\n" + GET)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.index(b"hello") < answer.index(b"HTTP/1.1 400 ")


async def test_the_answer_to_head_has_no_body_and_the_connection_goes_on(
    autojump_clock: object,
) -> None:
    async with serving(hello) as served:
        await served.say(HEAD)
        assert parts(await served.hear_until(b"\r\n\r\n")) == (
            b"HTTP/1.1 200 OK",
            [b"content-length: 5"],
            b"",
        )
        await served.say(GET)
        await served.hear_until(b"hello")


@pytest.mark.parametrize(
    ("status", "line", "lines"),
    [
        (204, b"HTTP/1.1 204 No Content", []),
        (304, b"HTTP/1.1 304 Not Modified", [b"content-length: 0"]),
    ],
)
async def test_answers_that_never_have_a_body(
    autojump_clock: object, status: int, line: bytes, lines: list[bytes]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, status, b"")

    async with serving(app) as served:
        await served.say(GET)
        assert parts(await served.hear_until(b"\r\n\r\n")) == (line, lines, b"")
        await served.say(GET)
        await served.hear_until(b"\r\n\r\n")


async def test_http_1_0_gets_a_body_up_to_the_end_of_the_connection(
    autojump_clock: object,
) -> None:
    answer = await ask(streaming(2, 1.0), b"GET / HTTP/1.0\r\n\r\n")
    assert parts(answer) == (b"HTTP/1.1 200 OK", [b"connection: close"], b"01")


@pytest.mark.parametrize(
    "request_bytes", [GET[:-2] + b"connection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
async def test_a_client_that_wants_the_connection_closed_is_obeyed(
    autojump_clock: object, request_bytes: bytes
) -> None:
    status, lines, body = parts(await ask(hello, request_bytes))
    assert (status, lines, body) == (
        b"HTTP/1.1 200 OK",
        [b"content-length: 5", b"connection: close"],
        b"hello",
    )


async def test_a_connection_carries_as_many_requests_as_it_may(autojump_clock: object) -> None:
    answer = await ask(hello, GET * 5, requests_per_connection=3)
    assert answer.count(b"hello") == 3
    assert answer.count(b"connection: close") == 1


async def test_the_framing_of_an_application_is_replaced(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"transfer-encoding", b"chunked"), (b"connection", b"keep-alive")]
        await respond(send, 200, b"hello", headers)

    async with serving(app) as served:
        await served.say(GET)
        assert parts(await served.hear_until(b"hello"))[1] == [b"content-length: 5"]


@pytest.mark.parametrize(
    "header",
    [
        (b"a", b"b\r\nset-cookie: c"),
        (b"a", b"b\nc: d"),
        (b"a\r\nb", b"c"),
        (b"a b", b"c"),
        (b"", b"c"),
        (b"a", b"\x00"),
        (b"content-length", b"5"),
        (b"content-length", b"+5"),
    ],
)
async def test_a_header_that_breaks_the_answer_becomes_500(
    autojump_clock: object, caplog: pytest.LogCaptureFixture, header: tuple[bytes, bytes]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, b"hello", [header])

    async with serving(app) as served:
        await served.say(GET)
        status, lines, _ = parts(await served.hear_until(b"}}"))
    assert status == b"HTTP/1.1 500 Internal Server Error"
    assert lines == [b"content-type: application/json", b"content-length: 97"]
    assert len(caplog.records) == 1


async def test_a_body_longer_than_announced_is_cut_at_the_announced_length(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"content-length", b"3")]})
        await send(piece(b"ab"))
        await send(piece(b"cd", more=False))

    assert parts(await ask(app, GET * 2))[2] == b"ab"
    assert len(caplog.records) == 1


async def test_a_body_shorter_than_announced_cuts_the_connection(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"content-length", b"3")]})
        await send(piece(b"ab"))
        await send(piece(b"", more=False))

    assert parts(await ask(app, GET * 2))[2] == b"ab"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("size", [2, 4])
async def test_a_whole_answer_of_another_length_than_announced_becomes_500(
    autojump_clock: object, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"content-length", b"3")]})
        await send(piece(b"x" * size, more=False))

    async with serving(app) as served:
        await served.say(GET)
        assert parts(await served.hear_until(b"}}"))[2] == INTERNAL_ERROR
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [START],
        [piece(b"x")],
        [START, START],
        [{"type": "http.response.trailers"}],
        [{**START, "status": 101}, piece(b"", more=False)],
    ],
)
async def test_an_application_that_breaks_the_order_or_says_nothing_gets_500_sent(
    autojump_clock: object, messages: list[Message]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async with serving(app) as served:
        await served.say(GET)
        assert parts(await served.hear_until(b"}}"))[2] == INTERNAL_ERROR


async def test_what_is_sent_after_the_end_of_an_answer_is_an_error_of_the_application(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await send(piece(b"more"))

    async with serving(app) as served:
        await served.say(GET * 2)
        await served.hear_until(b"hello")
        await served.hear_until(b"hello")
    assert len(caplog.records) == 2


async def test_a_client_is_told_to_continue_when_its_body_is_asked_for(
    autojump_clock: object,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(5)
        await echo(scope, receive, send)

    async with serving(app) as served:
        await served.say(POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert await served.hear_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert trio.current_time() == 5
        await served.say(b"ab")
        assert parts(await served.hear_until(b"ab"))[0] == b"HTTP/1.1 200 OK"


async def test_a_client_that_did_not_wait_is_not_told_to_continue(autojump_clock: object) -> None:
    async with serving(echo) as served:
        await served.say(POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\nab")
        assert (await served.hear_until(b"ab")).startswith(b"HTTP/1.1 200 ")


async def test_a_client_whose_body_is_not_wanted_is_answered_without_continue(
    autojump_clock: object,
) -> None:
    request = POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    status, lines, _ = parts(await ask(hello, request))
    assert (status, lines[-1]) == (b"HTTP/1.1 200 OK", b"connection: close")


async def test_a_body_in_chunks_arrives_piece_by_piece(autojump_clock: object) -> None:
    async with serving(echo) as served:
        await served.say(POST + b"transfer-encoding: chunked\r\n\r\n3\r\nab")
        await trio.sleep(1)
        await served.say(b"c\r\n2;x\r\nde\r\n0\r\nt: u\r\n\r\n" + GET)
        assert parts(await served.hear_until(b"abcde"))[1] == [b"content-length: 5"]
        assert parts(await served.hear_until(b"\r\n\r\n"))[1] == [b"content-length: 0"]


async def test_a_malformed_chunk_gets_400_and_the_connection_ends(autojump_clock: object) -> None:
    request = POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n" + GET
    status, lines, body = parts(await ask(echo, request))
    assert (status, lines[-1]) == (b"HTTP/1.1 400 Bad Request", b"connection: close")
    assert b'"code":"malformed_request"' in body


async def test_a_small_body_that_nobody_asked_for_does_not_cost_the_connection(
    autojump_clock: object,
) -> None:
    async with serving(hello) as served:
        await served.say(POST + b"content-length: 3\r\n\r\nabc" + GET)
        assert parts(await served.hear_until(b"hello"))[1] == [b"content-length: 5"]
        await served.hear_until(b"hello")


async def test_requests_sent_ahead_are_taken_up_to_a_limit(autojump_clock: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)
        with trio.move_on_after(20):
            await receive()
        await respond(send, 200, b"", [(b"connection", b"close")])

    async with serving(app, pair=trio.testing.lockstep_stream_pair) as served:
        await served.say(GET)
        taken = 0
        with trio.move_on_after(10):
            while True:
                await served.say(GET * 1000)
                taken += len(GET) * 1000
        assert taken <= 2 * 65_536


@pytest.mark.parametrize("said", [GET, POST + b"content-length: 5\r\n\r\nab"])
async def test_a_client_that_shuts_its_sending_side_has_left(
    autojump_clock: object, said: bytes
) -> None:
    seen: list[tuple[float, bool]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        with pytest.raises(ClientLeft):
            await respond(send, 200, b"too late")
        seen.append((trio.current_time(), True))

    async with serving(app) as served:
        await served.say(said)
        await trio.sleep(3)
        await served.client.send_eof()
        assert await served.hear_to_the_end() == b""
    assert seen == [(3, True)]


async def test_a_group_of_errors_is_logged_if_one_is_about_more_than_leaving(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await respond(send, 200, b"")
        except ClientLeft as left:
            errors = [left] if scope["method"] == "GET" else [left, ValueError("no")]
            raise ExceptionGroup("several", errors) from None

    for request, logged in ((GET, 0), (HEAD, 1)):
        async with serving(app) as served:
            await served.say(request)
            await trio.sleep(1)
            await served.client.aclose()
            await served.ended.wait()
        assert len(caplog.records) == logged


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/a%20b?c=%20", "/a b", b"/a%20b", b"c=%20"),
        (b"http://a/v1/x?y", "/v1/x", b"/v1/x", b"y"),
        (b"http://a?y/z", "/", b"/", b"y/z"),
        (b"http://a", "/", b"/", b""),
    ],
)
async def test_the_scope_has_the_path_of_the_target(
    autojump_clock: object, target: bytes, path: str, raw_path: bytes, query: bytes
) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async with serving(app) as served:
        await served.say(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        await served.hear_until(b"hello")
    [scope] = scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)
    assert (scope["http_version"], scope["headers"]) == ("1.1", [(b"host", b"a")])


async def test_requests_in_flight_are_counted(autojump_clock: object) -> None:
    async with serving(streaming(1, 10)) as served:
        assert served.connection.requests == 0
        await served.say(GET * 2)
        await trio.sleep(5)
        assert served.connection.requests == 1
        await served.hear_until(b"0\r\n\r\n")
        await served.hear_until(b"0\r\n\r\n")
        await trio.sleep(1)
        assert served.connection.requests == 0


async def test_stopping_closes_after_the_answer_and_drops_what_was_sent_ahead(
    autojump_clock: object,
) -> None:
    async with serving(streaming(2, 5)) as served:
        await served.say(GET * 3)
        await trio.sleep(1)
        served.connection.stop_when_idle()
        answer = await served.hear_to_the_end()
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert answer.endswith(b"0\r\n\r\n")
        assert trio.current_time() == 10


async def test_stopping_gives_half_a_head_a_second(autojump_clock: object) -> None:
    async with serving(hello) as served:
        await served.say(GET[:10])
        await trio.sleep(1)
        served.connection.stop_when_idle()
        assert (await served.hear_to_the_end()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == pytest.approx(2)
