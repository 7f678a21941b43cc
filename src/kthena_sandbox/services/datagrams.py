"""One socket for UDP that hands each client's datagrams to an endpoint, and its answers back.

As kube-proxy and the kernel's connection tracking do it: who sends from one port stays with one endpoint until nothing
was said for a while, or until the endpoint is none any more.
"""

import socket
from dataclasses import dataclass

import trio

from kthena_sandbox.services.forwarding import connected
from kthena_sandbox.services.frontends import Endpoint, Route
from kthena_sandbox.services.turns import Turns

IDLE_SECONDS = 120.0  # nf_conntrack_udp_timeout_stream
_LARGEST = 65535

Client = tuple[str, int]


@dataclass
class _Flow:
    """One client's, by a socket of its own."""

    endpoint: Endpoint
    far: trio.socket.SocketType
    used: float


class DatagramForwarder:
    """Takes datagrams on *bound* until it is closed."""

    def __init__(self, bound: socket.socket, route: Route) -> None:
        self.turns = Turns(route)
        self._near = trio.socket.from_stdlib_socket(bound)
        self._flows: dict[Client, _Flow] = {}

    def close(self) -> None:
        """Stop at once: there are no connections that could go on."""
        self._near.close()

    async def run(self, flows: trio.Nursery) -> None:
        """Forward, with a task of *flows* for each client."""
        while True:
            try:
                datagram, client = await self._near.recvfrom(_LARGEST)
            except trio.ClosedResourceError:
                break
            except OSError:
                continue
            if (flow := await self._flow(client, flows)) is not None:
                await _send(flow, datagram)
        for flow in self._flows.values():
            flow.far.close()

    async def _flow(self, client: Client, flows: trio.Nursery) -> _Flow | None:
        """The client's; None where there is no endpoint."""
        now = trio.current_time()
        flow = self._flows.get(client)
        if flow is not None and flow.endpoint in self.turns.route.endpoints:
            flow.used = now
            return flow
        if flow is not None:
            flow.far.close()
        endpoint = next(self.turns.order(client[0]), None)
        if endpoint is None:
            return None
        self.turns.note(client[0], endpoint)
        far = await connected(endpoint, socket.SOCK_DGRAM)
        flow = self._flows[client] = _Flow(endpoint, far, now)
        flows.start_soon(self._carry_back, client, flow)
        return flow

    async def _carry_back(self, client: Client, flow: _Flow) -> None:
        with flow.far:
            while (left := flow.used + IDLE_SECONDS - trio.current_time()) > 0:
                with trio.move_on_after(left):
                    try:
                        answer = await flow.far.recv(_LARGEST)
                        flow.used = trio.current_time()
                        await self._near.sendto(answer, client)
                    except (trio.ClosedResourceError, OSError):
                        break  # nobody listens there, or this is closed
        if self._flows.get(client) is flow:
            del self._flows[client]


async def _send(flow: _Flow, datagram: bytes) -> None:
    """Datagrams may be lost, as where nobody listens."""
    try:
        await flow.far.send(datagram)
    except (trio.ClosedResourceError, OSError):
        return
