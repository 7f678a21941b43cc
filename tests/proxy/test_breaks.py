"""Answers that break off: the client sees it, whatever it was being sent, and never a clean end."""

import json
from functools import partial

import pytest
import trio
from tests.support.house import House, open_house
from tests.support.http_peer import PeerConnection, Script, open_peer

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
ERROR = {
    "error": {
        "message": "the endpoint closed the connection before the end of its answer",
        "type": "server_error",
        "param": None,
        "code": "upstream_failed",
    }
}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def breaking_off(*pieces: bytes) -> Script:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        for piece in pieces:
            await connection.say(piece)
            await trio.testing.wait_all_tasks_blocked(0.005)

    return script


async def stalling(connection: PeerConnection) -> None:
    await connection.read_request()
    await connection.say(STREAM + CHUNKED + chunk(b'data: {"a"'))
    await connection.wait_closed()


async def received(house: House, port: int) -> bytes:
    """Return all that a client gets of an answer until its connection ends."""
    house.serve([port])
    body = b'{"model":"m","stream":true}'
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    stream = await trio.open_tcp_stream("127.0.0.1", house.server.port)
    async with stream:
        await stream.send_all(head % len(body) + body)
        answer = b""
        while data := await stream.receive_some():
            answer += data
    return answer.partition(b"\r\n\r\n")[2]


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """Return the content of chunks, and whether the last chunk came."""
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return content, True
        content += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return content, False


@pytest.mark.parametrize(
    ("sent", "closed"),
    [
        (b"", b""),
        (b"data: 1\n\n", b""),
        (b"data: 1\r\n\r\n", b""),
        (b"data: 1\n", b"\n\n"),
        (b'data: {"choices":[{"te', b"\n\n"),
    ],
)
async def test_stream_of_events_ends_with_an_error_event_of_its_own(
    sent: bytes, closed: bytes
) -> None:
    script = breaking_off(STREAM + CHUNKED, *([chunk(sent)] if sent else []))
    async with open_house(0) as house, open_peer(script) as peer:
        content, ended = unchunked(await received(house, peer.endpoint.port))

        assert content.startswith(sent + closed + b"data: ")
        event = content.removeprefix(sent + closed)
        assert ERROR == json.loads(event.removeprefix(b"data: "))
        assert event.endswith(b"}\n\n")
        assert not ended
        assert 1.0 == house.metric("requests_total", status_code="200", error_type="proxy")
        assert " 200 error=proxy:the endpoint closed" in await house.logged()


@pytest.mark.parametrize(
    "head",
    [
        STREAM + b"content-encoding: gzip\r\n" + CHUNKED,
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + CHUNKED,
    ],
    ids=["encoded stream", "json"],
)
async def test_other_bodies_are_only_cut(head: bytes) -> None:
    async with (
        open_house(0) as house,
        open_peer(breaking_off(head, chunk(b"abc"))) as peer,
    ):
        assert (b"abc", False) == unchunked(await received(house, peer.endpoint.port))


async def test_body_with_a_length_stays_short_of_it() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
    async with open_house(0) as house, open_peer(breaking_off(head + b"abc")) as peer:
        assert b"abc" == await received(house, peer.endpoint.port)


async def test_stream_with_a_length_ends_with_an_error_event_where_usage_is_hidden() -> None:
    """Its length would not be true any more, so it is sent in chunks."""
    script = breaking_off(STREAM + b"content-length: 100\r\n\r\ndata: 1\n\n")
    async with open_house(0) as house, open_peer(script) as peer:
        body, complete = unchunked(await received(house, peer.endpoint.port))

    assert body.startswith(b'data: 1\n\ndata: {"error":')
    assert not complete


async def test_stream_that_stalls_ends_with_an_error_event(
    patient_clock: trio.testing.MockClock,
) -> None:
    async with open_house(0, idle_timeout=0.1) as house, open_peer(stalling) as peer:
        content, ended = unchunked(await received(house, peer.endpoint.port))

        assert content.startswith(b'data: {"a"\n\ndata: {"error":')
        error = json.loads(content.rpartition(b"data: ")[2])["error"]
        assert "the endpoint sent nothing for 0.1 s in mid-answer" == error["message"]
        assert "upstream_timeout" == error["code"]
        assert not ended
        assert 0 == peer.open == house.pools.idle


async def test_malformed_chunk_in_mid_answer_is_not_tried_elsewhere() -> None:
    script = breaking_off(STREAM + CHUNKED + chunk(b"data: 1\n\n"), b"zz\r\n")
    async with open_house(0) as house, open_peer(script) as peer:
        house_received = partial(received, house)
        content, ended = unchunked(await house_received(peer.endpoint.port))

        assert b"malformed chunk" in content
        assert not ended
        assert 1 == peer.accepted
