"""Port-forward: a client's streams in pairs, each pair one connection to a port of a pod.

Of each pair the data stream carries the bytes, and the error stream a text where the connection fails (kubernetes
pkg/kubelet/cri/streaming/portforward). Both end with the connection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from kthena_sandbox.apiserver.streams.spdy import (
    PROTOCOL_ERROR,
    DataReceived,
    Event,
    SpdyConnection,
    SpdyError,
    StreamOpened,
    StreamReset,
)

Dial = Callable[[int], Awaitable[trio.SocketStream]]
Send = Callable[[bytes], Awaitable[None]]
_PIECE = 32 * 1024
_PIECES = 16  # that wait for a pod; then the client waits
BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass
class Pair:
    """The two streams of one connection; one that is not there yet is 0."""

    port: int
    data: int = 0
    error: int = 0
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


async def pump(
    pod: trio.SocketStream, pieces: trio.MemoryReceiveChannel[bytes], send: Send
) -> None:
    """Pass bytes both ways, until the pod has said its last. Raises OSError and trio's errors of streams."""

    async def up() -> None:
        async for piece in pieces:
            await pod.send_all(piece)
        await pod.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_quietly, up)
        async for piece in pod:
            await send(bytes(piece))
        nursery.cancel_scope.cancel()


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """A pod that takes no more may still have something to say."""
    try:
        await work()
    except BROKEN:
        return


class SpdyForwarding:
    """One SPDY connection, on any stream of bytes."""

    def __init__(self, stream: trio.abc.Stream, dial: Dial, pod: str) -> None:
        self._stream = stream
        self._dial = dial
        self._pod = pod
        self._spdy = SpdyConnection()
        self._pairs: dict[str, Pair] = {}  # by requestID
        self._channels: dict[int, trio.MemorySendChannel[bytes]] = {}
        self._scopes: dict[int, trio.CancelScope] = {}
        self._sending = trio.Lock()

    async def run(self) -> None:
        """Serve until the client leaves."""
        async with trio.open_nursery() as nursery:
            try:
                while data := await self._stream.receive_some():
                    for event in self._spdy.receive(bytes(data)):
                        await self._handle(event, nursery)
                    await self._flush()
            except (SpdyError, *BROKEN):
                pass
            nursery.cancel_scope.cancel()

    async def _flush(self) -> None:
        """Send what has gathered, in its order, whoever comes first."""
        async with self._sending:
            if output := self._spdy.take():
                await self._stream.send_all(output)

    async def _handle(self, event: Event, nursery: trio.Nursery) -> None:
        match event:
            case StreamOpened():
                self._open(event, nursery)
            case DataReceived():
                await self._receive(event)
            case StreamReset():
                if scope := self._scopes.pop(event.stream, None):
                    scope.cancel()

    def _open(self, event: StreamOpened, nursery: trio.Nursery) -> None:
        port, kind = event.headers.get("port", ""), event.headers.get("streamtype", "")
        if kind not in {"data", "error"} or not port.isdecimal() or not 0 < int(port) < 65536:
            self._spdy.reset(event.stream, PROTOCOL_ERROR)
            return
        self._spdy.accept(event.stream)
        request = event.headers.get("requestid", "")
        pair = self._pairs.setdefault(request, Pair(int(port)))
        if kind == "error":
            pair.error = event.stream
        else:
            pair.data = event.stream
        if pair.data and pair.error:
            del self._pairs[request]
            sending, pieces = trio.open_memory_channel[bytes](_PIECES)
            self._channels[pair.data] = sending
            self._scopes[pair.data] = pair.scope
            nursery.start_soon(self._connect, pair, pieces)

    async def _receive(self, event: DataReceived) -> None:
        channel = self._channels.get(event.stream)
        if channel is None:
            return  # an error stream, on which clients say nothing, or one that has ended
        try:
            if event.data:
                await channel.send(event.data)
        except trio.BrokenResourceError:
            return
        if event.ended:
            self._channels.pop(event.stream, None)
            channel.close()

    async def _connect(self, pair: Pair, pieces: trio.MemoryReceiveChannel[bytes]) -> None:
        async def send(data: bytes) -> None:
            self._spdy.send(pair.data, data)
            await self._flush()

        failure = ""
        try:
            with pair.scope, pieces:
                async with await self._dial(pair.port) as pod:
                    await pump(pod, pieces, send)
        except* OSError as errors:
            failure = failure_text(pair.port, self._pod, errors)
        except* BROKEN:
            failure = failure_text(pair.port, self._pod, "the pod reset the connection")
        self._scopes.pop(pair.data, None)
        self._channels.pop(pair.data, None)
        self._spdy.send(pair.error, failure.encode(), end=True)
        self._spdy.send(pair.data, b"", end=True)
        await _quietly(self._flush)


def failure_text(port: int, pod: str, why: object) -> str:
    """In the words of a kubelet."""
    while isinstance(why, BaseExceptionGroup):
        why = why.exceptions[0]
    return f"error forwarding port {port} to pod {pod}, uid : {why}"
