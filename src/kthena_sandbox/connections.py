"""The door to hypercorn: one connection served for an ASGI application. Its classes are not public; the version is pinned."""

from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState, LifespanState


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
