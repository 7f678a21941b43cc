import h11
import pytest
import trio
from tests.sandbox.engine.house import CHAT, COMPLETIONS, House, Peer, chat, prompt, running
from trio.testing import MockClock


async def test_the_pace_is_as_set(autojump_clock: MockClock) -> None:
    pace = {"time_to_first_token": 2.0, "inter_token_latency": 0.5, "prefill_time_per_token": 0.25}
    async with running(**pace) as house:
        started = trio.current_time()
        await house.call("POST", COMPLETIONS, prompt(stream=True))
        assert trio.current_time() - started == pytest.approx(2 + 4 * 0.25 + 6 * 0.5)


async def test_streamed_tokens_come_one_by_one(autojump_clock: MockClock) -> None:
    async with running(inter_token_latency=1.0) as house:
        peer = house.connect()
        await peer.ask("POST", COMPLETIONS, prompt(stream=True))
        await peer.event()
        times = []
        while isinstance(await peer.event(), h11.Data):
            times.append(trio.current_time())
    assert [round(time - times[0], 3) for time in times] == [0, 1, 2, 3, 4, 5, 6, 6]


async def _metrics(house: House, *names: str) -> list[float]:
    text = (await house.call("GET", "/metrics")).body.decode()
    rows = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    labels = 'engine="0",model_name="org/model"' if "vllm:" in text else 'model_name="org/model"'
    return [float(rows[f"{name}{{{labels}}}"]) for name in names]


async def test_the_gauges_tell_the_truth(autojump_clock: MockClock) -> None:
    names = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
    async with running(max_num_seqs=2, time_to_first_token=1.0, kv_blocks=8) as house:
        assert await _metrics(house, *names) == [0, 0, 0]
        for _ in range(3):
            await house.connect().ask("POST", COMPLETIONS, prompt())
        await trio.sleep(0.5)
        assert await _metrics(house, *names) == [2, 1, 0.25]
        await trio.sleep(1)
        assert await _metrics(house, *names) == [1, 0, 0.125]
        await trio.sleep(1)
        assert await _metrics(house, *names) == [0, 0, 0]


async def test_latencies_are_counted_from_arrival(autojump_clock: MockClock) -> None:
    async with running(max_num_seqs=1, time_to_first_token=1.0, inter_token_latency=0.5) as house:
        peers = [house.connect(), house.connect()]
        for peer in peers:
            await peer.ask("POST", COMPLETIONS, prompt(max_tokens=3))
        for peer in peers:
            assert (await peer.answer()).status == 200
        first, between = "vllm:time_to_first_token_seconds", "vllm:inter_token_latency_seconds"
        seen = await _metrics(
            house, f"{first}_sum", f"{first}_count", f"{between}_sum", f"{between}_count"
        )
    assert seen == pytest.approx([1 + (2 + 1), 2, 2.0, 4])


async def test_sglang_has_its_own_names(autojump_clock: MockClock) -> None:
    async with running(engine="sglang", time_to_first_token=1.0) as house:
        for _ in range(2):
            await house.connect().ask("POST", CHAT, chat())
        await trio.sleep(0.5)
        names = ("sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage")
        running_now, queued, used = await _metrics(house, *names)
        await trio.sleep(1)
        (count,) = await _metrics(house, "sglang:time_to_first_token_seconds_count")
    assert (running_now, queued, count) == (2, 0, 2)
    assert used > 0


async def _leave(peer: Peer) -> None:
    await trio.aclose_forcefully(peer.stream)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_stops_the_work_at_once(
    autojump_clock: MockClock, stream: bool
) -> None:
    async with running(inter_token_latency=1.0) as house:
        peer = house.connect()
        await peer.ask("POST", COMPLETIONS, prompt(stream=stream, ignore_eos=True, max_tokens=1000))
        await trio.sleep(3.5)
        await _leave(peer)
        await trio.testing.wait_all_tasks_blocked()
        seen = await house.stats()
        assert (seen["aborted"], seen["running"], seen["generated_tokens"]) == (1, 0, 4)
        await trio.sleep(10)
        assert (await house.stats())["generated_tokens"] == 4


async def test_a_client_that_leaves_the_queue_is_forgotten(autojump_clock: MockClock) -> None:
    async with running(max_num_seqs=1, time_to_first_token=5.0) as house:
        working, waiting = house.connect(), house.connect()
        await working.ask("POST", COMPLETIONS, prompt())
        await trio.sleep(1)
        await waiting.ask("POST", COMPLETIONS, prompt())
        await trio.sleep(1)
        assert (await house.stats())["waiting"] == 1
        await _leave(waiting)
        await trio.testing.wait_all_tasks_blocked()
        seen = await house.stats()
        assert (seen["waiting"], seen["running"], seen["aborted"]) == (0, 1, 1)
        assert (await working.answer()).status == 200


async def test_stats_show_the_last_request() -> None:
    async with running() as house:
        await house.call("POST", COMPLETIONS, prompt(), {"x-request-id": "abc"})
        await house.call("GET", "/v1/models")
        seen = await house.stats()
        assert seen["requests"] == {COMPLETIONS: 1, "/v1/models": 1}
        assert seen["completed"] == 1
        assert ["x-request-id", "abc"] in seen["last"]["headers"]
        assert seen["last"]["body"] == '{"model":"org/model","prompt":"What is Kubernetes?"}'
        await house.call("DELETE", "/mock/stats")
        assert (await house.stats())["total"] == 0
