"""Requests through the real server and transport to mock engines."""

import json
import socket
from typing import Any

import httpx
import pytest
import trio
from tests.support.house import House, open_house
from tests.support.upstream import until

from kthena_router.routing.endpoint import Endpoint
from kthena_router.upstream.call import UpstreamRequest


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_completion_reaches_the_engine_under_its_real_name() -> None:
    async with open_house() as house:
        answer = await house.post(headers={"x-request-id": "mine"})

        assert 200 == answer.status_code
        assert "This is simulated message from real-model!" == answer.json()["choices"][0]["text"]
        assert "mine" == answer.headers["x-request-id"]
        assert (
            'POST /v1/completions HTTP/1.1" 200 model_name=m model_route=default/route'
            in await house.logged()
        )
        assert 1.0 == house.metric(
            "requests_total", status_code="200", error_type="successful_request", model="m"
        )


async def test_every_other_byte_of_the_body_is_the_clients() -> None:
    async with open_house() as house:
        body = b'{ "z":1.50,"model" : "m","prompt":"\\u00e9", "nested":{"model":"m"}}'
        async with house.client as client:
            await client.post("/v1/completions", content=body)

        received = house.stats()["last"]["body"]
        sent = json.loads(body.replace(b'"model" : "m"', b'"model" : "real-model"'))
        assert sent == (json.loads(received) if isinstance(received, str) else received)


async def test_stream_arrives_event_by_event_with_its_usage() -> None:
    async with open_house() as house:
        answer = await house.post(stream=True, stream_options={"include_usage": True}, max_tokens=3)

        events = [line for line in answer.text.splitlines() if line]
        assert "data: [DONE]" == events[-1]
        assert 3 == json.loads(events[-2].removeprefix("data: "))["usage"]["completion_tokens"]
        await house.logged()
        assert 3.0 == house.metric("tokens_total", token_type="output")


@pytest.mark.parametrize(
    ("body", "status", "code", "phrase"),
    [
        (b"{", 400, None, "not JSON"),
        (b"", 400, None, "empty"),
        (b"[]", 400, None, "must be a JSON object"),
        (b'{"prompt":"x"}', 400, "missing_required_parameter", "model not found"),
        (b'{"model":7}', 400, "missing_required_parameter", "must be a string"),
        (b'{"model":" "}', 400, "missing_required_parameter", "blank"),
        (b'{"model":"other"}', 404, "model_not_found", "route not found"),
    ],
)
async def test_bad_requests_get_an_openai_error(
    body: bytes, status: int, code: str | None, phrase: str
) -> None:
    async with open_house() as house, house.client as client:
        answer = await client.post("/v1/completions", content=body)

        error = answer.json()["error"]
        assert (status, code) == (answer.status_code, error["code"])
        assert phrase in error["message"]
        assert "made-here" == answer.headers["x-request-id"]


async def test_body_that_is_too_large_is_refused() -> None:
    async with open_house(max_request_body=100) as house:
        answer = await house.post(prompt="x" * 200)

        assert 413 == answer.status_code
        assert "100 bytes" in answer.json()["error"]["message"]


async def test_multipart_field_names_the_model() -> None:
    async with open_house() as house, house.client as client:
        files = {"file": ("a.wav", b"RIFF", "audio/wav")}
        answer = await client.post("/v1/audio/transcriptions", data={"model": "m"}, files=files)

        assert 404 == answer.status_code  # the engine's answer: mock engines do not transcribe
        assert "real-model" in str(house.stats()["last"]["body"])


async def test_models_are_listed_and_shown() -> None:
    async with open_house() as house, house.client as client:
        listed = await client.get("/v1/models")
        one = await client.get("/v1/models/m")
        none = await client.get("/v1/models/x")

        assert ["m"] == [model["id"] for model in listed.json()["data"]]
        assert "m" == one.json()["id"]
        assert (404, "model_not_found") == (none.status_code, none.json()["error"]["code"])


async def test_engine_that_refuses_is_replaced_by_another() -> None:
    async with open_house() as house:
        house.serve([closed_port(), house.engines[0].state.address.port])

        answer = await house.post()

        assert 200 == answer.status_code
        assert "upstream_attempts=2" in await house.logged()


@pytest.mark.parametrize("fault", ["die-before", "status=503"])
async def test_engine_that_fails_before_its_first_byte_is_replaced(fault: str) -> None:
    async with open_house(2) as house, house.client as client:
        port = house.engines[0].state.address.port
        name, _, value = fault.partition("=")
        document = {name: int(value) if value else True}
        await client.post(f"http://127.0.0.1:{port}/mock/faults", json=document)

        answer = await house.post()

        assert 200 == answer.status_code


async def test_error_of_the_request_is_passed_on_and_not_repeated() -> None:
    async with open_house(2) as house:
        answer = await house.post(headers={"x-mock-fault": "status=422"})

        assert 422 == answer.status_code
        assert 1 == house.asked(0) + house.asked(1)


async def test_all_endpoints_failing_is_502_and_slow_ones_504() -> None:
    async with open_house() as house:
        house.serve([closed_port(), closed_port()])
        refused = await house.post()
        house.serve([house.engines[0].state.address.port], trafficPolicy={"timeout": "50ms"})
        slow = await house.post(headers={"x-mock-fault": "stall-before=30"})

        assert 502 == refused.status_code
        assert "request to all pods failed" in refused.json()["error"]["message"]
        assert 504 == slow.status_code


async def test_backend_without_pods_or_missing_is_503_with_retry_after() -> None:
    async with open_house() as house:
        house.serve([])
        empty = await house.post()
        house.serve([], route={"rules": [{"targetModels": [{"modelServerName": "gone"}]}]})
        missing = await house.post()

        assert (503, "5") == (empty.status_code, empty.headers["retry-after"])
        assert (
            "no available pods for model server: default/server" in empty.json()["error"]["message"]
        )
        assert "can't find model server: default/gone" in missing.json()["error"]["message"]


async def test_stream_that_breaks_ends_with_an_error_event_and_a_cut() -> None:
    async with open_house() as house, house.client as client:
        request = {"model": "m", "prompt": "x", "stream": True, "max_tokens": 50}
        headers = {"x-mock-fault": "die-after=2"}
        pieces: list[str] = []
        url = "/v1/completions"
        async with client.stream("POST", url, json=request, headers=headers) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                await _collect(answer, pieces)

        last = "".join(pieces).strip().splitlines()[-1]
        assert "upstream_failed" == json.loads(last.removeprefix("data: "))["error"]["code"]
        assert "error=proxy:" in await house.logged()


@pytest.mark.parametrize("fault", ["stall-before", "stall-after=2"])
async def test_client_that_leaves_stops_the_engine_and_frees_its_counts(
    fault: str, patient_clock: trio.testing.MockClock
) -> None:
    async with open_house() as house:
        with trio.move_on_after(0.3):
            await house.post(stream=True, max_tokens=1000, headers={"x-mock-fault": fault})

        await until(lambda: house.stats()["aborted"] == 1)
        await until(lambda: house.loads.total == 0)
        assert " 499 error=client_closed_request" in await house.logged()
        assert 0.0 == house.metric("active_requests")


async def test_body_is_let_go_when_the_answer_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[UpstreamRequest] = []
    async with open_house() as house, house.client as client:
        open_call = house.pools.open_call

        def noting(endpoint: Endpoint, request: UpstreamRequest, **limits: Any) -> Any:
            asked.append(request)
            return open_call(endpoint, request, **limits)

        monkeypatch.setattr(house.pools, "open_call", noting)
        body = {"model": "m", "prompt": "x", "stream": True, "max_tokens": 50}
        headers = {"x-mock-fault": "stall-after=2"}
        async with client.stream("POST", "/v1/completions", json=body, headers=headers) as answer:
            assert 200 == answer.status_code
            assert [(b"", ())] == [(request.body, request.headers) for request in asked]


async def test_client_that_does_not_read_stops_the_reading_from_the_engine() -> None:
    endless = {"tokens": 1_000_000, "max_model_len": 2_000_000, "kv_blocks": 200_000}
    async with open_house(engine=endless) as house:
        stream = await trio.open_tcp_stream("127.0.0.1", house.server.port)
        async with stream:
            body = b'{"model":"m","prompt":"x","stream":true,"max_tokens":1000000}'
            head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
            await stream.send_all(head % len(body) + body)
            assert b" 200 " in await stream.receive_some(100)
            await trio.testing.wait_all_tasks_blocked(0.05)  # every buffer on the way is full

            assert 0 == house.stats()["completed"]
        await until(lambda: house.stats()["aborted"] == 1)


async def test_health_is_answered_on_the_default_port_whatever_the_host() -> None:
    async with open_house() as house, house.client as client:
        alive = await client.get("/healthz", headers={"host": "nobody.example.com"})
        ready = await client.get("/readyz")
        house.health.not_ready("draining")
        late = await client.get("/readyz")

        assert (200, {"message": "ok"}) == (alive.status_code, alive.json())
        assert (200, 503) == (ready.status_code, late.status_code)


async def test_unclaimed_port_serves_only_health() -> None:
    async with open_house() as house:
        house.snapshots.publish(type(house.snapshots.value)())

        answer = await house.post()

        assert 503 == answer.status_code
        assert "no Gateway listener claims port 8080" in answer.json()["error"]["message"]


async def test_other_paths_are_not_found() -> None:
    async with open_house() as house, house.client as client:
        answer = await client.get("/favicon.ico")

        assert (404, "not_found") == (answer.status_code, answer.json()["error"]["code"])
        assert [] == house.log.lines


async def test_draining_asks_clients_to_connect_anew() -> None:
    async with open_house() as house:
        house.draining = True

        answer = await house.post()

        assert "close" == answer.headers["connection"]


async def test_adapter_that_one_engine_does_not_have_is_looked_for_on_the_next() -> None:
    async with open_house(2) as house:
        ports = [one.state.address.port for one in house.engines]
        house.serve(ports, route={"loraAdapters": ["lora-a"]})
        async with house.client as client:
            document = {"lora_name": "lora-a", "lora_path": "/x"}
            await client.post(f"http://127.0.0.1:{ports[1]}/v1/load_lora_adapter", json=document)

        answer = await house.post(model="lora-a")
        unknown = await house.post(model="lora-b")

        assert (200, 404) == (answer.status_code, unknown.status_code)


async def test_adapter_that_no_engine_has_gets_the_engines_own_404() -> None:
    async with open_house(2) as house:
        ports = [one.state.address.port for one in house.engines]
        house.serve(ports, route={"loraAdapters": ["lora-a"]})

        answer = await house.post(model="lora-a")

        assert 404 == answer.status_code
        assert "route not found" not in answer.text
        assert [1, 1] == [house.asked(0), house.asked(1)]
        assert "upstream_status_code=404 upstream_attempts=2" in await house.logged()


async def test_404_for_a_base_model_is_final() -> None:
    async with open_house(2) as house:
        ports = [one.state.address.port for one in house.engines]
        house.serve(ports, model="not-loaded")

        answer = await house.post()

        assert 404 == answer.status_code
        assert "not-loaded" in answer.text
        assert 1 == house.asked(0) + house.asked(1)


async def test_metrics_are_on_the_default_port_only_where_that_is_wanted() -> None:
    async with open_house(0) as house, house.client as client:
        hidden = await client.get("/metrics")
    async with open_house(0, expose_metrics_on_router_port=True) as house, house.client as client:
        shown = await client.get("/metrics", headers={"host": "nobody.example.com"})

        assert (404, 200) == (hidden.status_code, shown.status_code)
        assert shown.headers["content-type"].startswith("text/plain")
        assert "kthena_router_active_requests 0.0" in shown.text


async def test_requests_spread_over_idle_engines() -> None:
    async with open_house(2) as house:
        await _ask_at_once(house, 4)

        assert [2, 2] == [house.asked(0), house.asked(1)]


async def _ask_at_once(house: House, count: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(lambda: house.post(headers={"x-mock-fault": "slow-first=0.3"}))


async def _collect(answer: httpx.Response, pieces: list[str]) -> None:
    async for piece in answer.aiter_text():
        pieces.append(piece)
