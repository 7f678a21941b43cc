"""HTTP/1.1 and HTTP/2 on the server's side: hypercorn's protocols, with their sharp edges filed off.

This is the door to hypercorn; its version is pinned, since these classes are not a public interface. Bytes and events go
in through `handle`, events come out through the `send` that `Protocols` is given.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import h2.errors
import h2.events
import h2.exceptions
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Event as StreamEvent, StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from kthena_router.listeners.calls import Calls

__all__ = ["Closed", "Event", "Protocols", "RawData", "Terms", "Updated"]

KIBIBYTE = 1024
LAST_WORDS_SECONDS = 1.0  # for what is still buffered when an application leaves in mid-answer
Address = tuple[str, int] | None


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


class Protocols(ProtocolWrapper):
    """The protocol of one connection: HTTP/1.1, until the first bytes or TLS say HTTP/2."""

    def __init__(
        self,
        terms: Terms,
        calls: Calls,
        send: Callable[[Event], Awaitable[None]],
        *,
        client: Address,
        server: Address,
        secure: bool,
        http2: bool,
    ) -> None:
        context: Any = terms.context
        group: Any = calls
        app: Any = None  # Calls has it
        state = ConnectionState({})
        self._tell = send
        self._parts = (app, terms.config, context, group, state, secure, client, server, send)
        super().__init__(*self._parts)
        self.protocol = Http2(*self._parts) if http2 else Http1(*self._parts)

    @property
    def http2(self) -> bool:
        """Return whether streams share the connection."""
        return isinstance(self.protocol, H2Protocol)

    async def handle(self, event: Event) -> None:
        """Take bytes from the client, or the news that it left."""
        try:
            await self.protocol.handle(event)
        except H2ProtocolAssumedError as assumed:
            self.protocol = Http2(*self._parts)
            await self.protocol.initiate()
            await self._tell(Updated(idle=True))  # HTTP/1.1 took the preface for a request
            await self.protocol.handle(RawData(data=assumed.data))


class Http1(H11Protocol):
    """HTTP/1.1 without the `Upgrade: h2c` dance, which RFC 9113 3.1 has given up: the request is answered as it stands."""

    async def _check_protocol(self, event: Any) -> None:
        if event.method == b"PRI" and event.target == b"*" and event.http_version == b"2.0":
            rest = self.connection.trailing_data[0]
            raise H2ProtocolAssumedError(b"PRI * HTTP/2.0\r\n\r\n" + rest)


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
            if isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
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
            self.connection.close_connection()
            await self._flush()
        await self.send(Updated(idle=True))
