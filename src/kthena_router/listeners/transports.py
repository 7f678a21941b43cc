"""The bytes of one client: over a plain socket without detours, or over any stream of trio's (TLS, memory).

Both know of the client's leaving without being asked: `on_leave` is called once when its side has ended. A client's FIN
counts as leaving, as with Go and nginx, once what came before it has been read.
"""

import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import trio

from kthena_router.concurrency.readiness import Readiness
from kthena_router.listeners.asgi import ClientLeft

RECEIVE_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close with RST, socket(7)
_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class Transport(Protocol):
    """What a connection needs. *expired*: the latest `receive` or `send` ended because its time was up."""

    on_leave: Callable[[], None]
    expired: bool

    async def receive(self, patience: float = math.inf) -> bytes:
        """Return what has come, at most 64 KiB at a time, or b"" at the end, also after *patience* seconds."""

    def limit(self, seconds: float) -> None:
        """Let the `receive` that is under way end after *seconds* at the latest."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Hand bytes to the kernel; return how many it took. Raises ClientLeft."""

    async def send(self, data: bytes) -> None:
        """Return when the client, or the kernel, has taken all of *data*. Raises ClientLeft."""

    async def close(self, linger: float) -> None:
        """Close so that the last bytes arrive: what a client still sends is read for at most *linger* seconds (RFC 9112 9.6)."""

    def abort(self) -> None:
        """Close so that the client sees that something is missing."""


class PlainTransport:
    """A connected, non-blocking socket that waits at *readiness*. *stall_seconds*: for a client that takes nothing.

    Time limits are looked at by `sweep`, which somebody has to call every now and then: a deadline of trio's for each
    request would cost more than the request's parsing.
    """

    def __init__(self, sock: socket.socket, readiness: Readiness, stall_seconds: float) -> None:
        self.on_leave: Callable[[], None] = _nothing
        self.expired = False
        self._socket = sock
        self._descriptor = sock.fileno()
        self._readiness = readiness
        self._stall_seconds = stall_seconds
        self._ahead = b""  # what came while nobody was reading
        self._ended = False
        self._deadline = math.inf
        self._stalled = False  # a send waits for the client
        readiness.add(self._descriptor, self._read_ahead)

    async def receive(self, patience: float = math.inf) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead, b""
            if not self._ended:
                self._readiness.anything(self._descriptor, self._read_ahead)
            await trio.lowlevel.checkpoint()
            return data
        if self._ended:
            return b""
        self.expired = False
        if patience != math.inf:
            self._deadline = trio.current_time() + patience
        try:
            return await self._readiness.drive(self._descriptor, self._read_in_time)
        finally:
            self._deadline = math.inf

    def limit(self, seconds: float) -> None:
        now = trio.current_time()
        self._deadline = min(self._deadline, now + seconds)
        self.sweep(now)

    def sweep(self, now: float) -> None:
        """End what has taken too long. What has come of the client before is still read, and answered."""
        if now >= self._deadline:
            self._deadline = math.inf
            self.expired = True
            if self._stalled:
                with suppress(OSError):  # the send sees an end
                    self._socket.shutdown(socket.SHUT_RDWR)
            else:
                self._readiness.prod(self._descriptor)

    def send_nowait(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ClientLeft(str(error)) from error

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        self._stalled = True
        try:
            while rest:
                if taken := self.send_nowait(rest):
                    rest = rest[taken:]
                    continue
                self._deadline = trio.current_time() + self._stall_seconds
                await trio.lowlevel.wait_writable(self._descriptor)
        except trio.ClosedResourceError as error:
            raise ClientLeft("closed") from error
        finally:
            self._stalled = False
            self._deadline = math.inf

    async def close(self, linger: float) -> None:
        if linger and not self._ended:
            with suppress(OSError), trio.move_on_after(linger):
                self._socket.shutdown(socket.SHUT_WR)
                while await self.receive(linger):
                    pass
        self._close()

    def abort(self) -> None:
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._close()

    def release(self) -> bytes:
        """Leave the socket, open, to somebody else; return what has been read and not asked for."""
        self._readiness.remove(self._descriptor)
        return self._ahead

    def _close(self) -> None:
        if self._socket.fileno() >= 0:
            self._readiness.remove(self._descriptor)
            trio.lowlevel.notify_closing(self._descriptor)
            self._socket.close()

    def _read(self) -> bytes | None:
        """Return None while there is nothing, b"" at the end."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self._end()
        return data

    def _read_in_time(self) -> bytes | None:
        data = self._read()
        return b"" if data is None and self.expired else data

    def _read_ahead(self) -> None:
        """Something has come, or the client has left, while nobody reads."""
        data = self._read()
        if data:
            self._ahead = data
            self._readiness.only_leaving(self._descriptor, self._leave)
        elif data is not None:
            self.on_leave()

    def _leave(self) -> None:
        self._end()
        self.on_leave()

    def _end(self) -> None:
        self._ended = True
        self._readiness.remove(self._descriptor)


class StreamTransport:
    """Any stream of trio's. `run` has to run in a task of its own: it reads ahead, so that leaving is noticed."""

    def __init__(self, stream: trio.abc.Stream, stall_seconds: float) -> None:
        self.on_leave: Callable[[], None] = _nothing
        self.expired = False
        self._stream = stream
        self._stall_seconds = stall_seconds
        self._ahead = b""
        self._ended = False
        self._changed = trio.Event()
        self._waiting = trio.CancelScope()

    async def run(self) -> None:
        """Read ahead, one piece at a time, until the client's end."""
        while not self._ended:
            if self._ahead:
                await self._changed.wait()
                continue
            try:
                self._ahead = bytes(await self._stream.receive_some(RECEIVE_BYTES))
            except (*_BROKEN, trio.BusyResourceError):
                self._ahead = b""
            if not self._ahead:
                self._ended = True
                self.on_leave()
            self._wake()

    async def receive(self, patience: float = math.inf) -> bytes:
        self.expired = False
        with trio.CancelScope(deadline=trio.current_time() + patience) as self._waiting:
            await trio.lowlevel.checkpoint()
            while not self._ahead and not self._ended:
                await self._changed.wait()
        self.expired = self._waiting.cancelled_caught
        data, self._ahead = self._ahead, b""
        self._wake()
        return data

    def limit(self, seconds: float) -> None:
        deadline = trio.current_time() + seconds
        self._waiting.deadline = min(self._waiting.deadline, deadline)

    def send_nowait(self, data: bytes | memoryview) -> int:
        return 0

    async def send(self, data: bytes) -> None:
        try:
            with trio.fail_after(self._stall_seconds):
                await self._stream.send_all(data)
        except trio.TooSlowError:
            self.expired = True
            raise ClientLeft("it takes no bytes") from None
        except _BROKEN as error:
            raise ClientLeft(str(error)) from error

    async def close(self, linger: float) -> None:
        with trio.move_on_after(linger), suppress(*_BROKEN, trio.BusyResourceError):
            await self._linger()
        with trio.move_on_after(linger), suppress(*_BROKEN, trio.BusyResourceError):
            await self._stream.aclose()
        await trio.aclose_forcefully(self._stream)

    async def _linger(self) -> None:
        """Shut our side, and read until the client has shut its own: on the stream below TLS, which has no half closing."""
        stream: trio.abc.Stream = self._stream
        if isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
            while await self.receive():
                pass

    def abort(self) -> None:
        """There is no harsher end than `close`, which TLS and chunks make visible."""

    def _wake(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()


def _nothing() -> None:
    pass
