"""The name server of a pod."""

from collections.abc import Callable, Iterable, Sequence

import trio

from kthena_sandbox.datagrams import bind_datagrams
from kthena_sandbox.dns.corefile import Zone, zone_of
from kthena_sandbox.dns.messages import (
    NOT_IMPLEMENTED,
    REFUSED,
    SERVER_FAILURE,
    NotAQuery,
    read_query,
    refusal,
    whoami,
)

_LONGEST = 65535


class NameServer:
    """Serves the zones of one Corefile; `run` it once."""

    def __init__(self, zones: Sequence[Zone], address: str, say: Callable[[str], None]) -> None:
        self._zones = zones
        self._address = address
        self._say = say

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until cancelled. Raises OSError where a port cannot be had."""
        async with trio.open_nursery() as nursery:
            for port in sorted({zone.port for zone in self._zones}):
                bound = trio.socket.from_stdlib_socket(bind_datagrams(self._address, port))
                nursery.start_soon(self._serve, bound, [one for one in self._zones if one.port == port])  # fmt: skip
            for zone in self._zones:
                self._say(f"{zone.name}:{zone.port}")
            task_status.started()

    async def _serve(self, bound: trio.socket.SocketType, zones: Iterable[Zone]) -> None:
        with bound:
            while True:
                datagram, (address, port) = await bound.recvfrom(_LONGEST)
                try:
                    answer = self._answer(datagram, zones, address, port)
                except NotAQuery:
                    continue
                await bound.sendto(answer, (address, port))

    def _answer(self, datagram: bytes, zones: Iterable[Zone], address: str, port: int) -> bytes:
        query = read_query(datagram)
        if not query.is_question:
            return refusal(query, NOT_IMPLEMENTED)
        zone = zone_of(query.name, zones)
        if zone is None:
            return refusal(query, REFUSED)
        if "whoami" in zone.plugins:
            return whoami(query, address, port)
        self._say(f"[ERROR] plugin/errors: 2 {query.name}: only whoami is served in the sandbox")
        return refusal(query, SERVER_FAILURE)
