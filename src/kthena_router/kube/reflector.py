"""Keep one table as the cluster has it: list, watch, resume, and list again when the history is gone."""

import logging
import math
from collections.abc import Callable

import msgspec
import trio

from kthena_router.concurrency.supervision import Backoff
from kthena_router.kube.client import Gone, KubeApi, KubeError, Missing, Unavailable, decoded
from kthena_router.kube.cursor import Delete, Expired, Failed, Upsert, WatchCursor
from kthena_router.kube.discovery import is_served
from kthena_router.kube.tables import Entry, ObjectTable, read_entry, read_key

log = logging.getLogger(__name__)

PAGE_SIZE = 500
WATCH_SECONDS = 290.0  # the server ends a watch then; spread by chance so that not all end together
SILENCE_MARGIN_SECONDS = 20.0
HEALTHY_SECONDS = 10.0  # a watch that lasts so long clears the record of failures
# Short, for the router has to follow within five seconds when the API is back.
BACKOFF = Backoff(base=0.5, ceiling=2.5, spread=0.5)
REFUSED_BACKOFF = Backoff(base=1.0, ceiling=5.0, spread=0.5)
RESUME_SPREAD_SECONDS = 0.2
# What is said once for the whole API is said for a kind too when the API answers it so often with nothing else.
STUBBORN_FAILURES = 10
# An API server that starts may answer 404 for a custom resource before it has read its CRD.
MISSING_GRACE_SECONDS = 5.0
# After these the version from which to watch is still good; after any other refusal it may be the cause.
_RESUMABLE = frozenset({0, 401, 429})


class _ListMeta(
    msgspec.Struct, frozen=True, rename={"resource_version": "resourceVersion", "next": "continue"}
):
    resource_version: str = ""
    next: str = ""


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class Reflector:
    """Fills one table, for ever. *chance* is uniform in [0, 1)."""

    def __init__(self, api: KubeApi, table: ObjectTable, chance: Callable[[], float]) -> None:
        self._api = api
        self._table = table
        self._kind = table.kind
        self._chance = chance
        self._cursor: WatchCursor | None = None
        self._opened = math.inf  # when the present watch was
        self._heard = False  # whether it has brought a line
        self._failures = 0
        self._missing_since: float | None = None
        self._relisted = False  # whether the history was gone the last time too
        self._reported: tuple[type[KubeError], int] | None = None

    async def run(self) -> None:
        """List and watch; every trouble is waited out."""
        self._cursor = None  # after a fault of ours nothing says what was missed
        while True:
            trouble = await self._list_and_watch()
            if isinstance(trouble, Missing) and self._kind.optional:
                trouble = await self._missing_for_good(trouble)
            await trio.sleep(self._pause(trouble))

    async def _list_and_watch(self) -> KubeError | None:
        """Return why it ended, None for a watch that lasted and was closed by the server."""
        self._opened = math.inf
        trouble: KubeError | None = None
        try:
            if self._cursor is None:
                self._cursor = WatchCursor(await self._list())
                self._missing_since = None
            await self._watch(self._cursor)
        except KubeError as error:
            trouble = error
        if trio.current_time() - self._opened >= HEALTHY_SECONDS:
            self._failures = 0
        elif trouble is None:
            trouble = Unavailable(0, f"watch {self._kind.plural}: closed at once")
        return trouble

    async def _list(self) -> str:
        entries: list[Entry] = []
        params = {"limit": str(PAGE_SIZE)}
        while True:
            try:
                content = await self._api.request("GET", self._kind.path(), params=params)
            except Gone:
                if not params:
                    raise
                entries, params = [], {}  # as client-go does: then all of it in one piece
                continue
            page = decoded(content, _Page, f"list {self._kind.plural}")
            entries += [read_entry(self._kind, item) for item in page.items or ()]
            if not page.metadata.next:
                self._table.replace(entries)
                return page.metadata.resource_version
            params = {"limit": str(PAGE_SIZE), "continue": page.metadata.next}

    async def _watch(self, cursor: WatchCursor) -> None:
        seconds = int(WATCH_SECONDS * (0.9 + 0.2 * self._chance()))
        params = {
            "watch": "true",
            "resourceVersion": cursor.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        silence = seconds + SILENCE_MARGIN_SECONDS
        failure: KubeError | None = None
        self._heard = False
        # To leave the loop early would leave httpx's generators half-used; a cancelled read ends them all.
        with trio.CancelScope() as scope:
            async with self._api.open_watch(self._kind.path(), params, silence=silence) as lines:
                self._opened = trio.current_time()
                async for line in lines:
                    failure = failure or self._take(cursor, line)
                    if failure is not None:
                        scope.cancel()
        if failure is not None:
            raise failure
        if not self._heard and trio.current_time() >= self._opened + seconds:
            # Not even a bookmark: etcd may have been restored to an older version, and the server waits for ours.
            self._cursor = None

    def _take(self, cursor: WatchCursor, line: bytes) -> KubeError | None:
        """Bring the table up to date, or return why the watch has to end."""
        match cursor.read(line):
            case Upsert(item):
                self._table.upsert(read_entry(self._kind, item))
            case Delete(item):
                self._table.delete(read_key(item))
            case Expired():
                return Gone(410, f"watch {self._kind.plural}: the history is gone")
            case Failed(message):
                self._cursor = None
                return KubeError(0, f"watch {self._kind.plural}: {message}")
        if not self._heard:
            self._recovered()
        return None

    def _recovered(self) -> None:
        self._heard = True
        self._relisted = False
        if self._reported is not None:
            log.info("%s: listed and watched again", self._kind.plural)
        self._reported = None

    def _pause(self, trouble: KubeError | None) -> float:
        """Note what went wrong and return the seconds to wait."""
        soon = RESUME_SPREAD_SECONDS * self._chance()
        if trouble is None:
            return soon
        self._failures += 1
        if trouble.status not in _RESUMABLE and trouble.status < 500:
            self._cursor = None
        if isinstance(trouble, Gone) and not self._relisted:
            self._relisted = True  # a list is due, whatever failed before
            return soon
        passing = isinstance(trouble, Unavailable | Gone)
        if passing and (trouble.status == 0 or self._failures < STUBBORN_FAILURES):
            log.debug("%s", trouble)  # an outage is reported once for the whole API
        else:
            self._report(trouble)
        backoff = BACKOFF if passing else REFUSED_BACKOFF
        return backoff.delay(self._failures, self._chance())

    async def _missing_for_good(self, trouble: KubeError) -> KubeError:
        """Empty the table when the kind has been gone for a while; return what has to be waited out."""
        now = trio.current_time()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < MISSING_GRACE_SECONDS:
            return Unavailable(404, str(trouble))
        try:
            if self._table.served and await is_served(self._api, self._kind):
                return trouble
        except KubeError as error:
            return error
        self._table.missing()
        return Missing(404, "the cluster does not know this kind; waiting for its CRD")

    def _report(self, trouble: KubeError) -> None:
        """Say it once: the message may differ each time, as where it holds a time."""
        kind = type(trouble), trouble.status
        if kind != self._reported:
            log.warning("%s: %s", self._kind.plural, trouble)
        self._reported = kind
