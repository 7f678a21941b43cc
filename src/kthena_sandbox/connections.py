"""The door to hypercorn: one connection served for an ASGI application. Its classes are not public; the version is pinned."""

import logging
import ssl
import sys
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState, LifespanState

_HANDSHAKE_SECONDS = 10.0


class HandshakeError(Exception):
    """A client with which TLS was not agreed."""


async def with_tls(plain: trio.SocketStream, context: ssl.SSLContext) -> Any:
    """The stream in TLS, as its server. Raises HandshakeError when it is closed."""
    secure = trio.SSLStream(plain, context, server_side=True, https_compatible=True)
    try:
        with trio.fail_after(_HANDSHAKE_SECONDS):
            await secure.do_handshake()
    except (trio.BrokenResourceError, trio.TooSlowError, ssl.SSLError) as error:
        await trio.aclose_forcefully(plain)
        raise HandshakeError(str(error.__cause__ or error)) from error
    return secure


def as_in_go() -> Config:
    """A configuration with what Go's servers have: no access log, no limit on a connection's requests."""
    config = Config()
    config.errorlog = logging.getLogger("hypercorn.error")
    config.accesslog = None
    config.include_server_header = False
    config.keep_alive_max_requests = sys.maxsize
    return config


class Connections:
    """Connections with one configuration, which can be told together to end when they are idle."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._context = WorkerContext(None)

    async def serve(self, app: object, stream: Any) -> None:
        """Serve *app* on a stream, plain or of TLS, to its end."""
        wrapped = ASGIWrapper(cast("ASGIFramework", app))
        state = ConnectionState(LifespanState({}))
        await TCPServer(wrapped, self._config, self._context, state, stream).run()

    async def end_idle(self) -> None:
        """Close those on which nothing is going on, and the others when their answers are complete."""
        await self._context.terminated.set()
