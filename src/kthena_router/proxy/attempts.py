"""Try endpoints in order, until one has begun to answer."""

from collections.abc import Awaitable, Callable, Sequence

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
        endpoints: Sequence[Endpoint],
        request: UpstreamRequest,
        deliver: Deliver,
        header_timeout: float | None,
    ) -> None:
        """Call *deliver* with the first usable answer. Raises AllEndpointsFailed, UpstreamTimedOut, UpstreamError."""
        failure: UpstreamError | None = None
        for index, endpoint in enumerate(endpoints):
            last = index == len(endpoints) - 1
            try:
                if await self._try(endpoint, request, deliver, header_timeout, last=last):
                    return
                failure = None
            except (BeforeResponse, BadResponse) as error:
                if self._journal.record.upstream_status_code and isinstance(error, BadResponse):
                    raise
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
        record = self._journal.record
        with self._loads.in_flight(endpoint), self._journal.calling(endpoint.name):
            record.upstream_status_code = 0
            call = self._pools.open_call(endpoint, request, header_timeout=header_timeout)
            async with call as response:
                record.upstream_status_code = response.status
                if self._moves_on(response.status, last=last):
                    return False
                await deliver(response)
                return True

    def _moves_on(self, status: int, *, last: bool) -> bool:
        return status in MOVE_ON or (status == 404 and self._is_lora and not last)

    def _all_failed(
        self, failure: UpstreamError | None
    ) -> UpstreamError | AllEndpointsFailed | UpstreamTimedOut:
        attempts = self._journal.record.upstream_attempts
        tried = f"request to all pods failed ({attempts} tried)"
        if failure is None:
            status = self._journal.record.upstream_status_code
            return AllEndpointsFailed(f"{tried}: the last one answered {status}")
        if failure.status == 504:
            return UpstreamTimedOut(f"{tried}: {failure.message}")
        return AllEndpointsFailed(f"{tried}: {failure.message}")
