"""The peers of a run: installed, started, started anew, ended."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from benchmarks.errors import Unavailable
from benchmarks.peers.base import Peer, Running, Surroundings
from benchmarks.results import Failure, Results


class Fleet:
    """Knows which peers run. A peer that fails for good is entered in the results and left out."""

    def __init__(
        self, surroundings: Surroundings, results: Results, tell: Callable[[str], None]
    ) -> None:
        self._surroundings = surroundings
        self._results = results
        self._tell = tell
        self._running: dict[str, tuple[Running, AsyncExitStack]] = {}
        self._lost: set[str] = set()

    def _lose(self, peer: Peer, reason: str) -> None:
        self._lost.add(peer.name)
        self._results.failures.append(Failure(peer.name, reason))
        self._tell(f"{peer.name} is left out: {reason}")

    def prepare(self, peers: Sequence[Peer]) -> None:
        """Install what is missing; this may take minutes the first time."""
        for peer in peers:
            try:
                self._results.peers[peer.name] = peer.prepare(self._surroundings)
            except Unavailable as error:
                self._results.peers[peer.name] = ""
                self._lose(peer, str(error))

    async def get(self, peer: Peer) -> Running | None:
        """Return a peer that runs, started if need be; None for one that is lost."""
        if peer.name in self._lost:
            return None
        if peer.name in self._running:
            running, _ = self._running[peer.name]
            if running.group is None or running.group.alive:
                return running
            await self.stop(peer)
        async with AsyncExitStack() as stack:
            try:
                running = await stack.enter_async_context(peer.open(self._surroundings))
            except Unavailable as error:
                self._lose(peer, f"does not start: {error}")
                return None
            self._running[peer.name] = running, stack.pop_all()
        return running

    async def stop(self, peer: Peer) -> None:
        """End a peer that runs."""
        if peer.name in self._running:
            _, stack = self._running.pop(peer.name)
            await stack.aclose()

    async def stop_all(self, peers: Sequence[Peer]) -> None:
        """End all of them."""
        for peer in peers:
            await self.stop(peer)
