"""The idle connections of one endpoint: a plain list, the latest used first, each checked before it is used again."""

from kthena_router.upstream.connection import Connection


class IdleConnections:
    """Keeps at most *limit* connections, each for *keepalive* seconds. Nothing here waits.

    Engines close idle connections after 5 s (uvicorn's default), so *keepalive* has to be shorter than that.
    """

    __slots__ = ("_closed", "_keepalive", "_kept", "_limit")

    def __init__(self, *, limit: int, keepalive: float) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._kept: list[tuple[float, Connection]] = []  # when it expires; the latest last
        self._closed = False

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, now: float) -> Connection | None:
        """Return a connection that is fit for a request, or None; those that are not are closed."""
        while self._kept:
            expires, connection = self._kept.pop()
            if now < expires and connection.is_silent():
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection, now: float) -> None:
        """Take over a connection whose last answer is complete."""
        if self._closed:
            connection.close()
            return
        self._kept.append((now + self._keepalive, connection))
        if len(self._kept) > self._limit:
            self._kept.pop(0)[1].close()

    def sweep(self, now: float) -> None:
        """Close what has expired."""
        expired = sum(expires <= now for expires, _ in self._kept)
        for _, connection in self._kept[:expired]:
            connection.close()
        del self._kept[:expired]

    def close(self) -> None:
        """Close all, and from now on whatever comes back."""
        self._closed = True
        for _, connection in self._kept:
            connection.close()
        self._kept.clear()
