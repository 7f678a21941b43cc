"""Whether the router is alive and ready, known without asking anybody."""

import logging

log = logging.getLogger(__name__)

ALIVE = b'{"message":"ok"}'
READY = b'{"message":"router is ready"}'
NOT_READY = b'{"message":"router is not ready"}'


class Health:
    """Ready when everything required is satisfied and nobody has said `not_ready`, which is final."""

    def __init__(self) -> None:
        self._missing: dict[str, None] = {}  # in the order in which it was required
        self._refusal = ""

    @property
    def ready(self) -> bool:
        """Return whether requests should be sent here."""
        return not self._missing and not self._refusal

    @property
    def reason(self) -> str:
        """Return why it is not ready; empty when it is."""
        return self._refusal or (f"waiting for {', '.join(self._missing)}" if self._missing else "")

    def require(self, name: str) -> None:
        """Be not ready until *name* is satisfied."""
        self._missing[name] = None

    def satisfy(self, name: str) -> None:
        """Note that *name* is there; a second time, or for what was never required, it changes nothing."""
        if name not in self._missing:
            return
        del self._missing[name]
        log.info("%s", self.reason or "ready")

    def not_ready(self, reason: str) -> None:
        """Be not ready from now on."""
        self._refusal = reason
        log.info("not ready: %s", reason)

    def answer(self, path: str) -> tuple[int, bytes] | None:
        """Return status and JSON body for a health path, None for any other path."""
        if path == "/healthz":
            return 200, ALIVE
        if path == "/readyz":
            return (200, READY) if self.ready else (503, NOT_READY)
        return None
