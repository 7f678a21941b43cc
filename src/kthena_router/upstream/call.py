"""One request to one endpoint, as a block: a connection is found or made, and at the end kept or closed."""

from collections.abc import Awaitable, Callable
from types import TracebackType

import trio
from msgspec import Struct

from kthena_router.errors import ConnectionLost, HeaderTimeout
from kthena_router.upstream.connection import Connection
from kthena_router.upstream.exchange import StallWatch, UpstreamResponse, ask
from kthena_router.upstream.http1 import Headers, ResponseParser
from kthena_router.upstream.idle import IdleConnections
from kthena_router.upstream.request_head import encode_request_head


class UpstreamRequest(Struct):
    """What to ask an endpoint.

    *target*: path and query. *headers*: names in lower case, without those of connection and framing, which are added.
    *host*: the client's Host, None for the endpoint's own address. *body*: whole, so that it can be sent again.
    """

    method: bytes
    target: bytes
    headers: Headers = ()
    host: bytes | None = None
    body: bytes = b""

    def forget_sent(self) -> None:
        """Let go of what will not be sent again: a body may be large, and a stream may take long."""
        self.headers, self.body = (), b""


class Call:
    """Enter it to get the answer, leave it to be done with it: early is fine, the endpoint sees it at once.

    Raises on entry: ConnectFailed, ConnectTimeout, HeaderTimeout, ConnectionLost, BadResponse, InvalidRequest.
    """

    __slots__ = (
        "_connect",
        "_connection",
        "_header_timeout",
        "_host",
        "_idle",
        "_request",
        "_response",
        "_stalls",
    )

    def __init__(
        self,
        request: UpstreamRequest,
        default_host: str,
        *,
        idle: IdleConnections,
        connect: Callable[[], Awaitable[Connection]],
        header_timeout: float | None,
        stalls: StallWatch,
    ) -> None:
        self._request = request
        self._host = default_host.encode() if request.host is None else request.host
        self._idle = idle
        self._connect = connect
        self._header_timeout = header_timeout
        self._stalls = stalls
        self._connection: Connection | None = None
        self._response: UpstreamResponse | None = None

    async def __aenter__(self) -> UpstreamResponse:
        if self._header_timeout is None:
            return await self._answer()
        try:
            with trio.fail_after(self._header_timeout):
                return await self._answer()
        except trio.TooSlowError:
            message = f"the endpoint did not answer within {self._header_timeout:g} s"
            raise HeaderTimeout(message) from None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Keep the connection if the answer was taken to its clean end, close it at once otherwise."""
        connection, self._connection = self._connection, None
        if connection is None or self._response is None:
            return
        if self._response.leaves_connection_usable:
            self._idle.keep(connection, trio.current_time())
        else:
            connection.close()

    async def _answer(self) -> UpstreamResponse:
        request = self._request
        head = encode_request_head(
            request.method, request.target, self._host, request.headers, len(request.body)
        )
        kept = self._idle.take(trio.current_time())
        if kept is not None:
            parser = self._parser()
            try:
                return await self._ask(kept, parser, head)
            except ConnectionLost:
                if parser.started:
                    raise
                # The endpoint closed an idle connection while this request was on its way: once more, on a fresh one.
        return await self._ask(await self._connect(), self._parser(), head)

    def _parser(self) -> ResponseParser:
        return ResponseParser(head_only=self._request.method == b"HEAD")

    async def _ask(
        self, connection: Connection, parser: ResponseParser, head: bytes
    ) -> UpstreamResponse:
        try:
            response = await ask(connection, parser, head, self._request.body, self._stalls)
        except BaseException:
            connection.close()
            raise
        self._connection, self._response = connection, response
        return response
