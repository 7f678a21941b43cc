"""However a request ends, at whatever point: nothing counts as being in flight any more, and it was counted and logged once."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
import trio
from tests.support.direct import DirectCall
from tests.support.house import House, open_house
from tests.support.http_peer import PeerConnection, Script, open_peer
from tests.support.steps import at_step
from tests.support.upstream import until
from trio.testing import wait_all_tasks_blocked

from kthena_router.proxy.app import RouterApp

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def saying(*pieces: bytes) -> Script:
    """Give an answer in pieces, slowly, so that the other side waits wherever it can wait; then hang up."""

    async def script(connection: PeerConnection) -> None:
        await connection.read_request()
        for piece in pieces:
            await wait_all_tasks_blocked()
            await connection.say(piece)

    return script


WHOLE = saying(HEAD[:20], HEAD[20:], b"4\r\none\n\r\n", b"5\r\ntwo\n\n\r\n", b"0\r\n\r\n")
BUSY = saying(b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\n", b"busy")
CUT = saying(HEAD, b"9\r\ndata: on", b"")
SILENT = saying()
WRONG = saying(b"SSH-2.0-OpenSSH\r\n")


def assert_idle(house: House) -> None:
    """Nothing counts as being in flight."""
    assert 0 == house.loads.total
    for gauge in ("active_requests", "active_downstream_requests", "active_upstream_requests"):
        assert 0.0 == house.metric(gauge)


@dataclass(frozen=True)
class Case:
    """*scripts*: what the endpoints do, in the order in which they are tried. *status*, *error*: as in the metrics."""

    scripts: tuple[Script, ...]
    status: int
    error: str = "successful_request"


CASES = {
    "answered": Case((WHOLE,), 200),
    "another pod": Case((BUSY, SILENT, WRONG, WHOLE), 200),
    "all failed": Case((BUSY, SILENT), 502, "proxy"),
    "broken": Case((CUT,), 200, "proxy"),
}


async def serve_until(
    house: House, case: Case, step: int, act: Callable[[DirectCall, trio.CancelScope], object]
) -> bool:
    """Serve a request, *act* at its *step*-th step, and return whether it had one. The books must be right afterwards."""
    call = DirectCall(RouterApp(8080, house.services, default=True))
    lines = len(house.log.lines)
    counted = house.metric("requests_total")
    with trio.CancelScope() as scope, at_step(step, lambda: act(call, scope)) as watch:
        await call.run()
    assert_idle(house)
    assert lines + 1 == len(house.log.lines)
    assert counted + 1 == house.metric("requests_total")
    return watch.reached


def leave(call: DirectCall, _: trio.CancelScope) -> None:
    call.leave()


def cancel(_: DirectCall, scope: trio.CancelScope) -> None:
    scope.cancel()


@pytest.mark.parametrize(
    ("act", "error"),
    [(leave, "client_closed_request"), (cancel, "request_failed")],
    ids=["client leaves", "router ends"],
)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_at_every_step(
    case: Case, act: Callable[[DirectCall, trio.CancelScope], object], error: str
) -> None:
    async with open_house(0) as house, open_peer(*case.scripts) as peer:
        step, interrupted = 0, True
        while interrupted:
            step += 1
            peer.scripts[:] = case.scripts
            house.serve([peer.endpoint.port] * len(case.scripts))
            interrupted = await serve_until(house, case, step, act)
            house.pools.retain([])
            await until(lambda: peer.open == 0)
        assert step > 10
        assert f" {case.status} " in house.log.lines[-1]
        assert 1.0 <= house.metric(
            "requests_total", status_code=str(case.status), error_type=case.error
        )
        assert 5.0 <= house.metric("requests_total", error_type=error)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_when_every_send_fails_in_turn(case: Case) -> None:
    async with open_house(0) as house, open_peer(*case.scripts) as peer:
        house.serve([peer.endpoint.port] * len(case.scripts))
        for failing in range(1, 4):
            peer.scripts[:] = case.scripts
            left = [failing]

            async def taking(left: list[int] = left) -> None:
                await trio.lowlevel.checkpoint()
                left[0] -= 1
                if not left[0]:
                    raise RuntimeError("the server has a fault")

            call = DirectCall(RouterApp(8080, house.services, default=True), taking=taking)
            with suppress(RuntimeError):
                await call.run()
            assert_idle(house)
            assert failing == len(house.log.lines) == house.metric("requests_total")
            assert 0.0 == house.metric("requests_total", error_type="successful_request")
