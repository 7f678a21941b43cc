"""Keep one table as the cluster has it: list, watch, resume, and list again when the history is gone."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from kthena_router.api.kinds import Kind
from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.client import Gone, KubeApi, KubeError, Missing, Unavailable
from kthena_router.kube.cursor import Delete, Expired, Failed, Upsert, WatchCursor
from kthena_router.kube.tables import ObjectTable

log = logging.getLogger(__name__)

PAGE_SIZE = 500
WATCH_SECONDS = 290.0  # the server ends a watch then; spread by chance so that not all end together
SILENCE_MARGIN_SECONDS = 20.0
HEALTHY_SECONDS = 60.0
BACKOFF = Backoff(base=0.5, ceiling=4.0, spread=0.5)
MISSING_BACKOFF = Backoff(base=1.0, ceiling=5.0, spread=0.5)


class _ListMeta(
    msgspec.Struct, frozen=True, rename={"resource_version": "resourceVersion", "next": "continue"}
):
    resource_version: str = ""
    next: str = ""


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_decode_page = msgspec.json.Decoder(_Page).decode


class Reflector:
    """Fills one table, for ever. *chance* is uniform in [0, 1)."""

    def __init__(self, api: KubeApi, table: ObjectTable, chance: Callable[[], float]) -> None:
        self._api = api
        self._table = table
        self._kind: Kind[Any] = table.kind
        self._chance = chance
        self._cursor: WatchCursor | None = None
        self._failures = 0
        self._trouble = ""

    async def run(self) -> None:
        """List and watch; every trouble is waited out."""
        while True:
            try:
                if self._cursor is None:
                    self._cursor = WatchCursor(await self._list())
                self._recovered()
                await self._watch(self._cursor)
                self._failures = 0
                pause = 0.2 * (
                    1.0 + self._chance()
                )  # a server that closes watches at once must not be hammered
            except Missing as error:
                pause = self._wait_for_kind(error)
            except Gone:
                self._cursor = None
                pause = 0.2 + self._chance()
            except KubeError as error:
                pause = self._wait_out(error)
            await trio.sleep(pause)

    async def _list(self) -> str:
        items: list[msgspec.Raw] = []
        params = {"limit": str(PAGE_SIZE)}
        while True:
            content = await self._api.request("GET", self._kind.path(), params=params)
            try:
                page = _decode_page(content)
            except msgspec.MsgspecError as error:
                raise Unavailable(0, f"list {self._kind.plural}: {error}") from error
            items += page.items or []
            if not page.metadata.next:
                self._table.replace(items)
                return page.metadata.resource_version
            params = {"limit": str(PAGE_SIZE), "continue": page.metadata.next}

    async def _watch(self, cursor: WatchCursor) -> None:
        seconds = WATCH_SECONDS * (0.9 + 0.2 * self._chance())
        params = {
            "watch": "true",
            "resourceVersion": cursor.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(seconds)),
        }
        silence = seconds + SILENCE_MARGIN_SECONDS
        failure: KubeError | None = None
        # To leave the loop early would leave httpx's generators half-used; a cancelled read ends them all.
        with trio.CancelScope() as scope:
            async with self._api.open_watch(self._kind.path(), params, silence=silence) as lines:
                async for line in lines:
                    failure = self._take(cursor, line) if line else None
                    if failure is not None:
                        scope.cancel()
        if failure is not None:
            raise failure

    def _take(self, cursor: WatchCursor, line: str) -> KubeError | None:
        """Bring the table up to date, or return why the watch has to end."""
        match cursor.read(line):
            case Upsert(item):
                self._table.upsert(item)
            case Delete(item):
                self._table.delete(item)
            case Expired():
                return Gone(410, f"watch {self._kind.plural}: the history is gone")
            case Failed(message):
                return Unavailable(0, f"watch {self._kind.plural}: {message}")
        self._failures = 0
        return None

    def _recovered(self) -> None:
        if self._trouble:
            log.info("%s: reached again", self._kind.plural)
        self._trouble = ""

    def _wait_for_kind(self, error: Missing) -> float:
        if not self._kind.optional:
            return self._wait_out(error)
        if self._trouble != "missing":
            log.warning(
                "%s: the cluster does not know this kind; waiting for its CRD", self._kind.plural
            )
        self._trouble = "missing"
        self._cursor = None
        self._table.missing()
        self._failures += 1
        return MISSING_BACKOFF.delay(self._failures, self._chance())

    def _wait_out(self, error: KubeError) -> float:
        self._failures += 1
        if not self._trouble and self._failures > 1:
            log.warning("%s", error)
            self._trouble = str(error)
        return BACKOFF.delay(self._failures, self._chance())
