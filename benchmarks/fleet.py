"""The peers of a run: installed, started, started anew, ended."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import trio

from benchmarks.errors import Unavailable
from benchmarks.peers.base import Kit, Peer, Running, Surroundings
from benchmarks.results import Failure, Results

Tell = Callable[[str], None]


def install(peers: Sequence[Peer], kit: Kit, results: Results, tell: Tell) -> None:
    """Install what is missing, and note versions and failures; this may take minutes the first time."""
    for peer in peers:
        results.peers[peer.name] = ""
        try:
            results.peers[peer.name] = peer.prepare(kit)
        except Unavailable as error:
            results.failures.append(Failure(peer.name, str(error)))
            tell(f"{peer.name}: {error}")
        else:
            tell(f"{peer.name} {results.peers[peer.name]}".rstrip())


class Fleet:
    """Knows which peers run. A peer that fails for good is entered in the results and left out."""

    def __init__(self, surroundings: Surroundings, results: Results, tell: Tell) -> None:
        self._surroundings = surroundings
        self._results = results
        self._tell = tell
        self._running: dict[str, tuple[Running, AsyncExitStack]] = {}

    def _is_lost(self, peer: Peer) -> bool:
        failures = self._results.failures
        return any(failure.peer == peer.name and not failure.part for failure in failures)

    def _lose(self, peer: Peer, reason: str) -> None:
        self._results.failures.append(Failure(peer.name, reason))
        self._tell(f"{peer.name} is left out: {reason}")

    async def start_all(self, peers: Sequence[Peer]) -> None:
        """Start the peers that do not run, at once, which is faster than one after the other."""
        if any(peer.name not in self._running and not self._is_lost(peer) for peer in peers):
            self._tell("starting the peers")
        async with trio.open_nursery() as nursery:
            for peer in peers:
                nursery.start_soon(self.get, peer)

    async def get(self, peer: Peer) -> Running | None:
        """Return a peer that runs, started if need be; None for one that is lost."""
        if self._is_lost(peer):
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
