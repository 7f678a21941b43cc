"""Our transport beneath httpx, beside httpx's own."""

import httpx
import pytest
import trio
from tests.support.http_peer import PeerConnection, answering, open_peer
from tests.support.upstream import until
from trio.testing import MockClock

from kthena_router.upstream.pools import Pools
from kthena_router.upstream.transport import PoolsTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

ORDINARY = {
    "length": OK,
    "chunked": CHUNKED + b"3\r\none\r\n4;x=y\r\nmore\r\n0\r\nTrailer: x\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "repeated": b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nEtag: x\r\nContent-Length: 7\r\n\r\n",
    "error": b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nsigh",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
    "latin-1": b"HTTP/1.1 200 OK\r\nX: \xe4\r\nContent-Length: 1\r\n\r\n\xff",
    "events": CHUNKED + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
    "cut chunk": CHUNKED + b"5\r\nok",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200",
    "both": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "other protocol": b"220 smtp.example ready\r\n\r\n",
    "bad chunk": CHUNKED + b"zz\r\nok",
}

Outcome = tuple[int, list[tuple[bytes, bytes]], bytes] | str


async def outcome(transport: httpx.AsyncBaseTransport, method: str, answer: bytes) -> Outcome:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(answer)

    async with open_peer(script) as peer, httpx.AsyncClient(transport=transport) as client:
        url = f"http://{peer.endpoint.authority}/path?query"
        try:
            response = await client.request(method, url, content=b"body" * (method == "POST"))
        except httpx.TransportError as error:
            return type(error).__name__
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        return response.status_code, headers, response.content


@pytest.mark.parametrize("answer", ORDINARY.values(), ids=ORDINARY)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_httpx_sees_the_same_through_either_transport(
    pools: Pools, method: str, answer: bytes
) -> None:
    ours = await outcome(PoolsTransport(pools), method, answer)
    assert ours == await outcome(httpx.AsyncHTTPTransport(), method, answer)


async def test_an_endpoint_is_sent_the_same_through_either_transport(pools: Pools) -> None:
    heard: list[set[bytes]] = []

    async def script(connection: PeerConnection) -> None:
        request = await connection.read_request()
        lines, _, body = request.partition(b"\r\n\r\n")
        first, *headers = lines.split(b"\r\n")
        heard.append({first, body, *(line.lower() for line in headers)})
        await connection.say(OK)

    async with open_peer(script) as peer:
        for transport in (PoolsTransport(pools), httpx.AsyncHTTPTransport()):
            async with httpx.AsyncClient(transport=transport) as client:
                url = f"http://{peer.endpoint.authority}/a%20b?c=d"
                await client.post(url, json={"model": "m"}, headers={"X-Thing": "1"})
    ours, theirs = heard
    assert ours == theirs - {b"connection: keep-alive"}


async def test_a_refused_connection_is_httpxs_connect_error(pools: Pools) -> None:
    async with open_peer(answering(OK)) as peer:
        gone = peer.endpoint.authority
    async with httpx.AsyncClient(transport=PoolsTransport(pools)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{gone}/")


@pytest.mark.parametrize("answer", [b"", CHUNKED])
async def test_the_read_timeout_counts_for_head_and_body(
    patient_clock: MockClock, pools: Pools, answer: bytes
) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(answer)
        await trio.sleep_forever()

    async with open_peer(script) as peer:
        transport = PoolsTransport(pools)
        async with httpx.AsyncClient(transport=transport, timeout=7.0) as client:
            started = trio.current_time()
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"http://{peer.endpoint.authority}/")
            assert trio.current_time() - started == pytest.approx(7.0)


async def test_a_stream_that_is_left_early_closes_its_connection(pools: Pools) -> None:
    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        await connection.say(CHUNKED + b"3\r\none\r\n")
        await connection.wait_closed()

    async with open_peer(script) as peer:
        url = f"http://{peer.endpoint.authority}/"
        client = httpx.AsyncClient(transport=PoolsTransport(pools), timeout=None)
        async with client, client.stream("GET", url) as response:
            assert response.status_code == 200
        await until(lambda: peer.open == 0)


async def test_a_connection_is_used_again(pools: Pools) -> None:
    async with (
        open_peer(answering(OK, OK)) as peer,
        httpx.AsyncClient(transport=PoolsTransport(pools)) as client,
    ):
        for _ in range(2):
            response = await client.get(f"http://{peer.endpoint.authority}/")
            assert (response.text, response.http_version) == ("ok", "HTTP/1.1")
        assert (peer.accepted, pools.idle) == (1, 1)
