"""The echo server's ASGI application, one for each connection."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import trio

from kthena_sandbox.echo.answers import (
    Asked,
    echo_body,
    go_json,
    seconds_of,
    status_of,
    wanted_headers,
)
from kthena_sandbox.echo.settings import EchoSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_JSON = [("content-type", "application/json"), ("x-content-type-options", "nosniff")]


@dataclass
class Tries:
    """How often each `uuid` of `/retry` was tried, over all connections."""

    counts: dict[str, int] = field(default_factory=dict)

    def count(self, uuid: str) -> int:
        """The number of this try, from 1 on."""
        self.counts[uuid] = self.counts.get(uuid, 0) + 1
        return self.counts[uuid]


@dataclass
class EchoApp:
    """`http2` says whether HTTP/2 is what is to be spoken (h2c), may be (TLS: None) or may not be."""

    settings: EchoSettings
    port: int
    http2: bool | None
    tls: Mapping[str, Any] | None
    tries: Tries
    say: Callable[[str], None]
    cut: Callable[[], None]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "websocket":
            await self._web_socket(scope, receive, send)
        elif scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
            await self._answer(scope, send)

    async def _answer(self, scope: Message, send: Send) -> None:
        is_http2 = scope["http_version"] == "2"
        if self.http2 is True and not is_http2:
            await _respond(send, 400, b"Expected h2c request")
            return
        if self.http2 is False and is_http2:
            await _respond(send, 505, b"HTTP/2 is not served on this port")
            return
        asked = _asked(scope)
        path = asked.uri.partition("?")[0].replace("//", "/")
        query = {name: values[0] for name, values in parse_qs(asked.uri.partition("?")[2]).items()}
        if path == "/health":
            await _respond(send, 200, b"OK")
        elif path.startswith("/status/"):
            await _respond(send, status_of(asked.uri), b"")
        elif path.startswith("/retry"):
            await self._retry(scope, query, asked, send)
        else:
            await self._echo(scope, query, asked, send)

    async def _echo(
        self, scope: Message, query: Mapping[str, str], asked: Asked, send: Send
    ) -> None:
        host, port = scope["client"] or ("", 0)
        self.say(f"Echoing back request made to {asked.uri} to client ({host}:{port})")
        try:
            await trio.sleep(seconds_of(query.get("delay") or "0"))
        except ValueError as error:
            await _respond(send, 500, go_json({"message": str(error)}), _JSON)
            return
        body = echo_body(asked, self.settings.context, self.port, self.tls)
        await _respond(send, 200, body, [*wanted_headers(asked), *_JSON])

    async def _retry(
        self, scope: Message, query: Mapping[str, str], asked: Asked, send: Send
    ) -> None:
        """Fail so often as the query says, with a status or by a cut connection."""
        try:
            uuid = query["uuid"]
            after, code = int(query.get("succeedAfter", "0")), int(query.get("responseCode", "0"))
            delay = seconds_of(query.get("delayRetry") or "0")
        except (KeyError, ValueError) as error:
            await _respond(send, 400, f"invalid query: {error}".encode())
            return
        if self.tries.count(uuid) > after:
            await self._echo(scope, query, asked, send)
            return
        await trio.sleep(delay)
        if code:
            await _respond(send, code, b"")
        else:
            self.cut()

    async def _web_socket(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] != "/ws":
            await send({"type": "websocket.close"})
            return
        host, port = scope["client"] or ("", 0)
        self.say(f"established websocket connection {host}:{port}")
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            content = {
                name: message[name] for name in ("bytes", "text") if message.get(name) is not None
            }
            await send({"type": "websocket.send", **content})


def _asked(scope: Message) -> Asked:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    query = scope["query_string"].decode("latin-1")
    host = next((value for name, value in headers if name.lower() in {"host", ":authority"}), "")
    proto = "HTTP/2.0" if scope["http_version"] == "2" else f"HTTP/{scope['http_version']}"
    uri = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    return Asked(scope["method"], uri, host, proto, headers)


async def _respond(
    send: Send, status: int, body: bytes, headers: list[tuple[str, str]] | None = None
) -> None:
    listed = [*(headers or []), ("content-length", str(len(body)))]
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in listed]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
