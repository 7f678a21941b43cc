"""Try endpoints in order, until one has begun to answer."""

from collections.abc import Awaitable, Callable, Iterator

from kthena_router.errors import (
    AllEndpointsFailed,
    BadResponse,
    BeforeResponse,
    UpstreamError,
    UpstreamTimedOut,
)
from kthena_router.proxy.journal import Journal
from kthena_router.routing.endpoint import Endpoint
from kthena_router.telemetry.loads import LoadTable
from kthena_router.upstream.call import UpstreamRequest
from kthena_router.upstream.exchange import UpstreamResponse
from kthena_router.upstream.pools import Pools

MOVE_ON = frozenset({502, 503, 504})
Deliver = Callable[[UpstreamResponse], Awaitable[None]]


class Attempts:
    """The calls of one request. *is_lora*: a 404 may only mean that this endpoint has not loaded the adapter."""

    def __init__(self, pools: Pools, loads: LoadTable, journal: Journal, *, is_lora: bool) -> None:
        self._pools = pools
        self._loads = loads
        self._journal = journal
        self._is_lora = is_lora

    async def run(
        self,
        endpoints: Iterator[Endpoint],
        count: int,
        request: UpstreamRequest,
        deliver: Deliver,
        header_timeout: float | None,
    ) -> None:
        """Call *deliver* with the first usable answer of the *count* that *endpoints* yields. Raises AllEndpointsFailed, UpstreamTimedOut, UpstreamError."""
        failure: UpstreamError | None = None
        for attempt, endpoint in enumerate(endpoints, 1):
            last = attempt == count
            try:
                if await self._try(endpoint, request, deliver, header_timeout, last=last):
                    return
                failure = None
            except (BeforeResponse, BadResponse) as error:
                if self._journal.record.upstream_status_code:
                    raise  # the client has the head already
                failure = error
        raise self._all_failed(failure)

    async def _try(
        self,
        endpoint: Endpoint,
        request: UpstreamRequest,
        deliver: Deliver,
        header_timeout: float | None,
        *,
        last: bool,
    ) -> bool:
        """Return whether the answer was delivered; where it was not, the next endpoint may have a better one."""
        with self._loads.in_flight(endpoint), self._journal.calling(endpoint.name):
            call = self._pools.open_call(endpoint, request, header_timeout=header_timeout)
            async with call as response:
                self._journal.record.upstream_status_code = response.status
                if self._moves_on(response.status, last=last):
                    return False
                request.forget_sent()
                await deliver(response)
                return True

    def _moves_on(self, status: int, *, last: bool) -> bool:
        return status in MOVE_ON or (status == 404 and self._is_lora and not last)

    def _all_failed(self, failure: UpstreamError | None) -> AllEndpointsFailed | UpstreamTimedOut:
        """Return what the client is told of the last failure, None for an answer that moved on; addresses are for the log."""
        record = self._journal.record
        tried = f"request to all pods failed ({record.upstream_attempts} tried): the last one"
        advice = "try again; the log has more under this request id"
        if failure is None:
            return AllEndpointsFailed(f"{tried} answered {record.upstream_status_code}; {advice}")
        kind = UpstreamTimedOut if failure.status == 504 else AllEndpointsFailed
        return kind(f"{tried} {failure.summary}; {advice}", detail=failure.message)
