"""How many clients may be connected, in all and from one address, over all ports."""

from collections import Counter


class ConnectionLimits:
    """Counts connections; 0 stands for no limit."""

    def __init__(self, in_all: int = 0, per_client: int = 0) -> None:
        self._in_all = in_all
        self._per_client = per_client
        self._total = 0
        self._by_address: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Return how many are connected."""
        return self._total

    def enter(self, address: str) -> str:
        """Count one more from *address* and return "", or return why there may be no more."""
        if self._in_all and self._total >= self._in_all:
            return f"the router serves {self._in_all} connections at most (--max-connections)"
        if self._per_client and self._by_address[address] >= self._per_client:
            return (
                f"the router serves {self._per_client} connections of one client at most "
                "(--max-connections-per-client)"
            )
        self._total += 1
        if self._per_client:
            self._by_address[address] += 1
        return ""

    def leave(self, address: str) -> None:
        """Count one less from *address*, that `enter` has counted."""
        self._total -= 1
        if self._per_client:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
