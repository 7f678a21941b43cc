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

    async def run(self) -> None:
        """Compile for ever, first when every kind has been listed."""
        while True:
            seen = self._tables.changes.value
            if self._tables.listed:
                self.objects = self._tables.objects()
                self._snapshots.publish(compile_snapshot(self.objects, self._options))
                if not self.synced.is_set():
                    log.info("the first configuration is in force")
                self.synced.set()
            await self._tables.changes.wait_newer(seen)
            await trio.sleep(SETTLE_SECONDS)
