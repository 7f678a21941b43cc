"""The requests an engine works on: at most so many run at a time, the others wait in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

import trio


class Sequence:
    """One running request and how many tokens it holds in the cache."""

    def __init__(self, prompt_tokens: int) -> None:
        self.tokens = prompt_tokens


class Sequences:
    """Admission and the facts for the gauges."""

    def __init__(self, most: int, kv_blocks: int, block_size: int) -> None:
        self.waiting = 0
        self._slots = trio.Semaphore(most)
        self._running: set[Sequence] = set()
        self._kv_blocks = kv_blocks
        self._block_size = block_size

    @property
    def running(self) -> int:
        """How many are being worked on."""
        return len(self._running)

    @property
    def has_room(self) -> bool:
        """Whether the next request runs at once."""
        return self._slots.value > 0

    def blocks(self, tokens: int) -> int:
        """How many cache blocks *tokens* take."""
        return ceil(tokens / self._block_size)

    @property
    def cache_use(self) -> float:
        """The part of the cache that running requests hold, from 0 to 1."""
        held = sum(self.blocks(sequence.tokens) for sequence in self._running)
        return min(1.0, held / self._kv_blocks)

    @asynccontextmanager
    async def admit(self, prompt_tokens: int) -> AsyncIterator[Sequence]:
        """Wait for a place and hold it."""
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        sequence = Sequence(prompt_tokens)
        self._running.add(sequence)
        try:
            yield sequence
        finally:
            self._running.discard(sequence)
            self._slots.release()
