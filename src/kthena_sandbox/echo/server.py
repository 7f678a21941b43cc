"""The echo server's ports at one address."""

import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from kthena_sandbox.connections import Connections, HandshakeError, as_in_go, with_tls
from kthena_sandbox.datagrams import bind_datagrams
from kthena_sandbox.echo.app import EchoApp, Tries
from kthena_sandbox.echo.calls import echo_calls
from kthena_sandbox.echo.datagrams import serve_datagrams
from kthena_sandbox.echo.lines import serve_lines
from kthena_sandbox.echo.settings import EchoSettings
from kthena_sandbox.echo.tls import described, server_context
from kthena_sandbox.httpd.server import bind

_LINGER_NOT = struct.pack("ii", 1, 0)


class EchoServer:
    """One pod's server; `run` it once."""

    def __init__(self, settings: EchoSettings, address: str, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._address = address
        self._say = say
        self._tries = Tries()
        self._connections = Connections(as_in_go())

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled, and cut what is under way then. Raises OSError where a port or a file cannot be had."""
        if self._settings.mode == "udp":
            await self._datagrams(task_status)
            return
        listeners = self._listeners()
        async with trio.open_nursery() as nursery:
            for port, serve, listener in listeners:
                nursery.start_soon(trio.serve_listeners, partial(serve, port), [listener])
            task_status.started()

    def _listeners(self) -> list[tuple[int, Any, trio.SocketListener]]:
        """Port, handler and socket of each. Raises OSError."""
        given = self._settings
        kind, serve = {
            "http": ("http", self._http), "tcp": ("tcp", self._lines), "grpc": ("grpc", self._calls),
        }[given.mode]  # fmt: skip
        kinds = [(given.http_port, kind, serve)]
        if given.mode == "http":
            kinds.append((given.h2c_port, "h2c", self._h2c))
        if given.certificate:
            server_context(given.certificate, given.key, given.client_ca, _ignore)
            kinds.append((given.https_port, "https" if kind == "http" else "tls", self._https))
        found: list[tuple[int, Any, trio.SocketListener]] = []
        try:
            for port, kind, serve in kinds:
                bound = bind(self._address, port)
                found.append(
                    (port, serve, trio.SocketListener(trio.socket.from_stdlib_socket(bound)))
                )
                self._say(f"Starting server, listening on port {port} ({kind})")
        except OSError:
            for _, _, listener in found:
                listener.socket.close()
            raise
        return found

    async def _http(self, port: int, stream: trio.SocketStream) -> None:
        await self._serve(port, stream, stream, http2=False)

    async def _h2c(self, port: int, stream: trio.SocketStream) -> None:
        await self._serve(port, stream, stream, http2=True)

    async def _datagrams(self, task_status: trio.TaskStatus[None]) -> None:
        port = self._settings.http_port
        with trio.socket.from_stdlib_socket(bind_datagrams(self._address, port)) as bound:
            self._say(f"UDP server listening on :{port}")
            task_status.started()
            await serve_datagrams(bound, self._settings, self._say)

    async def _calls(self, port: int, stream: trio.SocketStream) -> None:
        await self._connections.serve(echo_calls(self._settings, None, self._say), stream)

    async def _lines(self, port: int, stream: trio.SocketStream) -> None:
        await serve_lines(stream, self._settings, None)

    async def _https(self, port: int, stream: trio.SocketStream) -> None:
        given = self._settings
        names: list[str] = []
        context = server_context(given.certificate, given.key, given.client_ca, names.append)
        try:
            secure = await with_tls(stream, context)
        except HandshakeError as error:
            self._say(f"http: TLS handshake error: {error}")
            return
        tls = described(secure, names[-1] if names else "")
        if given.mode == "tcp":
            await serve_lines(secure, given, tls)
        elif given.mode == "grpc":
            await self._connections.serve(echo_calls(given, tls, self._say), secure)
        else:
            await self._serve(port, stream, secure, http2=None, tls=tls)

    async def _serve(
        self, port: int, socket_stream: trio.SocketStream, stream: Any, *,
        http2: bool | None, tls: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        with trio.CancelScope() as scope:

            def cut() -> None:
                socket_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                socket_stream.socket.close()
                scope.cancel()

            app = EchoApp(self._settings, port, http2, tls, self._tries, self._say, cut)
            await self._connections.serve(app, stream)


def _ignore(_: str) -> None:
    pass
