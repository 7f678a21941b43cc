"""A small pool of kept-alive connections for each endpoint, and the calls that use them."""

import ssl
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial

import trio

from kthena_router.concurrency.readiness import Readiness
from kthena_router.errors import ConnectFailed, ConnectTimeout
from kthena_router.routing.endpoint import Endpoint
from kthena_router.upstream.call import Call, UpstreamRequest
from kthena_router.upstream.connection import Connection
from kthena_router.upstream.dial import Address, Dial, Dialler
from kthena_router.upstream.exchange import StallWatch, UpstreamResponse
from kthena_router.upstream.idle import IdleConnections

_Key = tuple[str, str, int, bool]

SWEEP_SECONDS = 1.0
MAX_IDLE_PER_ENDPOINT = 128  # more than this many requests at once on one engine are rare


class Pools:
    """All connections to endpoints. Every decision is synchronous; only connecting, sending and receiving wait.

    Times in seconds: *connect_timeout* covers TCP and TLS, *idle_timeout* the silence between two pieces of a body (at most
    SWEEP_SECONDS more where pieces are pumped),
    *keepalive* how long an unused connection is kept. *tls*: None stands for the system's authorities;
    *tls_server_name*: the name that certificates must bear, "" for the endpoint's address. *readiness*: where connections
    wait, None for trio itself.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        idle_timeout: float,
        keepalive: float = 3.0,
        max_idle: int = MAX_IDLE_PER_ENDPOINT,
        tls: ssl.SSLContext | None = None,
        tls_server_name: str = "",
        readiness: Readiness | None = None,
        dial: Dial | None = None,
    ) -> None:
        self._connect_timeout = connect_timeout
        self._stalls = StallWatch(idle_timeout)
        self._keepalive = keepalive
        self._max_idle = max_idle
        self._tls_server_name = tls_server_name
        self._dial = dial or Dialler(tls, readiness)
        self._pools: dict[_Key, IdleConnections] = {}

    @property
    def idle(self) -> int:
        """How many connections are open without a call."""
        return sum(map(len, self._pools.values()))

    def open_call(
        self, endpoint: Endpoint, request: UpstreamRequest, *, header_timeout: float | None
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Return the block of one call; entering it raises the errors of `Call`.

        *header_timeout* covers connecting, sending and the head of the answer; None: no limit but the connect time-out.
        """
        return Call(
            request,
            endpoint.authority,
            idle=self._pool(endpoint),
            connect=partial(self._connect, endpoint),
            header_timeout=header_timeout,
            stalls=self._stalls,
        )

    def retain(self, endpoints: Iterable[Endpoint]) -> None:
        """Drop the pools of all other endpoints; calls in flight finish, then their connections close."""
        wanted = {_key(endpoint) for endpoint in endpoints}
        for key in self._pools.keys() - wanted:
            self._pools.pop(key).close()

    def sweep(self) -> None:
        """Close the connections that have been idle for too long, and end the answers that have stalled."""
        now = trio.current_time()
        self._stalls.sweep(now)
        for pool in self._pools.values():
            pool.sweep(now)

    async def run(self) -> None:
        """Sweep for ever, so that connections which nobody asks for do not stay; all is closed at the end."""
        try:
            while True:
                await trio.sleep(min(self._keepalive, SWEEP_SECONDS))
                self.sweep()
        finally:
            self._drop_all()

    async def aclose(self) -> None:
        """Close all idle connections; those of calls in flight close when these end."""
        self._drop_all()
        await trio.lowlevel.checkpoint()

    def _drop_all(self) -> None:
        self.retain(())

    def _pool(self, endpoint: Endpoint) -> IdleConnections:
        key = _key(endpoint)
        pool = self._pools.get(key)
        if pool is None:
            pool = IdleConnections(limit=self._max_idle, keepalive=self._keepalive)
            self._pools[key] = pool
        return pool

    async def _connect(self, endpoint: Endpoint) -> Connection:
        server_name = (self._tls_server_name or endpoint.address) if endpoint.tls else None
        try:
            with trio.fail_after(self._connect_timeout):
                return await self._dial(Address(endpoint.address, endpoint.port, server_name))
        except trio.TooSlowError:
            message = f"no connection to {endpoint.authority} within {self._connect_timeout:g} s"
            raise ConnectTimeout(message) from None
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
            raise ConnectFailed(f"cannot connect to {endpoint.authority}: {error}") from error


def _key(endpoint: Endpoint) -> _Key:
    return endpoint.uid, endpoint.address, endpoint.port, endpoint.tls
