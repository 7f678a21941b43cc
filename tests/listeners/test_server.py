import errno
import gc
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import pytest
import trio
import trustme
from tests.support.apps import hello
from tests.support.http1 import LIMITS

from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.connection_limits import ConnectionLimits
from kthena_router.listeners.server import PortServer
from kthena_router.listeners.sockets import bind
from kthena_router.listeners.tls import BadCertificate, load_tls

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Tap:
    """An application whose answers end when it is turned off."""

    def __init__(self) -> None:
        self.off = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await self.off.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})


@asynccontextmanager
async def serving(
    app: ASGIApp, *, drain_timeout: float = 30, **more: Any
) -> AsyncIterator[PortServer]:
    sockets = bind("127.0.0.1", 0, stall_timeout=60)
    server = PortServer(app, sockets, **{"drain_timeout": drain_timeout, "limits": LIMITS, **more})
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            yield server
            server.cut()


async def connect(server: PortServer) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", server.port)


async def hear_to_the_end(client: trio.abc.ReceiveStream) -> bytes:
    heard = b""
    while piece := await client.receive_some(65536):
        heard += bytes(piece)
    return heard


async def hear_until(client: trio.abc.ReceiveStream, ending: bytes) -> bytes:
    heard = b""
    while not heard.endswith(ending):
        piece = bytes(await client.receive_some(65536))
        assert piece, f"ended after {heard!r}"
        heard += piece
    return heard


async def stalled_client(server: PortServer) -> trio.SocketStream:
    """Return a client that asks and does not read, once the server's `send` waits for it."""
    client = await connect(server)
    await client.send_all(GET)
    await client.receive_some(1)
    for _ in range(100):
        await trio.lowlevel.checkpoint()
    return client


async def until_empty(server: PortServer) -> None:
    while server.connections:  # noqa: ASYNC110 - a test looks at what the server counts
        await trio.sleep(0.01)


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def assert_refused(server: PortServer) -> None:
    with pytest.raises(ConnectionRefusedError), trio.socket.socket() as client:
        await client.connect(("127.0.0.1", server.port))


async def test_a_port_that_stops_refuses_new_clients_at_once() -> None:
    async with serving(hello) as server:
        async with await connect(server) as client:
            await client.send_all(GET)
            await hear_until(client, b"hello")
        server.stop()
        await assert_refused(server)


async def test_streams_in_flight_finish_after_stop() -> None:
    tap = Tap()
    async with serving(tap) as server:
        clients = [await connect(server) for _ in range(20)]
        for client in clients:
            await client.send_all(GET)
            await hear_until(client, b"first\r\n")
        assert (server.connections, server.requests) == (20, 20)
        server.stop()
        await assert_refused(server)
        tap.off.set()
        for client in clients:
            assert await hear_to_the_end(client) == b"4\r\nlast\r\n0\r\n\r\n"
            await client.aclose()


async def test_clients_in_the_backlog_are_still_served_when_the_port_stops() -> None:
    async with serving(hello) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(GET)
            server.stop()  # the server's task has not run since
            client.setblocking(False)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            assert (await hear_to_the_end(stream)).endswith(b"hello")


async def test_a_stalled_client_does_not_hold_a_cut() -> None:
    async with serving(flood) as server:
        client = await stalled_client(server)
        server.stop()
        started = trio.current_time()
        server.cut()
        await until_empty(server)
        assert trio.current_time() - started < 20  # the drain has 30
        await client.aclose()


async def test_a_stalled_client_does_not_hold_a_cancellation() -> None:
    server = PortServer(
        flood, bind("127.0.0.1", 0, stall_timeout=60), drain_timeout=30, limits=LIMITS
    )
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            client = await stalled_client(server)
            nursery.cancel_scope.cancel()
    assert server.connections == 0
    await client.aclose()


async def test_the_kernel_ends_a_client_that_stalls_for_too_long() -> None:
    server = PortServer(
        flood, bind("127.0.0.1", 0, stall_timeout=0.2), drain_timeout=30, limits=LIMITS
    )
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            client = await stalled_client(server)
            server.stop()
    await client.aclose()


async def test_the_drain_time_out_cuts_what_is_left_and_says_how_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(Tap(), drain_timeout=0.1) as server:
        client = await connect(server)
        await client.send_all(GET)
        await hear_until(client, b"first\r\n")
        server.stop()
        assert await hear_to_the_end(client) == b""
        await client.aclose()
    assert [record.getMessage() for record in caplog.records] == [
        f"port {server.port}: closing 1 connections with 1 requests in flight"
    ]


async def test_a_client_that_resets_its_connection_harms_no_other() -> None:
    tap = Tap()
    async with serving(tap) as server:
        steady, rude = await connect(server), await connect(server)
        for client in (steady, rude):
            await client.send_all(GET)
            await hear_until(client, b"first\r\n")
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await rude.aclose()
        tap.off.set()
        await hear_until(steady, b"0\r\n\r\n")
        await steady.aclose()


async def test_200_clients_leave_no_descriptor_behind() -> None:
    async with serving(hello) as server:
        before = descriptors()

        async def visit() -> None:
            async with await connect(server) as client:
                await client.send_all(GET)
                await hear_until(client, b"hello")

        async with trio.open_nursery() as visitors:
            for _ in range(200):
                visitors.start_soon(visit)
        await until_empty(server)
        assert descriptors() == before


async def test_a_server_that_ends_leaves_no_descriptor_behind() -> None:
    before = descriptors()
    async with serving(Tap()) as server:
        client = await connect(server)
        await client.send_all(GET)
        await hear_until(client, b"first\r\n")
    await client.aclose()
    assert descriptors() == before


async def test_a_server_that_is_stopped_before_it_runs_ends_at_once() -> None:
    server = PortServer(
        hello, bind("127.0.0.1", 0, stall_timeout=60), drain_timeout=30, limits=LIMITS
    )
    server.stop()
    with trio.fail_after(20):
        await server.run()


@pytest.mark.parametrize("attempt", range(20))
async def test_stopping_while_a_request_arrives_answers_it_or_closes_without_a_word(
    attempt: int,
) -> None:
    asked = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await trio.lowlevel.checkpoint()
        await hello(scope, receive, send)

    async with serving(app) as server, await connect(server) as client:
        await client.send_all(GET)
        await hear_until(client, b"hello")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, GET)
            for _ in range(attempt % 4):
                await trio.lowlevel.checkpoint()
            server.stop()
        try:
            answer = await hear_to_the_end(client)
        except trio.BrokenResourceError:
            answer = b""
    assert answer.endswith(b"hello") if asked == 2 else not answer, (asked, answer)


async def test_without_descriptors_accepting_pauses_and_goes_on(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[float] = []
    enough = trio.Event()

    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            calls.append(trio.current_time())
            if len(calls) > 3:
                enough.set()
            raise OSError(errno.EMFILE, "Too many open files")

    server = PortServer(
        hello, bind("127.0.0.1", 0, stall_timeout=60), drain_timeout=30, limits=LIMITS
    )
    with Exhausted() as listening, socket.socket() as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        client.connect(listening.getsockname())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server._readiness.run)
            nursery.start_soon(server._accept_on, listening, nursery)
            await enough.wait()
            nursery.cancel_scope.cancel()
        server.stop()
    assert calls == pytest.approx([0, 0.1, 0.2, 0.3])
    assert len(caplog.records) == 1


async def test_more_clients_than_allowed_get_503_and_a_place_becomes_free() -> None:
    async with serving(hello, connections=ConnectionLimits(in_all=1)) as server:
        first = await connect(server)
        await first.send_all(GET)
        await hear_until(first, b"hello")
        async with await connect(server) as second:
            answer = await hear_to_the_end(second)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"too_many_connections"' in answer
        await first.aclose()
        await until_empty(server)
        async with await connect(server) as third:
            await third.send_all(GET)
            await hear_until(third, b"hello")


UPGRADE = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"


async def test_clear_text_becomes_http2_at_the_clients_wish() -> None:
    async with serving(hello) as server:
        client = await connect(server)
        await client.send_all(b"GET /v1/x?y HTTP/1.1\r\nhost: a\r\n" + UPGRADE)
        h2c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        h2c.initiate_upgrade_connection()
        await client.send_all(h2c.data_to_send())
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += bytes(await client.receive_some(65536))
        head, _, heard = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        body = b""
        while body != b"hello":
            for event in h2c.receive_data(heard):
                body += getattr(event, "data", b"")
            await client.send_all(h2c.data_to_send())
            heard = b"" if body else bytes(await client.receive_some(65536))
        await client.aclose()


async def test_request_with_a_body_is_answered_as_it_stands() -> None:
    async with serving(hello) as server:
        client = await connect(server)
        await client.send_all(
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n" + UPGRADE + b"x"
        )
        assert (await hear_until(client, b"hello")).startswith(b"HTTP/1.1 200 ")
        await client.aclose()


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[trustme.CA, str, str]:
    authority = trustme.CA()
    issued = authority.issue_cert("router.example")
    key, chain = tmp_path / "tls.key", tmp_path / "tls.crt"
    issued.private_key_pem.write_to_path(key)
    chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    return authority, str(chain), str(key)


async def test_early_answer_arrives_over_tls_although_nobody_reads_the_body(
    certificates: tuple[trustme.CA, str, str],
) -> None:
    authority, chain, key = certificates
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 413, b"too large")

    async with serving(refuse, tls=load_tls(chain, key)) as server:
        client = trio.SSLStream(
            await connect(server), context, server_hostname="router.example", https_compatible=True
        )
        await client.send_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")
        answer = b""
        while not answer.endswith(b"too large"):
            with suppress(trio.BrokenResourceError):
                await client.send_all(b"x" * 10_000)
            answer += bytes(await client.receive_some(65536))
        assert answer.startswith(b"HTTP/1.1 413 ")
        await trio.aclose_forcefully(client)


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
async def test_tls_clients_choose_their_version_of_http(
    certificates: tuple[trustme.CA, str, str], protocol: str
) -> None:
    authority, chain, key = certificates
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    trusting.set_alpn_protocols([protocol])
    async with serving(hello, tls=load_tls(chain, key)) as server:
        client = trio.SSLStream(await connect(server), trusting, server_hostname="router.example")
        await client.do_handshake()
        assert client.selected_alpn_protocol() == protocol
        if protocol == "h2":
            assert bytes(await client.receive_some(65536))[3] == 4  # a SETTINGS frame
        else:
            await client.send_all(GET)
            await hear_until(client, b"hello")
        await trio.aclose_forcefully(client)


async def test_a_client_without_tls_harms_no_client_with_it(
    certificates: tuple[trustme.CA, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    authority, chain, key = certificates
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serving(hello, tls=load_tls(chain, key)) as server:
        async with await connect(server) as lost:
            await lost.send_all(GET)
            await hear_to_the_end(lost)
        client = trio.SSLStream(await connect(server), trusting, server_hostname="router.example")
        await client.send_all(GET)
        await hear_until(client, b"hello")
        await trio.aclose_forcefully(client)
    assert caplog.records == []


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "tls.crt")
    with pytest.raises(BadCertificate, match=f"cannot use {missing} with"):
        load_tls(missing, missing)
