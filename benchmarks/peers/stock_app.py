"""A proxy of hypercorn (with h11) and an httpx client, in the fewest lines: `stock_app.py LISTEN BACKEND LOG`."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve

_HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade"}

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Proxy:
    """Passes requests on as they come, and answers piece by piece."""

    def __init__(self, backend: str, client: httpx.AsyncClient) -> None:
        self._backend = backend
        self._client = client

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_left, receive, nursery.cancel_scope)
            await self._pass_on(scope, body, send)
            nursery.cancel_scope.cancel()

    async def _cancel_when_left(self, receive: Receive, scope: trio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def _pass_on(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        headers = [pair for pair in scope["headers"] if pair[0] not in _HOP_BY_HOP]
        url = f"http://{self._backend}{scope['raw_path'].decode()}"
        async with self._client.stream("POST", url, content=body, headers=headers) as answer:
            kept = [
                (name.lower(), value)
                for name, value in answer.headers.raw
                if name.lower() not in _HOP_BY_HOP
            ]
            status = answer.status_code
            await send({"type": "http.response.start", "status": status, "headers": kept})
            async with aclosing(answer.aiter_raw()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    more = {"type": "http.response.body", "body": piece, "more_body": True}
                    await send(more)
            await send({"type": "http.response.body", "body": b""})


async def main(arguments: list[str]) -> None:
    """Serve until the process is ended."""
    listen, backend, access_log = arguments
    config = Config()
    config.bind = [listen]
    config.backlog = 4096
    config.accesslog = access_log
    config.keep_alive_timeout = 300
    config.keep_alive_max_requests = 10**9
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=4096)
    timeout = httpx.Timeout(300.0)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=timeout) as client:
        await serve(Proxy(backend, client), config)  # type: ignore[arg-type]


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
