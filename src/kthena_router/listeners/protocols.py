"""hypercorn's protocols, with their sharp edges filed off: HTTP/2, and HTTP/1.1 on h11 for `--http1 h11`.

This is the door to hypercorn; its version is pinned, since these classes are not a public interface. Bytes and events go
in through `handle`, events come out through the `send` that `make_http2` or `make_http1` is given.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, TypedDict, Unpack

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent, StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError, H11Protocol
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from kthena_router.listeners.calls import Calls

__all__ = [
    "Closed",
    "Ends",
    "Event",
    "Http1",
    "Http2",
    "RawData",
    "Terms",
    "Updated",
    "make_http1",
    "make_http2",
]

KIBIBYTE = 1024
LAST_WORDS_SECONDS = 1.0  # for what is still buffered when an application leaves in mid-answer
Address = tuple[str, int] | None


class Ends(TypedDict):
    """Who speaks with whom on a connection, and whether over TLS."""

    client: Address
    server: Address
    secure: bool


class Terms:
    """What all connections of one server have in common; `end` is said when the server stops."""

    def __init__(self) -> None:
        self.config = Config()
        self.config.errorlog = logging.getLogger("kthena_router.listeners.hypercorn")
        self.config.accesslog = None
        self.config.include_server_header = False
        self.config.h11_max_incomplete_size = 64 * KIBIBYTE  # long JWTs
        self.config.keep_alive_max_requests = 2**31
        self.context = WorkerContext(max_requests=None)

    async def end(self) -> None:
        """From now on a connection closes after its answers, and HTTP/2 takes no new requests."""
        await self.context.terminated.set()


def make_http2(
    terms: Terms,
    calls: Calls,
    send: Callable[[Event], Awaitable[None]],
    **ends: Unpack[Ends],
) -> "Http2":
    """Return the protocol of one connection in HTTP/2."""
    return Http2(*_parts(terms, calls), ends["secure"], ends["client"], ends["server"], send)


def make_http1(
    terms: Terms,
    calls: Calls,
    send: Callable[[Event], Awaitable[None]],
    **ends: Unpack[Ends],
) -> "Http1":
    """Return the protocol of one connection that begins in HTTP/1.1."""
    return Http1(*_parts(terms, calls), ends["secure"], ends["client"], ends["server"], send)


def _parts(terms: Terms, calls: Calls) -> tuple[Any, ...]:
    app = None  # Calls has it
    return app, terms.config, terms.context, calls, ConnectionState({})


class Http1:
    """HTTP/1.1 on h11, until the client goes over to HTTP/2 by prior knowledge or by an upgrade."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts
        self._tell = parts[-1]
        self._protocol: H11Protocol | Http2 = H11Protocol(*parts)

    @property
    def shared(self) -> bool:
        """Return whether streams share the connection: whether it is HTTP/2 by now."""
        return isinstance(self._protocol, Http2)

    async def initiate(self, headers: object = None, settings: object = None) -> None:
        """Begin. It takes what `Http2.initiate` takes, and nothing has been upgraded yet."""
        await self._protocol.initiate()

    async def handle(self, event: Event) -> None:
        """Take bytes from the client, or the news that it left."""
        try:
            await self._protocol.handle(event)
        except H2ProtocolAssumedError as assumed:
            await self._tell(Updated(idle=True))  # HTTP/1.1 took the preface for a request
            await self._go_over(Http2(*self._parts), assumed.data)
        except H2CProtocolRequiredError as asked:
            await self._go_over(Http2(*self._parts), asked.data, asked.headers, asked.settings)

    async def say_goodbye(self) -> None:
        """Announce the end of the connection, as far as the protocol has words for it."""
        if isinstance(self._protocol, Http2):
            await self._protocol.say_goodbye()

    async def _go_over(self, http2: "Http2", unread: bytes, *upgrade: Any) -> None:
        self._protocol = http2
        await http2.initiate(*upgrade)
        if unread:
            await http2.handle(RawData(unread))


class Http2(H2Protocol):
    """HTTP/2 whose streams always end: hypercorn leaves a stream open when an application stops before its end."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._ending: dict[int, trio.Event] = {}  # streams whose last frame is still to be sent

    async def handle(self, event: Event) -> None:
        """Take bytes from the client, or the news that it left."""
        await super().handle(event)
        if isinstance(event, Closed):
            for ended in self._ending.values():
                ended.set()

    async def say_goodbye(self) -> None:
        """Announce the end of the connection with GOAWAY (RFC 9113 6.8): a client knows then that nothing of it is lost."""
        if self.connection.state_machine.state is not h2.connection.ConnectionState.CLOSED:
            self.connection.close_connection()
            await self._flush()

    async def stream_send(self, event: StreamEvent) -> None:
        """Take an event of a stream. A stream that closes before its end is reset, so that the client sees a cut."""
        if isinstance(event, StreamClosed) and event.stream_id in self.stream_buffers:
            if self.stream_buffers[event.stream_id].complete:
                await self._wait_ended(event.stream_id)
            else:
                await self._reset_unfinished(event.stream_id)
        await super().stream_send(event)

    async def _wait_ended(self, stream_id: int) -> None:
        """Wait for the frame with END_STREAM: hypercorn says GOAWAY after the last stream, and nothing goes after that."""
        if not self.closed:
            await self._ending.setdefault(stream_id, trio.Event()).wait()

    async def _reset_unfinished(self, stream_id: int) -> None:
        buffer = self.stream_buffers[stream_id]
        with trio.move_on_after(LAST_WORDS_SECONDS):
            if buffer.buffer:
                await buffer.drain()
        await self._reset(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await buffer.close()
        self.priority.unblock(stream_id)  # the sending task finds it closed and tidies up

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        if stream_id not in self.stream_buffers:  # its end is out
            await self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)
            if (ended := self._ending.pop(stream_id, None)) is not None:
                ended.set()

    async def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        """Reset the stream if it is open in any direction; RFC 9113 8.1 has NO_ERROR for a body that is not needed."""
        stream = self.connection.streams.get(stream_id)
        if stream is not None and stream.open:
            with suppress(h2.exceptions.ProtocolError):  # the connection is closed
                self.connection.reset_stream(stream_id, code)
            await self._flush()

    async def _handle_events(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived) and not _is_ascii(event.headers):
                # RFC 9113 8.1.1; hypercorn would end the whole connection with a UnicodeDecodeError.
                self.connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            elif isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
                # Its answer is complete: hypercorn would end the whole connection with a KeyError.
                self.connection.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
            else:
                await super()._handle_events([event])
            if isinstance(event, h2.events.StreamReset) and not self.streams:
                await self._become_idle()
        await self._flush()

    async def _become_idle(self) -> None:
        """Say that no stream is left: hypercorn forgets to where it was the client that gave up the last one."""
        if self.context.terminated.is_set():
            await self.say_goodbye()
        await self.send(Updated(idle=True))


def _is_ascii(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the request line, as far as HTTP/2 has one, is ASCII."""
    return all(value.isascii() for name, value in headers if name.startswith(b":"))
