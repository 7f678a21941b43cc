"""Methods of gRPC as an ASGI application."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from kthena_sandbox.rpc.framing import (
    INTERNAL,
    OK,
    UNIMPLEMENTED,
    Frames,
    RpcError,
    encoded_text,
    framed,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# What the protocol uses itself, and what grpc-go's servers leave out of a call's metadata.
_RESERVED = {"te", "grpc-timeout", "grpc-encoding", "grpc-message", "grpc-message-type", "grpc-status"}  # fmt: skip


class Conversation(Protocol):
    """Messages in both directions."""

    async def receive(self) -> bytes | None:
        """The next message, None where the client sends no more. Raises RpcError."""

    async def send(self, message: bytes) -> None:
        """One message to the client."""


class Call:
    """One call over HTTP/2: messages in and out."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.method: str = scope["path"]
        self.metadata = tuple(_metadata(scope))
        self._receive = receive
        self._send = send
        self._frames = Frames()
        self._waiting: list[bytes] = []
        self._ended = self._begun = False

    async def receive(self) -> bytes | None:
        """The next message, None where the client sends no more. Raises RpcError."""
        while not self._waiting and not self._ended:
            event = await self._receive()
            self._ended = not event.get("more_body", False)
            self._waiting += self._frames.feed(event.get("body", b""))
        if self._waiting:
            return self._waiting.pop(0)
        if not self._frames.complete:
            raise RpcError(INTERNAL, "unexpected EOF")
        return None

    async def send(self, message: bytes) -> None:
        """One message to the client."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": framed(message), "more_body": True})

    async def close(self, code: int, message: str) -> None:
        """Say how the call went."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": b""})
        trailers = [(b"grpc-status", str(code).encode())]
        if message:
            trailers.append((b"grpc-message", encoded_text(message)))
        await self._send({"type": "http.response.trailers", "headers": trailers})

    async def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        headers = [(b"content-type", b"application/grpc")]
        start = {"type": "http.response.start", "status": 200, "headers": headers, "trailers": True}
        await self._send(start)


Method = Callable[[Call], Awaitable[None]]


class RpcApp:
    """Serves *methods*, by their paths."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods
        self._services = {path.rpartition("/")[0] for path in methods}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request; what is no call of gRPC is refused as grpc-go does."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").decode("latin-1")
        if scope["http_version"] != "2" or not kind.startswith("application/grpc"):
            text = f'invalid gRPC request content-type "{kind}"'.encode()
            await send({"type": "http.response.start", "status": 415, "headers": []})
            await send({"type": "http.response.body", "body": text})
            return
        call = Call(scope, receive, send)
        try:
            await self._method(call.method)(call)
        except RpcError as error:
            await call.close(error.code, error.message)
        else:
            await call.close(OK, "")

    def _method(self, path: str) -> Method:
        if found := self._methods.get(path):
            return found
        service, _, method = path.rpartition("/")
        if service in self._services:
            text = f"unknown method {method} for service {service[1:]}"
        else:
            text = f"unknown service {service[1:]}"
        raise RpcError(UNIMPLEMENTED, text)


def _metadata(scope: Message) -> list[tuple[str, str]]:
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    named = [(":authority" if name == "host" else name, value) for name, value in pairs]
    return [(name, value) for name, value in named if name not in _RESERVED]
