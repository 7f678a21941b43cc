"""WebSocket connections, each message a piece of a byte stream or a message of a channel (RFC 6455, through wsproto)."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError


class WebSocket:
    """The server's side. Messages are bytes; those of texts are taken in UTF-8."""

    def __init__(self, stream: trio.abc.Stream, head: bytes) -> None:
        self._stream = stream
        self._connection = WSConnection(ConnectionType.SERVER)
        self._sending = trio.Lock()
        self._messages: deque[bytes] = deque()
        self._part = b""
        self._ended = False
        self._head = head

    async def accept(self, subprotocol: str) -> None:
        """Answer the handshake whose head was given; *subprotocol* "" is none. Raises RemoteProtocolError and trio's errors of streams."""
        self._connection.receive_data(self._head)
        for event in self._connection.events():
            if isinstance(event, Request):
                await self._send(AcceptConnection(subprotocol=subprotocol or None))
                return
        raise RemoteProtocolError("the handshake is not complete")

    async def _send(self, event: AcceptConnection | BytesMessage | CloseConnection | Pong) -> None:
        async with self._sending:
            await self._stream.send_all(self._connection.send(event))

    async def send_message(self, data: bytes) -> None:
        """One binary message. Raises trio.BrokenResourceError."""
        try:
            await self._send(BytesMessage(data=data))
        except LocalProtocolError:
            raise trio.BrokenResourceError from None

    async def next_message(self) -> bytes | None:
        """The next message, None at the end."""
        while not self._messages:
            if self._ended:
                return None
            await self._receive()
        return self._messages.popleft()

    async def _receive(self) -> None:
        try:
            data = bytes(await self._stream.receive_some())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        try:
            self._connection.receive_data(data or None)
            answers = [event.response() for event in self._events()]
        except RemoteProtocolError:
            answers, self._ended = [], True
        self._ended = self._ended or not data
        for answer in answers:
            await self._send_quietly(answer)

    async def _send_quietly(self, event: Pong | CloseConnection) -> None:
        """Where nobody listens any more that is no news."""
        with suppress(LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
            await self._send(event)

    def _events(self) -> Iterator[Ping | CloseConnection]:
        """Take messages; those events that want an answer come out."""
        for event in self._connection.events():
            if isinstance(event, BytesMessage | TextMessage):
                data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
                self._part += data
                if event.message_finished:
                    self._messages.append(self._part)
                    self._part = b""
            elif isinstance(event, CloseConnection):
                self._ended = True
                yield event
            elif isinstance(event, Ping):
                yield event

    async def close(self) -> None:
        """Say that this is the end."""
        await self._send_quietly(CloseConnection(code=1000))


class WebSocketStream(trio.abc.Stream):
    """The bytes of binary messages as one stream: how Kubernetes tunnels SPDY (KEP-4006)."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._socket.send_message(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """A whole message, whatever *max_bytes* is; an empty one is none of the end."""
        while (message := await self._socket.next_message()) == b"":
            pass
        return message or b""

    async def aclose(self) -> None:
        await self._socket.close()
