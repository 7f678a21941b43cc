from typing import Any

import httpx
import pytest
import trio
from tests.sandbox.engine.house import CHAT, COMPLETIONS, chat, listening, prompt, running
from trio.testing import MockClock

from kthena_sandbox.engine.faults import HEADER, Fault, FaultError, read_document, read_header


def test_a_header_names_faults() -> None:
    assert read_header("die-after=3, reset") == Fault(die_after=3, reset=True)
    assert read_header("stall-before") == Fault(stall_before=float("inf"))
    assert read_header("slow_first=1.5") == Fault(slow_first=1.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dye-after=3", "unknown fault 'dye-after'"),
        ("die-after=x", "'die-after' needs a number"),
        ("die-after=-1", "'die-after' cannot be"),
        ("status=200", "'status' is 400 to 599"),
        ("reset=maybe", "'reset' is true or false"),
        ("refuse=3", "'refuse' is a fault of the whole engine"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused(text: str, why: str) -> None:
    with pytest.raises(FaultError, match=why):
        read_header(text)


def test_json_names_faults() -> None:
    assert read_document({"die-after": 0, "times": 2}) == Fault(die_after=0, times=2)


async def test_a_status_on_demand() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(), {HEADER: "status=503"})
    assert answer.status == 503
    assert answer.document["error"]["type"] == "MockFault"


async def test_a_wrong_header_is_a_400() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(), {HEADER: "nonsense"})
    assert answer.status == 400


@pytest.mark.parametrize(("path", "body"), [(COMPLETIONS, prompt()), (CHAT, chat())])
async def test_dying_after_three_events(path: str, body: dict[str, Any]) -> None:
    async with running() as house:
        answer = await house.call("POST", path, body | {"stream": True}, {HEADER: "die-after=3"})
        assert not answer.complete
        assert len(answer.events) == 3
        assert (await house.stats())["cut"] == 1


async def test_a_whole_answer_dies_half_way() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(), {HEADER: "die-after=3"})
    assert not answer.complete
    assert 0 < len(answer.body) < int(answer.headers["content-length"])


async def test_stalls_end_after_their_time(autojump_clock: MockClock) -> None:
    async with running() as house:
        started = trio.current_time()
        fault = {HEADER: "stall-before=5, stall-after=2, stall-for=20"}
        answer = await house.call("POST", COMPLETIONS, prompt(stream=True), fault)
        assert answer.complete
        assert trio.current_time() - started == pytest.approx(25)


async def test_an_engine_that_stalls_sees_its_client_leave(autojump_clock: MockClock) -> None:
    async with running() as house:
        peer = house.connect()
        await peer.ask("POST", COMPLETIONS, prompt(stream=True), {HEADER: "stall-before"})
        await trio.sleep(3600)
        await trio.aclose_forcefully(peer.stream)
        await trio.testing.wait_all_tasks_blocked()
        assert (await house.stats())["aborted"] == 1


async def test_a_slow_first_token(autojump_clock: MockClock) -> None:
    async with running() as house:
        started = trio.current_time()
        await house.call("POST", COMPLETIONS, prompt(), {HEADER: "slow-first=3"})
        assert trio.current_time() - started == pytest.approx(3)


async def test_a_fault_of_the_engine_may_be_for_some_requests_and_is_cleared() -> None:
    async with running() as house:
        await house.call("POST", "/mock/faults", {"status": 500, "times": 2})
        statuses = [(await house.call("POST", COMPLETIONS, prompt())).status for _ in range(3)]
        assert statuses == [500, 500, 200]
        await house.call("POST", "/mock/faults", {"status": 500, "unhealthy": True})
        assert (await house.call("GET", "/mock/faults")).document == {
            "status": 500, "unhealthy": True,
        }  # fmt: skip
        assert (await house.call("GET", "/health")).status == 503
        await house.call("DELETE", "/mock/faults")
        assert (await house.call("GET", "/health")).status == 200
        assert (await house.call("POST", COMPLETIONS, prompt())).status == 200


async def test_idle_connections_close_when_asked(autojump_clock: MockClock) -> None:
    async with running(keep_alive=60.0) as house:
        peer = house.connect()
        await peer.call("POST", "/mock/faults", {"close_idle": 1})
        started = trio.current_time()
        assert await peer.stream.receive_some(1) == b""
        assert trio.current_time() - started == pytest.approx(1)


async def _connects(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def test_an_engine_that_refuses_connections_for_a_time() -> None:
    async with listening() as (_, port):
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            await client.post("/mock/faults", json={"refuse": True})
            assert not await _connects(port)
            await client.delete("/mock/faults")
        with trio.fail_after(60):
            while not await _connects(port):
                await trio.lowlevel.checkpoint()


async def test_a_reset_connection() -> None:
    async with listening() as (_, port), httpx.AsyncClient(trust_env=False, timeout=60) as client:
        with pytest.raises(httpx.ReadError):
            await client.post(
                f"http://127.0.0.1:{port}{COMPLETIONS}", json=prompt(),
                headers={HEADER: "die-before, reset"},
            )  # fmt: skip
