"""The compiled program against itself and against httpx, in the shortest times that it takes."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio

from benchmarks.errors import MeasurementFailed
from benchmarks.native import Backend, LoadResult, build, open_backend, run_load

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
CHAT = {"model": "bench", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("cache"))


@pytest.fixture
async def backend(program: Path, tmp_path: Path) -> AsyncIterator[Backend]:
    async with open_backend(program, 2, None, tmp_path / "backend.log") as opened:
        yield opened


async def ask(backend: Backend, **fields: object) -> httpx.Response:
    url = f"http://{backend.addresses[1]}:{backend.port}/v1/chat/completions"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(url, json=CHAT | fields)


def test_the_program_is_built_once(program: Path) -> None:
    before = program.stat().st_mtime_ns

    assert build(program.parent).stat().st_mtime_ns == before


async def test_a_completion_has_the_size_asked_for(backend: Backend) -> None:
    await backend.set(answer_bytes=700)

    answer = await ask(backend)

    assert len(answer.content) == 700
    assert answer.json()["choices"][0]["message"]["content"] == "A"


async def test_a_stream_has_its_events_then_the_usage_asked_for_then_the_end(
    backend: Backend,
) -> None:
    await backend.set(interval_us=1000, events=3, event_bytes=300)

    answer = await ask(backend, stream=True, stream_options={"include_usage": True})

    events = answer.text.split("\n\n")
    assert [len(event) + 2 for event in events[:3]] == [300, 300, 300]
    content = json.loads(events[0][6:])["choices"][0]["delta"]["content"]
    assert (content[0], content[1:19].isdecimal()) == ("@", True)
    assert json.loads(events[3][6:])["usage"]["completion_tokens"] == 64
    assert events[4:] == ["data: [DONE]", ""]


async def test_usage_is_sent_to_those_who_ask_for_it_only(backend: Backend) -> None:
    await backend.set(interval_us=0, events=2)

    answer = await ask(backend, stream=True)

    assert '"usage"' not in answer.text
    assert answer.text.count("data: ") == 3


async def test_requests_are_counted_alike_by_both_sides(program: Path, backend: Backend) -> None:
    result = await run_load(
        program, "requests", backend.target, core=None,
        seconds=0.5, warmup=0, connections=4, ramp=1e6, body_bytes=5000,
    )  # fmt: skip
    stats = await backend.stats()

    assert result.errors == 0
    assert 0 < result.answers <= stats.requests <= result.answers + 4 * 2
    assert result.latency.count == result.answers


async def test_paced_streams_keep_their_pace(program: Path, backend: Backend) -> None:
    await backend.set(interval_us=20_000, events=10**9)
    results: list[LoadResult] = []
    while len(results) < 10 and not any(keeps_pace(one) for one in results):
        marks: list[str] = []
        result = await run_load(
            program, "streams", backend.target, core=None, observe=marks.append,
            seconds=0.4, warmup=0.1, connections=5,
        )  # fmt: skip
        assert marks == ["begin", "end"]
        assert result.delay.count == result.events
        results.append(result)

    assert keeps_pace(results[-1])  # the machine may have been busy with something else before


def keeps_pace(result: LoadResult) -> bool:
    """Return whether five streams were paced at 20 ms for 0.4 s."""
    return result.streaming == 5 and 0 < result.events <= 1.1 * 100 and result.gap.p50 > 15_000


async def test_short_streams_tell_the_time_to_their_first_event(
    program: Path, backend: Backend
) -> None:
    await backend.set(interval_us=1000, events=3)

    result = await run_load(
        program, "streams", backend.target, core=None, seconds=0.5, warmup=0, connections=2
    )

    assert result.answers > 0
    assert result.first_event.count == pytest.approx(result.answers, abs=2)
    assert result.gap.count == pytest.approx(2 * result.answers, abs=8)


async def test_clients_that_leave_are_seen_leaving(program: Path, backend: Backend) -> None:
    await backend.set(interval_us=10_000, events=10**9)

    result = await run_load(
        program, "leave", backend.target, core=None,
        seconds=5, connections=5, spacing_ms=2, first_ticket=40,
    )  # fmt: skip
    with trio.fail_after(60):
        while len((await backend.stats()).left) < 5:  # noqa: ASYNC110  it can only be asked
            await trio.sleep(0.01)
    seen = dict((await backend.stats()).left)

    assert sorted(ticket for ticket, _ in result.left) == [40, 41, 42, 43, 44]
    assert all(seen[ticket] > ns for ticket, ns in result.left)


async def test_slow_readers_take_their_share(program: Path, backend: Backend) -> None:
    await backend.set(interval_us=0, events=10**9)

    result = await run_load(
        program, "slow", backend.target, core=None, seconds=0.5, connections=3, rate=400
    )

    assert result.bytes % 100 == 0  # in turns of 100 bytes, of which each has three at the most
    assert 3 * 100 <= result.bytes <= 3 * 300
    assert result.errors == 0


async def test_answers_that_are_no_success_are_errors_with_a_reason(
    program: Path, backend: Backend
) -> None:
    result = await run_load(
        program, "requests", backend.target, core=None,
        seconds=0.5, warmup=0, connections=1, path="/nothing",
    )  # fmt: skip

    assert result.answers == 0
    assert result.errors > 0
    assert result.first_error == "HTTP 404: {'detail':'Not Found'}"


async def test_a_server_that_is_not_there_is_an_error(program: Path) -> None:
    result = await run_load(
        program, "requests", "127.0.0.1:1", core=None, seconds=0.1, warmup=0, connections=1
    )

    assert result.first_error == "Connection refused"


async def test_addresses_outside_the_machine_are_refused(program: Path) -> None:
    with pytest.raises(MeasurementFailed, match="only addresses in 127"):
        await run_load(program, "requests", "192.0.2.1:80", core=None)
