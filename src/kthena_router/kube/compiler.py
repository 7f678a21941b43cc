"""Compile the tables into a snapshot whenever they have changed, and publish it."""

import logging

import trio

from kthena_router.concurrency.published import Published
from kthena_router.kube.tables import Tables
from kthena_router.routing.snapshot import (
    Objects,
    RoutingOptions,
    Snapshot,
    compile_snapshot,
)

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.05
# Requests wait while a snapshot is compiled (65 ms with 10,000 pods and 1,000 ModelServers), so that it may take
# at most a tenth of the time.
REST = 9.0


class Compiler:
    """*objects* are those that the snapshot published last was compiled from."""

    def __init__(
        self, tables: Tables, options: RoutingOptions, snapshots: Published[Snapshot]
    ) -> None:
        self._tables = tables
        self._options = options
        self._snapshots = snapshots
        self.objects = Objects()
        self.synced = trio.Event()
        self._compiled = Published(-1)  # the revision of the tables

    async def run(self) -> None:
        """Compile for ever, first when every kind has been listed."""
        while True:
            seen = self._tables.changes.value
            started = trio.current_time()
            if self._tables.listed:
                self._compile()
            rest = REST * (trio.current_time() - started)
            await self._tables.changes.wait_newer(seen)
            await trio.sleep(max(rest, SETTLE_SECONDS))

    async def wait_compiled(self) -> None:
        """Return when what the tables hold now is in force."""
        wanted = self._tables.revision
        while (done := self._compiled.value) < wanted:
            await self._compiled.wait_newer(done)

    def _compile(self) -> None:
        revision, objects = self._tables.revision, self._tables.objects()
        snapshot = compile_snapshot(objects, self._options)
        self.objects = objects
        self._snapshots.publish(snapshot)
        self._compiled.publish(revision)
        if not self.synced.is_set():
            log.info("the first configuration is in force")
        self.synced.set()
