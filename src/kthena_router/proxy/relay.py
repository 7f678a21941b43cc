"""An endpoint's answer on its way to the client: byte for byte, and no faster than the client reads."""

from kthena_router.errors import UpstreamError
from kthena_router.proxy.responses import Answer
from kthena_router.upstream.exchange import UpstreamResponse
from kthena_router.wire.events import end_of, error_event, takes_events
from kthena_router.wire.headers import response_headers
from kthena_router.wire.usage import UsageObserver


async def relay(
    response: UpstreamResponse, answer: Answer, request_id: bytes, usage: UsageObserver
) -> None:
    """Pass on head and body. The next piece is read when the client has taken the last one: that is the backpressure.

    Raises UpstreamError where the endpoint breaks off; a client that takes events has then been told, and its connection
    must be cut.
    """
    await answer.start(response.status, response_headers(response.headers, request_id))
    sent = b""
    try:
        while piece := await response.receive():
            usage.feed(piece)
            await answer.piece(piece, more=True)
            sent = end_of(sent, piece)
    except UpstreamError as error:
        if takes_events(response.headers):
            await answer.piece(error_event(error, after=sent), more=True)
        raise
    await answer.piece(b"", more=False)
