"""One request and its answer on one open connection."""

from collections.abc import Callable

import trio

from kthena_router.errors import ConnectionLost, ResponseCut, ResponseStalled
from kthena_router.upstream.connection import Connection
from kthena_router.upstream.http1 import Headers, ResponseParser

_JOINED_BYTES = 65_536  # a body up to this size leaves in one send with its head
_OFFERED_BYTES = 262_144  # what the kernel is offered at once; it rarely takes more


class StallWatch:
    """Ends answers that are pumped and say nothing for *seconds*: somebody has to call `sweep` every now and then.

    A cancel scope for each would take 5 microseconds and 1 KB.
    """

    __slots__ = ("_pumped", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._pumped: set[UpstreamResponse] = set()

    def begin(self, response: "UpstreamResponse") -> None:
        self._pumped.add(response)

    def end(self, response: "UpstreamResponse") -> None:
        self._pumped.discard(response)

    def sweep(self, now: float) -> None:
        """Let those see to it whose time is up."""
        for response in [one for one in self._pumped if now >= one.heard + self.seconds]:
            response.prod()


class UpstreamResponse:
    """An answer whose head is here and whose body is taken piece by piece; nothing is read ahead."""

    __slots__ = (
        "_asking",
        "_connection",
        "_parser",
        "_stalls",
        "headers",
        "heard",
        "status",
    )

    def __init__(
        self, asking: "_Asking", status: int, headers: Headers, stalls: StallWatch
    ) -> None:
        self.status = status
        self.headers = headers  # names in lower case
        self._asking = asking
        self._connection = asking.connection
        self._parser = asking.parser
        self._stalls = stalls
        self.heard = 0.0  # when the last piece came, while it is pumped

    @property
    def leaves_connection_usable(self) -> bool:
        """Everything was sent and received, and the connection may carry another request."""
        return self._asking.sent and not self._asking.first and self._parser.reusable

    async def receive(self) -> bytes:
        """Return the next piece of the body as it came (at most 64 KiB), b"" at its clean end.

        Raises ResponseCut, ResponseStalled or BadResponse. A cancelled call has lost no byte.
        """
        piece, self._asking.first = self._asking.first, b""
        while not piece and not self._parser.complete:
            piece = self._taken(await self._receive_bytes()) or b""
        return piece

    @property
    def complete(self) -> bool:
        """Return whether the whole body has been handed out."""
        return self._parser.complete and not self._asking.first

    @property
    def can_pump(self) -> bool:
        """Return whether `pump` is possible: not with TLS, and only where connections wait at a Readiness."""
        return self._connection.can_drive

    async def pump(self, deliver: Callable[[bytes], bool]) -> bool:
        """Hand over pieces as they come: True at the end of the body, False when *deliver* said that there is no more room.

        Only where `can_pump`. Needs no turn of the scheduler for each piece. Raises ResponseCut,
        ResponseStalled or BadResponse, and whatever *deliver* raises. A cancelled call has lost no byte.
        """

        def step() -> bool | None:
            piece = self.receive_nowait()
            if piece is None:
                if trio.current_time() >= self.heard + self._stalls.seconds:
                    raise self._stalled()
                return None
            self.heard = trio.current_time()
            if piece and not deliver(piece):
                return False
            return True if self.complete else None

        await trio.lowlevel.checkpoint_if_cancelled()
        self.heard = trio.current_time()
        # Nothing can be here yet but what came with the head; else it is told at once.
        verdict = step() if self._asking.first or self._parser.complete else None
        if verdict is None:
            self._stalls.begin(self)
            try:
                verdict = await self._connection.drive(step)
            finally:
                self._stalls.end(self)
        return verdict

    def prod(self) -> None:
        """Let a pump look whether something has come, or its time is up."""
        self._connection.prod()

    def _stalled(self) -> ResponseStalled:
        return ResponseStalled(
            f"the endpoint sent nothing for {self._stalls.seconds:g} s in mid-answer"
        )

    def receive_nowait(self) -> bytes | None:
        """Return the next piece of the body if it is here, b"" at its clean end, None while there is nothing.

        Raises ResponseCut or BadResponse.
        """
        if self._asking.first:
            piece, self._asking.first = self._asking.first, b""
            return piece
        if self._parser.complete:
            return b""
        try:
            data = self._connection.receive_nowait()
        except OSError as error:
            raise _cut(error) from error
        return None if data is None else self._taken(data)

    def _taken(self, data: bytes) -> bytes | None:
        """Return the piece of the body in *data*, b"" where the body ends without one, None where it goes on."""
        if not data:
            self._parser.feed_eof()
            return b""
        piece = self._parser.feed(data)
        return piece or (b"" if self._parser.complete else None)

    async def _receive_bytes(self) -> bytes:
        try:
            return await self._connection.receive(self._stalls.seconds)
        except trio.TooSlowError:
            raise self._stalled() from None
        except OSError as error:
            raise _cut(error) from error


def _cut(error: OSError) -> ResponseCut:
    return ResponseCut(f"the connection broke in mid-answer: {error}")


async def ask(
    connection: Connection, parser: ResponseParser, head: bytes, body: bytes, stalls: StallWatch
) -> UpstreamResponse:
    """Send a request and return its answer as soon as the head is here.

    An endpoint that refuses while the body is still on its way is heard, and the rest of the body kept.
    Raises ConnectionLost or BadResponse. Takes as long as it takes: the caller sets the limit.
    """
    asking = _Asking(connection, parser)
    await asking.send(head, body)
    while parser.head is None:
        await asking.listen()
    response = UpstreamResponse(asking, parser.head.status, parser.head.headers, stalls)
    parser.forget_headers()
    return response


class _Asking:
    """The part of an exchange in which both sides may speak."""

    __slots__ = ("connection", "first", "parser", "sent")

    def __init__(self, connection: Connection, parser: ResponseParser) -> None:
        self.connection = connection
        self.parser = parser
        self.first = b""  # what came of the body together with the head
        self.sent = False

    async def send(self, head: bytes, body: bytes) -> None:
        if len(body) <= _JOINED_BYTES:
            self.sent = await self._send(memoryview(head + body))
        else:
            self.sent = await self._send(memoryview(head)) and await self._send(memoryview(body))

    async def listen(self) -> None:
        try:
            data = await self.connection.receive_answer()
        except OSError as error:
            raise ConnectionLost(f"the connection broke before an answer: {error}") from error
        self._take(data)

    async def _send(self, rest: memoryview) -> bool:
        """Return whether all of it is on its way: not if the endpoint has left, or has refused the request."""
        while rest:
            try:
                taken = self.connection.send_nowait(rest[:_OFFERED_BYTES])
            except OSError:
                return False  # it may have answered before it left: `listen` finds out
            rest = rest[taken:]
            if not taken and not await self._may_go_on():
                return False
        return True

    async def _may_go_on(self) -> bool:
        head = self.parser.head
        if head is not None:
            await self.connection.wait_writable()
            return True
        await self.connection.wait_either()
        return self._listen_nowait()

    def _listen_nowait(self) -> bool:
        try:
            data = self.connection.receive_nowait()
        except OSError as error:
            raise ConnectionLost(f"the connection broke before an answer: {error}") from error
        if data is not None:
            self._take(data)
        head = self.parser.head
        return head is None or head.status < 400  # a success wants the rest of the body

    def _take(self, data: bytes) -> None:
        if data:
            self.first += self.parser.feed(data)
        else:
            self.parser.feed_eof()
