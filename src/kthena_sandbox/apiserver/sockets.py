"""Accepted sockets, plain and of TLS, that can also send without waiting.

A send that the kernel takes at once, as nearly all are, is one call and no turn of trio's. With trio's own streams and a
task for each watcher a write that ten watchers see takes 0.66 ms of CPU, with these and `feeds` 0.38 ms (through TLS and
with a state file 0.78 and 0.51 ms).
"""

import socket
import ssl
from abc import abstractmethod
from contextlib import suppress

import trio

_PIECE = 128 * 1024
_RECORDS = 64 * 1024
# Of a client that closes without saying so in TLS it is taken as its end, as all of HTTP does (RFC 9112, 9.8).
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class PromptStream(trio.abc.Stream):
    """A connected socket. One task may send at a time, and one receive."""

    # Of the client, in DER, when TLS has been agreed on and if it has one.
    certificate = b""

    def __init__(self, plain: trio.SocketStream) -> None:
        """Take the socket over from its stream."""
        family, kind, number = plain.socket.family, plain.socket.type, plain.socket.proto
        self.socket = socket.socket(family, kind, number, fileno=plain.socket.detach())
        self.socket.setblocking(False)
        self._unsent = bytearray()
        self._failure: OSError | None = None

    def send_now(self, data: bytes) -> bool:
        """Send what the kernel takes; False if there is a rest, which goes before what is sent next.

        A connection that is broken takes nothing; `send_all` tells.
        """
        if self._failure is not None or self.socket.fileno() < 0:
            return False
        self._unsent += self._enciphered(data)
        return self._push()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, after what is left of earlier data. Raises trio.BrokenResourceError, trio.ClosedResourceError."""
        await self._flush()
        for start in range(0, len(data), _PIECE):
            self._unsent += self._enciphered(data[start : start + _PIECE])
            await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Return when the socket takes more."""
        self._check_open()
        await trio.lowlevel.wait_writable(self.socket)

    @abstractmethod
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, b"" at the end. Raises trio.BrokenResourceError, trio.ClosedResourceError."""

    async def aclose(self) -> None:
        """Close without waiting for anything."""
        self._close()
        await trio.lowlevel.checkpoint()

    def _close(self) -> None:
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()

    @abstractmethod
    def _enciphered(self, data: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        """As it goes over the wire."""

    def _push(self) -> bool:
        if self._failure is not None:
            return False
        try:
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
        except BlockingIOError:
            return False
        except OSError as error:
            self._failure = error
            return False
        return True

    async def _flush(self) -> None:
        self._check_open()
        while not self._push():
            self._check_whole()
            await trio.lowlevel.wait_writable(self.socket)
        self._check_whole()

    async def _received(self, most: int) -> bytes:
        self._check_open()
        while True:
            await trio.lowlevel.wait_readable(self.socket)
            try:
                return self.socket.recv(most)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError from error

    def _check_open(self) -> None:
        if self.socket.fileno() < 0:
            raise trio.ClosedResourceError

    def _check_whole(self) -> None:
        if self._failure is not None:
            raise trio.BrokenResourceError from self._failure


class PlainStream(PromptStream):
    """A socket in clear text."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, b"" at the end. Raises trio.BrokenResourceError, trio.ClosedResourceError."""
        return await self._received(max_bytes or _RECORDS)

    async def send_eof(self) -> None:
        """Say that nothing more comes. Raises trio.BrokenResourceError, trio.ClosedResourceError."""
        await self._flush()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError from error
        await trio.lowlevel.checkpoint()

    def _enciphered(self, data: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        return data


class TlsStream(PromptStream):
    """The server's side of a socket in TLS. `transport_stream` is what hypercorn asks about addresses."""

    def __init__(self, plain: trio.SocketStream, context: ssl.SSLContext) -> None:
        super().__init__(plain)
        self.transport_stream = self
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._agreed = False

    async def do_handshake(self) -> None:
        """Agree on TLS, once. Raises trio.BrokenResourceError, trio.ClosedResourceError."""
        while not self._agreed:
            try:
                self._tls.do_handshake()
                self._agreed = True
            except ssl.SSLWantReadError:
                await self._exchange()
            except ssl.SSLError as error:
                self._unsent += self._outgoing.read()
                self._push()  # the alert that says why
                raise trio.BrokenResourceError from error
        self.certificate = self._tls.getpeercert(binary_form=True) or b""
        self._unsent += self._outgoing.read()
        await self._flush()

    def selected_alpn_protocol(self) -> str | None:
        """What the two have agreed to speak."""
        return self._tls.selected_alpn_protocol()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, b"" at the end. Raises trio.BrokenResourceError, trio.ClosedResourceError."""
        self._check_open()
        waited = False
        while True:
            if self._incoming.pending or self._incoming.eof or self._tls.pending():
                try:
                    data = self._tls.read(max_bytes or _RECORDS)
                except ssl.SSLWantReadError:
                    pass  # half a record, or one without data
                except _CUT:
                    return b""
                except ssl.SSLError as error:
                    raise trio.BrokenResourceError from error
                else:
                    if not waited:
                        await trio.lowlevel.checkpoint()
                    return data
            await self._exchange()
            waited = True

    async def _exchange(self) -> None:
        """Send what TLS itself has to say, and take in what the other side does."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
            self._push()  # a rest goes with the next data
        data = await self._received(_RECORDS)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def aclose(self) -> None:
        """Say that this is the end, and close without waiting for anything."""
        if (
            self._agreed
            and not self._unsent
            and self._failure is None
            and self.socket.fileno() >= 0
        ):
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            self._unsent += self._outgoing.read()
            self._push()
        await super().aclose()

    def _enciphered(self, data: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._failure = OSError(*error.args)
            return b""
        return self._outgoing.read()
