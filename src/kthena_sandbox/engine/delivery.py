"""How an answer leaves the engine: as events or as a whole, and spoiled where a fault says so."""

import msgspec
import trio

from kthena_sandbox.engine.answers import DONE, Document, event
from kthena_sandbox.engine.faults import Fault
from kthena_sandbox.httpd.exchange import CutConnection, Exchange


class EventStream:
    """A streamed answer; its head goes out with the first event. Raises ClientGone, CutConnection."""

    def __init__(self, exchange: Exchange, fault: Fault) -> None:
        self._exchange = exchange
        self._fault = fault
        self._sent = 0
        self._started = False

    async def send(self, document: Document) -> None:
        """One event."""
        await self._send(event(document))

    async def finish(self) -> None:
        """The end as OpenAI's clients expect it."""
        await self._send(DONE)
        await self._exchange.finish()

    async def _send(self, data: bytes) -> None:
        if not self._started:
            await self._exchange.start(200, "text/event-stream; charset=utf-8")
            self._started = True
        await self._misbehave()
        await self._exchange.send(data)
        self._sent += 1

    async def _misbehave(self) -> None:
        if self._fault.stall_after == self._sent:
            await stall(self._fault.stall_for)
        if self._fault.die_after == self._sent:
            raise CutConnection(reset=bool(self._fault.reset))


async def stall(seconds: float | None) -> None:
    """Say nothing for *seconds*, None for ever."""
    await trio.sleep(float("inf") if seconds is None else seconds)


async def before_first_byte(fault: Fault) -> None:
    """What goes wrong before an answer begins. Raises CutConnection."""
    if fault.stall_before is not None:
        await stall(fault.stall_before)
    if fault.die_before:
        raise CutConnection(reset=bool(fault.reset))


async def send_whole(exchange: Exchange, document: Document, fault: Fault) -> None:
    """A whole answer; the counting faults strike in its middle. Raises ClientGone, CutConnection."""
    if fault.stall_after is None and fault.die_after is None:
        await exchange.respond_json(200, document)
        return
    body = msgspec.json.encode(document)
    middle = len(body) // 2
    await exchange.start(200, "application/json", len(body))
    await exchange.send_raw(body[:middle])
    if fault.stall_after is not None:
        await stall(fault.stall_for)
    if fault.die_after is not None:
        raise CutConnection(reset=bool(fault.reset))
    await exchange.send_raw(body[middle:])
    exchange.finished = True
