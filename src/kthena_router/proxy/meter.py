"""What is measured of an answer that passes by, and what is taken out of it: the usage that the router asked for itself."""

import trio

from kthena_router.wire.usage import Usage, UsageObserver
from kthena_router.wire.usage_filter import UsageFilter


class Meter:
    """Is fed the pieces of one answer. Times are on trio's clock; None before the first piece. *streams*: it is events."""

    __slots__ = ("_filter", "_observer", "first", "last", "streams")

    def __init__(self) -> None:
        self._observer = UsageObserver()
        self._filter: UsageFilter | None = None
        self.streams = False
        self.first: float | None = None
        self.last: float | None = None

    def hide_usage(self) -> None:
        """Take the usage chunk out of what follows, which is a stream of events."""
        self._filter = UsageFilter()

    def take(self, piece: bytes) -> bytes:
        """Note *piece*, and return what the client gets of it now."""
        self._observer.feed(piece)
        self.last = trio.current_time()
        if self.first is None:
            self.first = self.last
        return piece if self._filter is None else self._filter.feed(piece)

    def finish(self) -> bytes:
        """Return what was held back, at the end of the answer."""
        return b"" if self._filter is None else self._filter.finish()

    @property
    def usage(self) -> Usage:
        """Return the tokens as the engine counted them, zeros where it did not say."""
        return self._observer.usage
