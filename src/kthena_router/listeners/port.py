"""One port that is wanted: bound, served, and tried again after a pause when it cannot be had or its server dies."""

import logging
from collections.abc import Callable
from typing import Protocol

import trio

from kthena_router.concurrency.supervision import SETTLED_AFTER_SECONDS, Backoff
from kthena_router.listeners.sockets import PortUnavailable
from kthena_router.routing.gateways import PortState

log = logging.getLogger(__name__)


class Server(Protocol):
    """What serves a port, already bound; `listeners.server.PortServer` is one."""

    async def run(self) -> None:
        """Serve until `stop` or `cut` and the end of the requests in flight."""

    def stop(self) -> None:
        """Refuse new connections from now on."""

    def cut(self) -> None:
        """End all connections now."""


class Port:
    """Keeps port *number* open from `run` until `close` or `cut`; *open_server* raises PortUnavailable."""

    def __init__(
        self,
        number: int,
        open_server: Callable[[int], Server],
        *,
        report: Callable[["Port", PortState], None],
        backoff: Backoff,
        chance: Callable[[], float],
    ) -> None:
        self.number = number
        self._open_server = open_server
        self._report = report
        self._backoff = backoff
        self._chance = chance
        self.server: Server | None = None
        self.failure: PortUnavailable | None = None  # of the latest attempt
        self.attempted = trio.Event()
        self._closing = trio.Event()

    async def run(self) -> None:
        """Keep the port open; return when it is closed and its last request has ended."""
        failures = 0
        while not self._closing.is_set():
            started = trio.current_time()
            await self._serve_once()
            settled = trio.current_time() - started >= SETTLED_AFTER_SECONDS
            failures = 1 if settled else failures + 1
            with trio.move_on_after(self._backoff.delay(failures, self._chance())):
                await self._closing.wait()

    def close(self) -> None:
        """Refuse new connections from now on; requests in flight may end."""
        self._closing.set()
        if self.server is not None:
            self.server.stop()

    def cut(self) -> None:
        """Close, and end all connections now."""
        self.close()
        if self.server is not None:
            self.server.cut()

    async def _serve_once(self) -> None:
        try:
            self.server = self._open_server(self.number)
        except PortUnavailable as unavailable:
            if self.failure is None or self.failure.reason != unavailable.reason:
                log.warning("%s; trying again", unavailable)
            self.failure = unavailable
            self._tell(error=unavailable.reason)
            return
        self.failure = None
        self._tell()
        await self._serve(self.server)
        self.server = None

    async def _serve(self, server: Server) -> None:
        try:
            await server.run()
        except* Exception as errors:
            log.exception("the server of port %d failed; opening it again", self.number)
            self._tell(error=f"the server failed: {errors.exceptions[0]!r}")

    def _tell(self, *, error: str = "") -> None:
        self._report(self, PortState(port=self.number, open=not error, error=error))
        self.attempted.set()
