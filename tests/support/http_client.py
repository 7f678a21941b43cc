"""A client's end of an HTTP/1.1 connection that notices everything: how it was refused, where it broke, when it paused."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h11
import msgspec
import trio

RECEIVE_BYTES = 65_536


class Broken(Exception):
    """The answer is not what HTTP allows, or it ended before its end; *body* is what had come of it until then."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body


class Closed(Exception):
    """The server closed a connection that had served before, and the request was not answered: it may be asked again."""


@dataclass(frozen=True)
class Reply:
    """A whole answer, or what was read of it; *longest_pause* between two pieces in seconds."""

    status: int
    body: bytes
    longest_pause: float
    headers: Mapping[str, str]


class ClientConnection:
    """One connection to a port of 127.0.0.1; opening it raises OSError.

    *joined*: head and body leave in one piece. An answer to a head alone ends the connection (RFC 9112 9.3).
    """

    def __init__(self, sock: trio.socket.SocketType, *, joined: bool) -> None:
        self._socket = sock
        self._joined = joined
        self._http = h11.Connection(h11.CLIENT)
        self._used = False

    @classmethod
    async def open(cls, port: int, *, joined: bool = False) -> "ClientConnection":
        sock = trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            await sock.connect(("127.0.0.1", port))
        except BaseException:
            sock.close()
            raise
        return cls(sock, joined=joined)

    @property
    def usable(self) -> bool:
        """Return whether another request can be sent."""
        return self._http.our_state is h11.IDLE

    def close(self) -> None:
        self._socket.close()

    async def post(
        self,
        host: str,
        document: dict[str, Any],
        *,
        fault: str = "",
        leave_early: bool = False,
    ) -> Reply:
        """Ask for a completion and read the answer, with *leave_early* only its first piece.

        *fault* is what the engine is told to do wrong. Raises Broken, Closed.
        """
        body = msgspec.json.encode(document)
        headers = {
            "host": host,
            "content-type": "application/json",
            "content-length": str(len(body)),
        }
        if fault:
            headers["x-mock-fault"] = fault
        request = h11.Request(
            method="POST", target="/v1/completions", headers=list(headers.items())
        )
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        pieces = [data for event in events if (data := self._http.send(event))]
        try:
            for piece in [b"".join(pieces)] if self._joined else pieces:
                await self._send_all(piece)
            head = await self._next_event()
        except (OSError, EOFError) as error:
            if self._used:
                raise Closed from error
            raise Broken(f"no answer: {error!r}") from error
        except h11.RemoteProtocolError as error:
            raise Broken(f"malformed head: {error}") from error
        if not isinstance(head, h11.Response):
            raise Broken(f"{head!r} in place of a head")
        self._used = True
        return await self._read_answer(head, leave_early)

    async def _read_answer(self, head: h11.Response, leave_early: bool) -> Reply:
        pieces: list[bytes] = []
        longest = 0.0
        last = trio.current_time()
        try:
            while not isinstance(event := await self._next_event(), h11.EndOfMessage):
                assert isinstance(event, h11.Data)
                now = trio.current_time()
                longest, last = max(longest, now - last), now
                pieces.append(event.data)
                if leave_early:
                    break
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            body = b"".join(pieces)
            raise Broken(f"cut after {body[-80:]!r}: {error!r}", body) from error
        if not leave_early and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Reply(head.status_code, b"".join(pieces), longest, headers)

    async def _next_event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._socket.recv(RECEIVE_BYTES)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise EOFError("closed before an answer")
            self._http.receive_data(data)
        if not isinstance(event, h11.Event):
            raise Broken(f"{event!r} in the middle of an answer")
        return event

    async def _send_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[await self._socket.send(rest) :]
