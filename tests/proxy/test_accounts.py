"""What of a request ends up in the metrics and in the access log."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from tests.support.direct import DirectCall
from tests.support.house import House, open_house
from tests.support.http_peer import answering, open_peer
from tests.support.upstream import until

from kthena_router.proxy.app import RouterApp
from kthena_router.routing.endpoint import Endpoint
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT
from kthena_router.scheduling.scheduler import Candidates, InferenceRequest


async def ask(house: House, body: bytes, path: str = "/v1/completions") -> DirectCall:
    call = DirectCall(RouterApp(8080, house.services, default=True), [body], path=path)
    await call.run()
    return call


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", "400", "request_parsing"),
        (b"{}", "400", "request_parsing"),
        (b'{"model":"other"}', "404", "route_not_found"),
        (b'{"model":"m"}', "503", "pod_discovery"),
    ],
)
async def test_every_failure_is_counted_and_logged(body: bytes, status: str, error: str) -> None:
    async with open_house(0) as house:
        call = await ask(house, body)

        assert status == str(call.status)
        assert 1.0 == house.metric(
            "requests_total", path="/v1/completions", status_code=status, error_type=error
        )
        assert 1.0 == house.metric("request_duration_seconds_count", status_code=status)
        assert f'HTTP/1.1" {status} error={error}:' in house.log.lines[0]
        assert " request_id=made-here " in house.log.lines[0]
        assert " error_origin=router " in house.log.lines[0]


async def test_list_of_models_is_only_counted_where_it_fails() -> None:
    async with open_house(1) as house, house.client as client:
        assert 200 == (await client.get("/v1/models")).status_code
        assert 200 == (await client.get("/v1/models/m")).status_code
        await until(lambda: len(house.log.lines) == 2)
        assert 0.0 == house.metric("requests_total")
        assert 404 == (await client.get("/v1/models/x")).status_code

        await until(lambda: len(house.log.lines) == 3)
        assert [200, 200, 404] == [int(line.split('" ')[1][:3]) for line in house.log.lines]
        assert 1.0 == house.metric(
            "requests_total",
            model="unknown",
            path="other",
            status_code="404",
            error_type="route_not_found",
            upstream_model="none",
        )
        assert 1.0 == house.metric("requests_total")


async def test_error_of_an_engine_is_a_failed_request() -> None:
    answer = b"HTTP/1.1 422 No\r\ncontent-length: 2\r\n\r\n{}"
    async with open_house(0) as house, open_peer(answering(answer)) as peer:
        house.serve([peer.endpoint.port])

        await ask(house, b'{"model":"m"}')

        assert 1.0 == house.metric(
            "requests_total",
            model="m",
            status_code="422",
            error_type="request_failed",
            model_route="default/route",
            backend_type="model_server",
            backend_name="default/server",
            upstream_model="real-model",
        )
        assert " 422 model_name=m " in house.log.lines[0]
        assert " upstream_status_code=422 upstream_attempts=1 " in house.log.lines[0]


async def test_clients_cannot_make_series_at_will() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    async with open_house(0) as house, open_peer(answering(*[answer] * 999)) as peer:
        house.serve([peer.endpoint.port], route={"loraAdapters": ["lora-a", "lora-b"]}, model=None)

        async def series_after(names: Sequence[str], path: Callable[[str], str]) -> int:
            for name in names:
                await ask(house, b'{"model":"%b"}' % name.encode(), path(name))
            text = house.metrics.render()[0].decode()
            return sum(line.startswith("kthena_router_") for line in text.splitlines())

        known = ["m", "lora-a", "lora-b", "nobody"]
        first = await series_after(known, lambda _: "/v1/completions")
        assert first == await series_after(known, lambda _: "/v1/completions")
        strangers = [f"stranger-{number}" for number in range(50)]
        assert first == await series_after(strangers, lambda _: "/v1/completions")
        other = await series_after(["m"], lambda _: "/v1/anything")
        assert other == await series_after(["m"] * 50, lambda name: f"/v1/{name}{id(name)}")
        assert {"m", "lora-a", "lora-b", "none"} == {
            sample.labels["upstream_model"]
            for family in house.metrics.registry.collect()
            for sample in family.samples
            if "upstream_model" in sample.labels
        }


async def test_tokens_are_those_that_the_engine_counted() -> None:
    async with open_house() as house:
        answer = await house.post(max_tokens=5)

        usage = answer.json()["usage"]
        assert 5 == usage["completion_tokens"]
        assert f" tokens={usage['prompt_tokens']}/5 " in await house.logged()
        assert 5.0 == house.metric("tokens_total", token_type="output", model="m")
        assert float(usage["prompt_tokens"]) == house.metric("tokens_total", token_type="input")


async def test_log_names_the_pod_that_answered() -> None:
    busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
    async with open_house() as house, open_peer(answering(busy)) as peer:
        house.serve([peer.endpoint.port, house.engines[0].state.address.port])

        await house.post()

        line = await house.logged()
        assert " selected_pod=pod-1 " in line
        assert " gateway=default/default " in line


async def test_model_of_a_client_cannot_forge_fields_of_the_log() -> None:
    async with open_house() as house:
        await house.post(model="m 'model_route=prod/r1\n[2026] \"POST /")

        line = await house.logged()
        assert line.endswith(")\n")
        assert 1 == line.count("\n")
        assert 1 == line.count("=prod/r1")  # in the value of model_name, behind a quote
        assert r" model_name=m\x20'model_route=prod/r1\n[2026]\x20" in line


class Broken:
    """A scheduler with a fault."""

    def order(
        self, candidates: Candidates, request: InferenceRequest, dice: Callable[[], float]
    ) -> Iterator[Endpoint]:
        raise ZeroDivisionError


async def test_fault_of_the_router_is_500_with_a_request_id_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_house() as house:
        services = replace(house.services, scheduler=Broken())
        call = DirectCall(RouterApp(8080, services, default=True))

        await call.run()

        assert 500 == call.status
        assert call.complete
        assert (b"x-request-id", b"made-here") in call.sent[0]["headers"]
        assert b'"code":"internal_error"' in call.body
        assert "ZeroDivisionError" in caplog.text
        assert 1.0 == house.metric(
            "requests_total", status_code="500", error_type="request_failed", model="m"
        )
        assert 0.0 == house.metric("active_requests")


async def test_request_before_the_first_configuration_is_503() -> None:
    async with open_house(0) as house:
        house.snapshots.publish(EMPTY_SNAPSHOT)
        house.health.require("the first listing")

        call = await ask(house, b'{"model":"m"}')

        assert 503 == call.status
        assert (b"retry-after", b"2") in call.sent[0]["headers"]
        assert b"the router is not ready: waiting for the first listing" in call.body
