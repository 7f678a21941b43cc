"""The OpenAI SDK as the client: what it makes of our answers and errors, and what an engine sees when it goes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

import openai
import pytest
import trio
from openai.types.chat import ChatCompletionMessageParam
from tests.support.house import House, open_house
from tests.support.upstream import until

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


@asynccontextmanager
async def open_sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        openai.DefaultAsyncHttpxClient(trust_env=False, timeout=10) as http,
        openai.AsyncOpenAI(
            base_url=f"{house.url}/v1", api_key="none", max_retries=0, http_client=http
        ) as client,
    ):
        yield client


async def test_completion_and_chat() -> None:
    async with open_house() as house, open_sdk(house) as client:
        completion = await client.completions.create(model="m", prompt="hi")
        chat = await client.chat.completions.create(model="m", messages=MESSAGES)

        assert "This is simulated message from real-model!" == completion.choices[0].text
        assert "This is simulated message from real-model!" == chat.choices[0].message.content
        assert "made-here" == completion._request_id


async def test_streaming_chat_with_usage() -> None:
    async with open_house() as house, open_sdk(house) as client:
        stream = await client.chat.completions.create(
            model="m",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=4,
        )
        chunks = [chunk async for chunk in stream]

        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "This is simulated message" == "".join(texts).strip()
        assert [4] == [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
        assert [] == chunks[-1].choices


async def test_streaming_without_usage_has_no_extra_chunk() -> None:
    async with open_house() as house, open_sdk(house) as client:
        stream = await client.chat.completions.create(
            model="m", messages=MESSAGES, stream=True, max_tokens=4
        )

        assert [None] == list({chunk.usage async for chunk in stream})


async def test_models_are_listed_and_retrieved() -> None:
    async with open_house() as house, open_sdk(house) as client:
        house.serve([house.engines[0].state.address.port], route={"model": "org/m"})

        assert ["org/m"] == [model.id async for model in client.models.list()]
        assert "kthena" == (await client.models.retrieve("org/m")).owned_by
        with pytest.raises(openai.NotFoundError, match="route not found"):
            await client.models.retrieve("other")


async def test_unknown_model_is_not_found() -> None:
    async with open_house() as house, open_sdk(house) as client:
        with pytest.raises(
            openai.NotFoundError, match="no route here serves the model 'nope'"
        ) as caught:
            await client.chat.completions.create(model="nope", messages=MESSAGES)

        error = caught.value
        assert ("model_not_found", "model", "invalid_request_error") == (
            error.code,
            error.param,
            error.type,
        )
        assert "made-here" == error.request_id


async def test_bad_bodies_are_bad_requests() -> None:
    async with open_house() as house, open_sdk(house) as client:
        with pytest.raises(openai.BadRequestError, match="`model` must not be blank"):
            await client.completions.create(model="", prompt="x")
        with pytest.raises(openai.BadRequestError, match="must be a string"):
            await client.completions.create(model=7, prompt="x")  # type: ignore[call-overload]
        with pytest.raises(openai.BadRequestError, match="must be a JSON object"):
            await client.post("/completions", body=[1], cast_to=object)


async def test_error_of_the_engine_is_the_engines() -> None:
    async with open_house() as house, open_sdk(house) as client:
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await client.completions.create(
                model="m", prompt="x", extra_headers={"x-mock-fault": "status=422"}
            )

        assert "route" not in caught.value.message


async def test_no_endpoints_and_failing_ones_are_server_errors() -> None:
    async with open_house() as house, open_sdk(house) as client:
        with pytest.raises(openai.InternalServerError, match="request to all pods failed") as one:
            await client.completions.create(
                model="m", prompt="x", extra_headers={"x-mock-fault": "die-before"}
            )
        house.serve([])
        with pytest.raises(openai.InternalServerError, match="no available pods") as other:
            await client.completions.create(model="m", prompt="x")

        assert (502, 503) == (one.value.status_code, other.value.status_code)
        assert "5" == other.value.response.headers["retry-after"]


async def test_stream_that_breaks_is_an_error_of_the_sdk() -> None:
    async with open_house() as house, open_sdk(house) as client:
        stream = await client.completions.create(
            model="m",
            prompt="x",
            stream=True,
            max_tokens=50,
            extra_headers={"x-mock-fault": "die-after=2"},
        )
        with pytest.raises(openai.APIError, match="before the end of its answer"):
            async for _ in stream:
                pass


Leaving = Callable[[openai.AsyncOpenAI, House], Awaitable[None]]


async def leave_before_the_first_byte(client: openai.AsyncOpenAI, house: House) -> None:
    asked = house.asked()
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            await client.completions.create(
                model="m", prompt="x", extra_headers={"x-mock-fault": "stall-before"}
            )

        nursery.start_soon(ask)
        await until(lambda: house.asked() > asked)
        nursery.cancel_scope.cancel()


async def leave_in_mid_stream(client: openai.AsyncOpenAI, house: House) -> None:
    stream = await client.completions.create(
        model="m",
        prompt="x",
        stream=True,
        max_tokens=1000,
        extra_headers={"x-mock-fault": "stall-after=2"},
    )
    await anext(aiter(stream))
    await stream.close()


async def leave_while_tokens_flow(client: openai.AsyncOpenAI, house: House) -> None:
    stream = await client.completions.create(model="m", prompt="x", stream=True, max_tokens=100_000)
    async for _ in stream:
        break
    await stream.close()


def has_seen(house: House, number: int) -> bool:
    return bool(house.stats()["aborted"] == number)


@pytest.mark.parametrize(
    "leave", [leave_before_the_first_byte, leave_in_mid_stream, leave_while_tokens_flow]
)
async def test_engine_sees_within_100_ms_that_the_client_has_left(leave: Leaving) -> None:
    engine = {
        "tokens": 100_000,
        "max_model_len": 200_000,
        "kv_blocks": 20_000,
        "inter_token_latency": 0.005,
    }
    async with open_house(engine=engine) as house, open_sdk(house) as client:
        seconds = []
        for number in range(1, 6):
            await leave(client, house)
            left = trio.current_time()
            await until(partial(has_seen, house, number))
            seconds.append(trio.current_time() - left)

        assert median(seconds) < 0.1  # 0.002
        await until(lambda: house.metric("requests_total", error_type="client_closed_request") == 5)
        assert 0 == house.loads.total
