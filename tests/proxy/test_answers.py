"""What of an endpoint's answer reaches the client: status, headers and body as they are, and nothing of the connection."""

import pytest
import trio
from tests.support.house import House, open_house
from tests.support.http1 import HTTP1
from tests.support.http_peer import PeerConnection, Script, answering, open_peer

BODY = b'{"model":"m"}'


async def ask(
    house: House, method: bytes = b"POST", *headers: bytes
) -> tuple[bytes, list[bytes], bytes]:
    """Return status line, header lines with names in lower case, and body, as they stand on the wire."""
    lines = [
        b"%b /v1/completions HTTP/1.1" % method,
        b"host: x",
        b"connection: close",
        b"content-length: %d" % len(BODY),
        *headers,
    ]
    stream = await trio.open_tcp_stream("127.0.0.1", house.server.port)
    async with stream:
        await stream.send_all(b"\r\n".join(lines) + b"\r\n\r\n" + BODY)
        answer = b"".join([data async for data in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    return first, [name.lower() + b": " + value for name, value in map(_pair, rest)], body


def _pair(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b": ")
    return name, value


def saying_and_leaving(answer: bytes) -> Script:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(answer)

    return script


async def relayed(answer: bytes, method: bytes = b"POST") -> tuple[bytes, list[bytes], bytes]:
    async with open_house(0) as house, open_peer(saying_and_leaving(answer)) as peer:
        house.serve([peer.endpoint.port])
        return await ask(house, method)


async def test_headers_of_the_message_go_on_and_those_of_the_connection_stay() -> None:
    status, headers, body = await relayed(
        b"HTTP/1.1 207 Whatever\r\nServer: engine\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Request-Id: engines\r\nKeep-Alive: timeout=5\r\n"
        b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\n"
        b"X-Ratelimit: 7\r\nContent-Type: text/x; a=b\r\nContent-Length: 2\r\n\r\nok"
    )

    assert b"207" == status.split()[1]
    assert b"ok" == body
    dates = [line for line in headers if line.startswith(b"date: ")]
    assert 1 == len(dates)
    assert b"1970" not in dates[0]
    assert [
        b"server: engine",
        b"set-cookie: a=1",
        b"set-cookie: b=2",
        b"x-ratelimit: 7",
        b"content-type: text/x; a=b",
        b"content-length: 2",
        b"x-request-id: made-here",
    ] == [line for line in headers if not line.startswith((b"date: ", b"connection: "))]
    assert [b"connection: close"] == [line for line in headers if line.startswith(b"connection")]


async def test_chunks_are_framed_anew_and_trailers_dropped() -> None:
    _, headers, body = await relayed(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
        b"4;ext=1\r\nabcd\r\n0\r\nx-sum: 1\r\n\r\n"
    )

    assert not [line for line in headers if line.startswith((b"trailer", b"x-sum"))]
    framing = [line for line in headers if line.startswith((b"content-length", b"transfer-enc"))]
    if HTTP1 == "httptools":  # what came as a whole goes on as a whole
        assert (b"abcd", [b"content-length: 4"]) == (body, framing)
    else:
        assert (b"4\r\nabcd\r\n0\r\n\r\n", [b"transfer-encoding: chunked"]) == (body, framing)


async def test_body_that_ends_with_the_connection_is_framed() -> None:
    _, headers, body = await relayed(b"HTTP/1.0 200 OK\r\nContent-Type: text/x\r\n\r\nabc")

    assert b"transfer-encoding: chunked" in headers
    assert b"3\r\nabc\r\n0\r\n\r\n" == body


async def test_encoded_body_passes_byte_for_byte() -> None:
    encoded = bytes(range(256))
    _, headers, body = await relayed(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 256\r\n\r\n" + encoded
    )

    assert encoded == body
    assert b"content-encoding: gzip" in headers


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answers_without_a_body_have_none(status: bytes) -> None:
    first, headers, body = await relayed(b"HTTP/1.1 " + status + b"\r\nETag: 1\r\n\r\n")

    assert status.split()[0] == first.split()[1]
    assert b"etag: 1" in headers
    assert not [line for line in headers if line.startswith(b"transfer-encoding")]
    assert b"" == body


async def test_answer_to_head_keeps_its_length_and_has_no_body() -> None:
    first, headers, body = await relayed(
        b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", method=b"HEAD"
    )

    assert b"200" == first.split()[1]
    assert b"content-length: 77" in headers
    assert b"" == body


async def test_interim_answers_are_left_out() -> None:
    first, headers, body = await relayed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )

    assert b"200" == first.split()[1]
    assert b"ok" == body
    assert not [line for line in headers if line.startswith(b"link")]


async def test_answer_that_is_no_http_moves_on_to_another_endpoint() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with (
        open_house(0) as house,
        open_peer(answering(switched), answering(b"NOPE\r\n\r\n"), answering(good)) as peer,
    ):
        house.serve([peer.endpoint.port] * 3)

        _, _, body = await ask(house)

        assert b"ok" == body
        assert "upstream_attempts=3" in await house.logged()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([b"x-request-id: mine"], b"x-request-id: mine"),
        ([b"x-request-id: not fit"], b"x-request-id: made-here"),
        ([b"x-request-id: a", b"x-request-id: b"], b"x-request-id: made-here"),
        ([], b"x-request-id: made-here"),
    ],
)
async def test_endpoint_and_client_get_one_request_id(sent: list[bytes], expected: bytes) -> None:
    requests: list[bytes] = []
    async with open_house() as house:
        _, headers, _ = await ask(house, b"POST", *sent)
        given = [pair for pair in house.stats()["last"]["headers"] if pair[0] == "x-request-id"]
        requests += [f"{name}: {value}".encode() for name, value in given]

    assert [expected] == [line for line in headers if line.startswith(b"x-request-id")]
    assert [expected] == requests


async def test_endpoint_gets_the_clients_headers_and_none_of_the_connections() -> None:
    async with open_house() as house:
        await ask(
            house,
            b"POST",
            b"authorization: Bearer s",
            b"x-a: 1",
            b"X-A: 2",
            b"te: trailers",
            b"keep-alive: x",
            b"proxy-authorization: Basic x",
            b"expect: 100-continue",
        )
        received = [tuple(pair) for pair in house.stats()["last"]["headers"]]

    assert [
        ("host", "x"),
        ("authorization", "Bearer s"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-request-id", "made-here"),
        ("content-length", "22"),
    ] == received
