"""An endpoint's answer on its way to the client: byte for byte, and no faster than the client reads."""

from kthena_router.errors import UpstreamError
from kthena_router.listeners.asgi import DirectClient
from kthena_router.proxy.meter import Meter
from kthena_router.proxy.responses import Answer
from kthena_router.upstream.exchange import UpstreamResponse
from kthena_router.wire.events import end_of, error_event, is_event_stream, takes_events
from kthena_router.wire.headers import response_headers


class Relay:
    """Passes on one answer. *hide_usage*: the router asked for the usage of a stream, and the client did not."""

    __slots__ = (
        "_answer",
        "_end",
        "_has_length",
        "_hide_usage",
        "_last",
        "_meter",
        "_request_id",
        "_rest",
        "_takes_events",
    )

    def __init__(
        self, answer: Answer, request_id: bytes, meter: Meter, *, hide_usage: bool
    ) -> None:
        self._answer = answer
        self._request_id = request_id
        self._meter = meter
        self._hide_usage = hide_usage
        self._end = b""  # of what the client has been sent
        self._takes_events = self._has_length = False
        self._last = b""
        self._rest = b""  # framed, and not with the kernel yet

    async def run(self, response: UpstreamResponse) -> None:
        """Pass on head and body. The next piece is read when the client has taken the last one: that is the backpressure.

        Raises UpstreamError where the endpoint breaks off; a client that takes events has then been told, and its
        connection must be cut.
        """
        await self._start(response)
        try:
            direct = self._answer.direct
            if direct is not None and response.can_pump:
                await self._pump(response, direct)
            else:
                await self._pass_on(response)
        except UpstreamError as error:
            if self._takes_events:
                held = self._meter.finish()
                event = error_event(error, after=end_of(self._end, held))
                await self._answer.piece(held + event, more=True)
            raise

    async def _start(self, response: UpstreamResponse) -> None:
        headers = response_headers(response.headers, self._request_id)
        response.headers = ()  # a stream may take long
        self._has_length = any(name == b"content-length" for name, _ in headers)
        streams = is_event_stream(headers)
        self._meter.streams = streams and response.status == 200
        if self._hide_usage and self._meter.streams:
            self._meter.hide_usage()
            headers = tuple(header for header in headers if header[0] != b"content-length")
        self._takes_events = streams and takes_events(headers)
        await self._answer.start(response.status, headers)

    async def _pass_on(self, response: UpstreamResponse) -> None:
        while True:
            piece = await response.receive()
            passed = self._meter.take(piece) if piece else b""
            if response.complete:
                await self._answer.piece(passed + self._meter.finish(), more=False)
                return
            if passed:
                await self._answer.piece(passed, more=True)
                self._end = end_of(self._end, passed)

    async def _pump(self, response: UpstreamResponse, direct: DirectClient) -> None:
        """The same, but for a turn of the scheduler with each piece."""
        piece = response.receive_nowait()
        if piece is None and not self._has_length:
            await self._answer.piece(
                b"", more=True
            )  # the head alone: the first token may take long
        elif piece:
            passed = self._meter.take(piece)
            if response.complete:
                await self._answer.piece(passed + self._meter.finish(), more=False)
                return
            await self._answer.piece(passed, more=True)
            self._end = end_of(self._end, passed)

        def deliver(piece: bytes) -> bool:
            passed = self._meter.take(piece)
            if response.complete:
                self._last = passed  # it goes out together with the end of the body
                return True
            if not passed:
                return True
            self._end = end_of(self._end, passed)
            self._rest = direct.send_body_nowait(passed)
            return not self._rest

        while not await response.pump(deliver):
            await direct.send_rest(self._rest)
        await self._answer.piece(self._last + self._meter.finish(), more=False)
