"""Where connections come in: HTTP/2 goes to hypercorn, HTTP/1.1 to `http1` until a request asks for another protocol."""

import logging
import ssl
from dataclasses import replace
from functools import partial
from urllib.parse import unquote

import h11
import trio
from hypercorn.config import Config
from wsproto.utilities import RemoteProtocolError

from kthena_sandbox.apiserver.app import Api
from kthena_sandbox.apiserver.http1 import Http1Connection, encoded
from kthena_sandbox.apiserver.sockets import PlainStream, PromptStream, TlsStream
from kthena_sandbox.apiserver.web import (
    ASGI,
    CERTIFICATE,
    Message,
    Receive,
    Request,
    Response,
    Send,
    Takeover,
    read_head,
)
from kthena_sandbox.connections import Connections

_LOG = logging.getLogger(__name__)
_FIRST_PIECE = 64 * 1024


async def serve_connections(
    api: Api, config: Config, listener: trio.SocketListener, tls: ssl.SSLContext | None,
    stopped: trio.Event,
) -> None:  # fmt: skip
    """Serve until *stopped*, and what is under way then for as long as the configuration says."""
    connections = Connections(config)
    open_ones: set[Http1Connection] = set()

    async def serve(plain: trio.SocketStream) -> None:
        async with PlainStream(plain) if tls is None else TlsStream(plain, tls) as stream:
            try:
                first = await _first_of(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if first is None:
                await connections.serve(_with_certificate(api, stream.certificate), stream)
            elif first:
                await serve_http1(stream, first)

    async def serve_http1(stream: PromptStream, first: bytes) -> None:
        connection = Http1Connection(api, stream, first, stream.certificate)
        open_ones.add(connection)
        try:
            asked = await connection.serve()
        finally:
            open_ones.discard(connection)
        if asked:
            await _answer(api, stream, asked)

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, serve, [listener], handler_nursery=nursery)
            )
            await stopped.wait()
            accepting.cancel_scope.cancel()
        await connections.end_idle()
        for connection in open_ones:
            connection.end()
        nursery.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


def _with_certificate(api: Api, certificate: bytes) -> ASGI:
    """The application, for requests of a client that has a certificate."""
    if not certificate:
        return api

    async def known(scope: Message, receive: Receive, send: Send) -> None:
        await api({**scope, CERTIFICATE: certificate}, receive, send)

    return known


async def _first_of(stream: PlainStream | TlsStream) -> bytes | None:
    """The first bytes of a connection of HTTP/1.1; None for one of HTTP/2. Raises what trio raises."""
    if isinstance(stream, TlsStream):
        await stream.do_handshake()
        if stream.selected_alpn_protocol() == "h2":
            return None
    return await stream.receive_some(_FIRST_PIECE)


async def _answer(api: Api, stream: PromptStream, asked: bytes) -> None:
    """Answer the request for a stream, and let what answers it have the connection."""
    try:
        request = replace(_request(asked), certificate=stream.certificate)
        answered = await api.answer(request)
        if isinstance(answered, Takeover):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_interrupted, api, nursery.cancel_scope)
                await answered.run(stream, asked)
                nursery.cancel_scope.cancel()
        elif isinstance(answered, Response):
            await stream.send_all(encoded(answered, goes_on=False))
    except* (h11.RemoteProtocolError, RemoteProtocolError, trio.BrokenResourceError, OSError):
        pass  # the client is gone, or never spoke the protocol that it asked for
    except* Exception:  # noqa: BLE001  one connection must not take the others along
        _LOG.exception("a stream ended with an error of ours")


async def _cancel_when_interrupted(api: Api, scope: trio.CancelScope) -> None:
    await api.interruption.wait()
    scope.cancel()


def _request(asked: bytes) -> Request:
    """The request of a head. Raises h11.RemoteProtocolError."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(asked)
    event = parser.next_event()
    if not isinstance(event, h11.Request):
        raise h11.RemoteProtocolError("the head is not complete")
    path, _, query = event.target.partition(b"?")
    return read_head(
        event.method.decode(), unquote(path.decode("latin-1")), query.decode("latin-1"),
        [(bytes(name), bytes(value)) for name, value in event.headers],
    )  # fmt: skip
