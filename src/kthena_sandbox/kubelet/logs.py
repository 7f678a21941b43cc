"""What a container said: the last lines of it, to read and to follow."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

import trio

_MOST_LINES = 10_000
_MOST_BYTES = 1024 * 1024


class ContainerLog:
    """Lines with the times at which they were said; the oldest make room."""

    def __init__(self, wall_clock: Callable[[], datetime]) -> None:
        self.closed = False
        self._wall_clock = wall_clock
        self._lines: deque[tuple[datetime, str]] = deque()
        self._bytes = 0
        self._total = 0
        self._news = trio.Event()

    def write(self, line: str) -> None:
        """Add one line."""
        self._lines.append((self._wall_clock(), line))
        self._bytes += len(line)
        self._total += 1
        while len(self._lines) > _MOST_LINES or self._bytes > _MOST_BYTES:
            _, gone = self._lines.popleft()
            self._bytes -= len(gone)
        self._news.set()

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._news.set()

    @property
    def end(self) -> int:
        """The number of the next line."""
        return self._total

    @property
    def start(self) -> int:
        """The number of the oldest line that is kept."""
        return self._total - len(self._lines)

    def read(self, first: int) -> Iterator[tuple[datetime, str]]:
        """The lines from number *first* on that are kept."""
        skipped = max(0, first - self.start)
        for index, entry in enumerate(self._lines):
            if index >= skipped:
                yield entry

    async def wait_beyond(self, end: int) -> None:
        """Wait until there is a line *end*, or the log is closed."""
        while self._total <= end and not self.closed:
            self._news = trio.Event()
            await self._news.wait()
