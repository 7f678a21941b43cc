"""One answer to one client: sent in the right order, with the headers that every answer carries."""

from collections.abc import Callable

from kthena_router.errors import RouterError
from kthena_router.listeners.asgi import JSON_CONTENT, Send
from kthena_router.wire.headers import REQUEST_ID, Headers
from kthena_router.wire.payloads import error_body

CLOSE = (b"connection", b"close")


class Answer:
    """Sends an answer; `started` tells whether its head is out, so that nothing else can be said any more."""

    def __init__(self, send: Send, request_id: bytes, draining: Callable[[], bool]) -> None:
        self._send = send
        self._request_id = request_id
        self._draining = draining
        self.started = False
        self.finished = False  # the last piece has been handed to the server
        self.status = 0

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head; while draining the client is asked to connect anew for its next request."""
        self.started = True
        self.status = status
        closing = (CLOSE,) if self._draining() else ()
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *closing]}
        )

    async def piece(self, body: bytes, *, more: bool) -> None:
        """Send a piece of the body; returns when the client's connection has taken it."""
        self.finished = not more
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def whole(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Send a complete JSON answer."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, (JSON_CONTENT, (REQUEST_ID, self._request_id), *headers, length))
        await self.piece(body, more=False)

    async def error(self, error: RouterError) -> None:
        """Send what went wrong, in OpenAI's shape."""
        headers = []
        if error.retry_after:
            headers.append((b"retry-after", b"%d" % error.retry_after))
        if error.allow:
            headers.append((b"allow", error.allow.encode()))
        await self.whole(error.status, error_body(error), tuple(headers))
