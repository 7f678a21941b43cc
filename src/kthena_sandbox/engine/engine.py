"""The engine: its state, its server, and which handler answers which path."""

import time
from collections.abc import Callable
from uuid import uuid4

import trio

from kthena_sandbox.engine import answers
from kthena_sandbox.engine.adapters import Models
from kthena_sandbox.engine.completions import COMPLETIONS
from kthena_sandbox.engine.control import CONTROL
from kthena_sandbox.engine.requests import RequestError
from kthena_sandbox.engine.sequences import Sequences
from kthena_sandbox.engine.settings import EngineSettings
from kthena_sandbox.engine.state import EngineState
from kthena_sandbox.engine.surface import SURFACE
from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.httpd.server import Address, Server

_ROUTES = COMPLETIONS | SURFACE | CONTROL
_PATHS = frozenset(path for _, path in _ROUTES)


def _fresh_id() -> str:
    return uuid4().hex


def _no_log(_: str) -> None:
    pass


class Engine:
    """One mock engine. `run` serves it on a socket, `server.serve_stream` on any byte stream."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        wall_clock: Callable[[], float] = time.time,
        make_id: Callable[[], str] = _fresh_id,
        log: Callable[[str], None] = _no_log,
    ) -> None:
        self.settings = settings
        self.state = EngineState(
            settings=settings,
            models=Models(settings, int(wall_clock())),
            sequences=Sequences(settings.max_num_seqs, settings.kv_blocks, settings.block_size),
            address=Address(settings.host, settings.port),
            wall_clock=wall_clock,
            make_id=make_id,
        )
        self.server = Server(self._handle, idle_seconds=self._idle_seconds, wall_clock=wall_clock)
        self._log = log

    async def run(
        self, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve on the address of the settings until cancelled or drained. Raises OSError."""
        async with trio.open_nursery() as nursery:
            address: Address = await nursery.start(
                self.server.run, self.settings.host, self.settings.port
            )
            self.state.address = address
            task_status.started(address)

    def _idle_seconds(self) -> float | None:
        asked = self.state.faults.current.close_idle
        return self.settings.keep_alive if asked is None else asked

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if not request.path.startswith("/mock/"):
            self.state.observed.note(request)
        try:
            await self._route(exchange)
        except RequestError as error:
            document = answers.error(
                self.settings.engine, error.status, error.kind, error.message, error.param
            )
            await exchange.respond_json(error.status, document)
        finally:
            self._log(f'INFO: "{request.method} {request.path} HTTP/1.1" {exchange.status or "-"}')

    async def _route(self, exchange: Exchange) -> None:
        request = exchange.request
        method = "GET" if request.method == "HEAD" else request.method
        if handler := _ROUTES.get((method, request.path)):
            await handler(self.state, self.server, exchange)
        elif request.path in _PATHS:
            await exchange.respond_json(405, {"detail": "Method Not Allowed"})
        else:
            await exchange.respond_json(404, {"detail": "Not Found"})
