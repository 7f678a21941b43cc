"""One request's call of the application, and what the server adds to its answer or says in its place."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import trio

from kthena_router.listeners.asgi import JSON_CONTENT, ASGIApp, Message, Scope, Send, respond
from kthena_router.listeners.inbox import Inbox

log = logging.getLogger(__name__)

INTERNAL_ERROR = b'{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal_error"}}'
# RFC 9113 8.2.2: an HTTP/2 message that carries one of these is malformed.
CONNECTION_SPECIFIC = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)


class Calls:
    """The calls of one connection. It stands where hypercorn has its TaskGroup, and has that shape."""

    def __init__(self, nursery: trio.Nursery, app: ASGIApp, closing: Callable[[], bool]) -> None:
        self._nursery = nursery
        self._app = app
        self._closing = closing
        self.running = 0

    async def spawn_app(
        self,
        app: object,
        config: Any,
        scope: Scope,
        send: Callable[[Message | None], Awaitable[None]],
    ) -> Callable[[Message], Awaitable[None]]:
        """Start the application on *scope*; return what brings it its messages."""
        inbox = Inbox(config.max_app_queue_size)
        self._nursery.start_soon(self._call, scope, inbox, send)
        return inbox.put

    def spawn(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start one of the protocol's own tasks."""
        self._nursery.start_soon(task, *args)

    async def _call(
        self, scope: Scope, inbox: Inbox, send: Callable[[Message | None], Awaitable[None]]
    ) -> None:
        answer = Answer(
            send,
            http2=scope["http_version"] == "2",
            # An answer to half a request is the last one: RFC 9112 9.3
            closing=lambda: self._closing() or not inbox.complete,
        )
        self.running += 1
        try:
            if scope["type"] == "http":
                await self._app(scope, inbox.receive, answer.send)
            else:
                await send({"type": "websocket.close"})  # before an accept: hypercorn answers 403
        except Exception:
            log.exception("the request %s %s failed", scope.get("method"), scope["path"])
            if not answer.started:
                await respond(answer.send, 500, INTERNAL_ERROR, [JSON_CONTENT])
        finally:
            self.running -= 1
            inbox.close()
            await send(None)  # where the answer is not complete, this cuts it visibly


class Answer:
    """The `send` of one request."""

    def __init__(self, send: Send, *, http2: bool, closing: Callable[[], bool]) -> None:
        self._send = send
        self._http2 = http2
        self._closing = closing
        self.started = False

    async def send(self, message: Message) -> None:
        """Pass *message* on; the head is made fit for the version of HTTP first."""
        if message["type"] == "http.response.start":
            self.started = True
            closing = self._closing() and not self._http2
            message = {**message, "headers": plan_headers(message, self._http2, closing)}
        await self._send(message)


def plan_headers(message: Message, http2: bool, closing: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers to send: one date (the server's own), nothing that HTTP/2 forbids, and the end announced."""
    given: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
    dropped = CONNECTION_SPECIFIC if http2 else frozenset({b"connection"} if closing else ())
    headers = [
        (name, value)
        for name, value in given
        if (lower := name.lower()) != b"date" and lower not in dropped
    ]
    return [*headers, (b"connection", b"close")] if closing else headers
