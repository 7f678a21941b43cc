"""A call of one message and one answer, over a connection of its own."""

from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio

from kthena_sandbox.rpc.framing import INTERNAL, OK, UNAVAILABLE, Frames, RpcError, framed

_STREAM = 1
_UNKNOWN = 2


async def call(
    stream: trio.abc.Stream,
    authority: str,
    path: str,
    message: bytes,
    metadata: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """What the method answers. Raises RpcError, also where the connection breaks."""
    exchange = _Exchange()
    headers = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority),
        ("te", "trailers"), ("content-type", "application/grpc"), *metadata,
    ]  # fmt: skip
    exchange.connection.initiate_connection()
    exchange.connection.send_headers(_STREAM, headers)
    exchange.connection.send_data(_STREAM, framed(message), end_stream=True)
    try:
        await stream.send_all(exchange.connection.data_to_send())
        while not exchange.ended:
            data = await stream.receive_some()
            exchange.take(bytes(data))
            await stream.send_all(exchange.connection.data_to_send())
    except (trio.BrokenResourceError, h2.exceptions.ProtocolError) as error:
        raise RpcError(UNAVAILABLE, f"connection error: {error}") from error
    return exchange.answer()


class _Exchange:
    """What has come of the answer."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.connection = h2.connection.H2Connection(config)
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._frames = Frames()
        self._messages: list[bytes] = []

    def take(self, data: bytes) -> None:
        """Bytes as they came. Raises RpcError, h2.exceptions.ProtocolError."""
        if not data:
            raise RpcError(UNAVAILABLE, "connection error: EOF")
        for event in self.connection.receive_data(data):
            match event:
                case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                    self._headers |= {bytes(name): bytes(value) for name, value in event.headers}
                case h2.events.DataReceived():
                    self.connection.acknowledge_received_data(
                        event.flow_controlled_length or 0, _STREAM
                    )
                    self._messages += self._frames.feed(event.data or b"")
                case h2.events.StreamEnded():
                    self.ended = True
                case h2.events.StreamReset():
                    raise RpcError(INTERNAL, f"stream terminated by RST_STREAM: {event.error_code}")

    def answer(self) -> bytes:
        """The one message. Raises RpcError."""
        status = self._headers.get(b"grpc-status", b"")
        if not status:
            code = self._headers.get(b":status", b"none").decode()
            text = f"unexpected HTTP status code received from server: {code}"
            raise RpcError(_UNKNOWN, text)
        if int(status) != OK:
            raise RpcError(int(status), unquote(self._headers.get(b"grpc-message", b"").decode()))
        if len(self._messages) != 1:
            raise RpcError(INTERNAL, f"{len(self._messages)} messages in place of one")
        return self._messages[0]
