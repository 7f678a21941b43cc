"""The interface between a server and an application: ASGI 3.0, HTTP only, and the shortest way to answer."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

JSON_CONTENT = (b"content-type", b"application/json")


class ClientLeft(OSError):
    """The client is gone; ASGI 3.0 wants an OSError from `send` then."""


# The key of a request's `DirectClient` in `scope["extensions"]`; absent where the connection is shared (HTTP/2).
DIRECT_CLIENT = "kthena.direct_client"


class DirectClient(Protocol):
    """The client of one request, for applications that try first and wait after. *left*: it has gone."""

    left: bool

    def cancel_when_it_leaves(self) -> None:
        """Cancel the task of the application when the client leaves before its answer is complete.

        Without this, `receive` tells it, as ASGI has it. The time limits on the request's body are the server's.
        """

    def send_body_nowait(self, body: bytes) -> bytes:
        """Send a piece of the body, and the head with the first one; return what has still to be sent with `send_rest`.

        What is returned is framed already. Raises ClientLeft.
        """

    async def send_rest(self, rest: bytes) -> None:
        """Return when all of *rest* is on its way. Raises ClientLeft."""


async def respond(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """Send a whole answer; `content-length` is added, names in *headers* are lower case."""
    framed = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": framed})
    await send({"type": "http.response.body", "body": body, "more_body": False})
