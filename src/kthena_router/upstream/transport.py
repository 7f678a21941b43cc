"""Our connections as a transport for httpx, for everything that wants httpx's comforts without its pool."""

import contextlib
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager

import httpx
import trio

from kthena_router.errors import (
    BadResponse,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    HeaderTimeout,
    InvalidRequest,
    ResponseCut,
    ResponseStalled,
    RouterError,
)
from kthena_router.routing.endpoint import Endpoint
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.exchange import UpstreamResponse
from kthena_router.upstream.pools import Pools
from kthena_router.upstream.request_head import RESERVED_HEADERS

_ERRORS: tuple[tuple[type[RouterError], type[httpx.TransportError]], ...] = (
    (ConnectFailed, httpx.ConnectError),
    (ConnectTimeout, httpx.ConnectTimeout),
    (HeaderTimeout, httpx.ReadTimeout),
    (ResponseStalled, httpx.ReadTimeout),
    (ConnectionLost, httpx.RemoteProtocolError),
    (ResponseCut, httpx.RemoteProtocolError),
    (BadResponse, httpx.RemoteProtocolError),
    (InvalidRequest, httpx.LocalProtocolError),
)


class PoolsTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests over *pools*, which stay their owner's.

    Of httpx's time-outs `read` counts, for the head and for each piece of the body; connecting has the pools' limit.
    Request bodies are sent whole. Raises httpx's errors.
    """

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        patience: float | None = request.extensions.get("timeout", {}).get("read")
        call = self._pools.open_call(
            _endpoint(request.url), _upstream_request(request, body), header_timeout=patience
        )
        with _errors_of_httpx():
            response = await call.__aenter__()
        return httpx.Response(
            response.status,
            headers=list(response.headers),
            stream=_Body(call, response, math.inf if patience is None else patience),
            extensions={"http_version": b"HTTP/1.1"},
        )


class _Body(httpx.AsyncByteStream):
    """The rest of a call: iterating takes the pieces, closing ends it."""

    def __init__(
        self,
        call: AbstractAsyncContextManager[UpstreamResponse],
        response: UpstreamResponse,
        patience: float,
    ) -> None:
        self._call = call
        self._response = response
        self._patience = patience

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self  # an iterator, not a generator: nothing is left to a finaliser

    async def __anext__(self) -> bytes:
        with _errors_of_httpx(), trio.fail_after(self._patience):
            if piece := await self._response.receive():
                return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._call.__aexit__(None, None, None)


@contextlib.contextmanager
def _errors_of_httpx() -> Iterator[None]:
    try:
        yield
    except trio.TooSlowError as error:
        raise httpx.ReadTimeout("no data in time") from error
    except tuple(ours for ours, _ in _ERRORS) as error:
        theirs = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
        raise theirs(error.message) from error


def _endpoint(url: httpx.URL) -> Endpoint:
    tls = url.scheme == "https"
    port = url.port or (443 if tls else 80)
    return Endpoint(
        uid=f"{url.scheme}://{url.host}:{port}",
        namespace="",
        name=url.host,
        address=url.host,
        port=port,
        tls=tls,
    )


def _upstream_request(request: httpx.Request, body: bytes) -> UpstreamRequest:
    lowered = [(name.lower(), value) for name, value in request.headers.raw]
    return UpstreamRequest(
        method=request.method.encode("ascii"),
        target=request.url.raw_path,
        headers=tuple(header for header in lowered if header[0] not in RESERVED_HEADERS),
        host=request.headers.get("host", "").encode("latin-1") or None,
        body=body,
    )
