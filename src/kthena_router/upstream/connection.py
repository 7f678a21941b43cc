"""One open connection on a non-blocking socket, in clear text or with TLS: try first, wait after.

Most sends and many reads succeed at once and never touch the scheduler (16 against 22 microseconds for a round trip on
trio's SocketStream; a request and its answer need no task beside their own). Closing is synchronous and takes effect
at once, so it cannot be cancelled, and needs no shield.
"""

import math
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import trio
from trio.lowlevel import notify_closing, wait_readable, wait_writable

from kthena_router.concurrency.readiness import Readiness

T = TypeVar("T")
RECEIVE_BYTES = 65_536

# ssl has its own words for "would block". The other direction can be meant only during a handshake: TLS 1.3 has no
# renegotiation, and `dial` switches it off for 1.2.
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """Owns *sock*, which must be connected and non-blocking. Every OSError of the socket comes through as it is.

    With *readiness* it waits there (but for TLS, which may hold back bytes that the kernel has already handed over), and
    with trio otherwise.
    """

    __slots__ = ("_descriptor", "_hasty", "_readiness", "_socket")

    def __init__(self, sock: socket.socket, readiness: Readiness | None = None) -> None:
        self._socket = sock
        self._descriptor = sock.fileno()
        self._hasty = False
        self._readiness = None if isinstance(sock, ssl.SSLSocket) else readiness
        self._watch()

    @property
    def can_drive(self) -> bool:
        """Return whether `drive` is possible."""
        return self._readiness is not None

    async def drive(self, step: Callable[[], T | None]) -> T:
        """Call *step* whenever there is something to read: see `Readiness.drive`."""
        if self._readiness is None:
            raise ValueError("this connection does not wait at a Readiness")
        self._watch()
        return await self._readiness.drive(self._descriptor, step)

    def prod(self) -> None:
        """Call the *step* that waits now, if there is one."""
        if self._readiness is not None:
            self._readiness.prod(self._descriptor)

    def _watch(self) -> None:
        if self._readiness is not None and not self._readiness.watches(self._descriptor):
            self._readiness.add(self._descriptor, self._unwatch)

    def _unwatch(self) -> None:
        """There is something that nobody reads now: on an idle connection, or while the client is slow."""
        if self._readiness is not None:
            self._readiness.remove(self._descriptor)

    def send_nowait(self, data: memoryview) -> int:
        """Hand bytes to the kernel; return how many it took, 0 when it has no room."""
        try:
            return self._socket.send(data)
        except _WOULD_BLOCK:
            return 0

    def receive_nowait(self) -> bytes | None:
        """Return at most RECEIVE_BYTES, b"" at the end, None when there is nothing yet."""
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except _WOULD_BLOCK:
            return None

    async def receive(self, patience: float = math.inf) -> bytes:
        """Return what has come, at most RECEIVE_BYTES, or b"" at the end; wait only when there is nothing.

        Raises trio.TooSlowError after *patience* seconds without a byte.

        A peer that always has something to say lets the others have their turn between two calls. The turn comes before
        the read, so that a cancellation never loses bytes.
        """
        if self._hasty:
            await trio.lowlevel.checkpoint()
        data = self.receive_nowait()
        self._hasty = data is not None
        if data is not None:
            return data
        if patience == math.inf:
            return await self._receive_later()
        with trio.fail_after(
            patience
        ):  # 5 microseconds, so only where there is something to wait for
            return await self._receive_later()

    async def receive_answer(self) -> bytes:
        """Return what `receive` does, at the beginning of an answer: to look for it first, when it never is here yet, takes 4 us."""
        return await (self.receive() if self._readiness is None else self._receive_later())

    async def _receive_later(self) -> bytes:
        if self._readiness is not None:
            return await self.drive(self.receive_nowait)
        while True:
            await wait_readable(self._socket)
            if (data := self.receive_nowait()) is not None:
                return data

    async def wait_writable(self) -> None:
        """Return when the kernel has room again."""
        await wait_writable(self._socket)

    async def wait_either(self) -> None:
        """Return when there is room to send or something to read (a task of its own: only when a send is stuck)."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wait_readable_then_cancel, nursery.cancel_scope)
            await wait_writable(self._socket)
            nursery.cancel_scope.cancel()

    async def _wait_readable_then_cancel(self, scope: trio.CancelScope) -> None:
        await wait_readable(self._socket)
        scope.cancel()

    def is_silent(self) -> bool:
        """Whether an idle connection is fit for use: neither closed nor with bytes nobody asked for."""
        try:
            return self.receive_nowait() is None
        except OSError:
            return False

    def close(self) -> None:
        """Close at once: no farewell, no waiting. The peer sees it within a round trip. May be called again."""
        if self._socket.fileno() >= 0:
            self._unwatch()
            notify_closing(self._socket)
            self._socket.close()
