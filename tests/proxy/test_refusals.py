"""What is refused before it is a request has its place in the books."""

import msgspec
import pytest
import trio
from tests.support.client_end import ClientEnd
from tests.support.house import House, open_house
from tests.support.http1 import HTTP1, LIMITS
from tests.support.upstream import until

ours = pytest.mark.skipif(HTTP1 == "h11", reason="h11 refuses by itself, and tells nobody")


async def say(house: House, data: bytes) -> bytes:
    """Return what the router answers to some bytes, to the end of the connection."""
    client = ClientEnd(await trio.open_tcp_stream("127.0.0.1", house.server.port))
    async with client.client:
        await client.say(data)
        return await client.hear_to_the_end()


GET = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n"
REFUSED = {
    "bytes that are no request": (b"\x16\x03\x01\r\n\r\n", 400, "malformed_request"),
    "a long target": (b"GET /" + b"x" * 9000, 414, "uri_too_long"),
    "large headers": (GET + b"x: " + b"y" * 70_000, 431, "headers_too_large"),
    "a method that nobody knows": (b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 501, "not_implemented"),
    "another version": (GET.replace(b"1.1", b"1.2") + b"\r\n", 505, "http_version_not_supported"),
    "half a head": (GET, 408, "request_timeout"),
}


@ours
@pytest.mark.parametrize(("data", "status", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_request_is_counted_and_logged(
    data: bytes, status: int, reason: str, patient_clock: trio.testing.MockClock
) -> None:
    async with open_house(limits=msgspec.structs.replace(LIMITS, header_timeout=0.2)) as house:
        answer = await say(house, data)

        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert 1 == house.metric("refused_requests_total", status_code=str(status), reason=reason)
        assert 0 == house.metric("requests_total")
        line = await house.logged()
        start = f'[2026-01-01T00:00:00.000000Z] "- - HTTP/1.1" {status} error=request_parsing:'
        assert line.startswith(start)
        assert "(client 127.0.0.1) error_origin=router timings=0ms(0+0+0)" in line


async def test_a_client_for_whom_there_is_no_room_is_counted_and_logged() -> None:
    async with open_house(limits=msgspec.structs.replace(LIMITS, connections=1)) as house:
        first = await trio.open_tcp_stream("127.0.0.1", house.server.port)
        await until(lambda: house.server.connections == 1)
        client = ClientEnd(await trio.open_tcp_stream("127.0.0.1", house.server.port))
        async with first, client.client:
            answer = await client.hear_to_the_end()

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert 1 == house.metric(
            "refused_requests_total", status_code="503", reason="too_many_connections"
        )
        assert (
            '"- - HTTP/1.1" 503 error=request_failed:the router serves 1 connections at most'
            in (await house.logged())
        )


async def test_a_request_that_the_application_refuses_is_none_of_them() -> None:
    async with open_house() as house:
        await say(house, GET.replace(b"models", b"x") + b"connection: close\r\n\r\n")
        await until(lambda: bool(house.log.lines))

        assert 0 == house.metric("refused_requests_total")
