"""A server that speaks TLS with a certificate of an authority of the tests' own, as webhooks do."""

import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from trustme import CA

from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Server

AUTHORITY = CA()
BUNDLE = base64.b64encode(AUTHORITY.cert_pem.bytes()).decode()


@asynccontextmanager
async def serving(
    handle: Callable[[Exchange], Awaitable[None]], name: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1, with a certificate for *name*."""
    server = Server(handle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            trio.serve_listeners, server.serve_stream,
            [trio.SSLListener(listener, context, https_compatible=True)],
        )  # fmt: skip
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()
