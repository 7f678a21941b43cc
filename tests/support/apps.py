"""Small ASGI applications for the tests of connections."""

from collections.abc import Awaitable, Callable

import trio

from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"hello")


def streaming(
    pieces: int, pause: float, after: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(pieces):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            await trio.sleep(pause)
        await after()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app
