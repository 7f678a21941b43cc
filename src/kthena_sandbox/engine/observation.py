"""What an engine saw, for people and tests that rehearse failures: `GET /mock/stats`."""

from collections import Counter
from typing import Any

from kthena_sandbox.httpd.messages import Request


class Observation:
    """Counts since the start or the last reset, and the last request to `/v1/`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.requests: Counter[str] = Counter()
        self.completed = self.aborted = self.cut = 0
        self.last: Request | None = None

    def note(self, request: Request) -> None:
        """A request has come."""
        self.requests[request.path] += 1
        if request.method == "POST" and request.path.startswith("/v1/"):
            self.last = request

    def document(self) -> dict[str, Any]:
        """`aborted` are requests whose client left, `cut` those that a fault ended."""
        return {
            "requests": dict(self.requests),
            "total": self.requests.total(),
            "completed": self.completed,
            "aborted": self.aborted,
            "cut": self.cut,
            "last": self._last(),
        }

    def _last(self) -> dict[str, Any] | None:
        if self.last is None:
            return None
        return {
            "method": self.last.method,
            "path": self.last.path,
            "headers": [list(pair) for pair in self.last.headers],
            "body": self.last.body.decode(errors="replace"),
        }
