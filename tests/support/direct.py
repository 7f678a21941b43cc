"""A request at the application itself, where a test plays the server and the client behind it."""

from collections.abc import Awaitable, Callable, Iterable

import trio

from kthena_router.listeners.asgi import ASGIApp, Message, Scope

BODY = b'{"model":"m","prompt":"hi","stream":true}'


class DirectCall:
    """One request to *app*. Its body comes in *pieces*; `leave` makes the client go; *taking* runs before each send is taken."""

    def __init__(
        self,
        app: ASGIApp,
        pieces: Iterable[bytes] = (BODY,),
        *,
        ends: bool = True,
        method: str = "POST",
        path: str = "/v1/completions",
        headers: Iterable[tuple[bytes, bytes]] = (),
        taking: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    ) -> None:
        self._app = app
        self._messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        if ends:
            self._messages.append({"type": "http.request", "body": b"", "more_body": False})
        self._left = trio.Event()
        self._taking = taking
        self._scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"x"), *headers],
        }
        self.sent: list[Message] = []

    async def run(self) -> None:
        """Serve the request."""
        await self._app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        """The client goes."""
        self._left.set()

    @property
    def status(self) -> int:
        """Return the status that was sent, 0 for none."""
        return int(self.sent[0]["status"]) if self.sent else 0

    @property
    def body(self) -> bytes:
        """Return what was sent of the body."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        """Return whether the answer was sent to its end."""
        return len(self.sent) > 1 and not self.sent[-1]["more_body"]

    async def _receive(self) -> Message:
        await trio.lowlevel.checkpoint()
        if self._messages and not self._left.is_set():
            return self._messages.pop(0)
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._taking()
        self.sent.append(message)
