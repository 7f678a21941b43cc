from typing import Any

import pytest
from tests.sandbox.engine.house import CHAT, COMPLETIONS, MODEL, chat, prompt, running


async def test_a_completion_begins_as_the_guide_expects_it() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(max_tokens=100))
    assert answer.status == 200
    assert answer.body.startswith(
        b'{"choices":[{"finish_reason":"length","index":0,"logprobs":null,'
        b'"text":"This is simulated message from org/model!"}],'
    )
    assert answer.document["model"] == MODEL
    assert answer.document["object"] == "text_completion"
    assert answer.document["usage"] == {
        "completion_tokens": 7, "prompt_tokens": 4, "total_tokens": 11,
    }  # fmt: skip


async def test_a_chat_ends_with_stop_and_one_that_is_cut_short_with_length() -> None:
    async with running() as house:
        whole = (await house.call("POST", CHAT, chat())).document["choices"][0]
        short = (await house.call("POST", CHAT, chat(max_tokens=2))).document["choices"][0]
    assert whole["message"]["content"] == "This is simulated message from org/model!"
    assert whole["finish_reason"] == "stop"
    assert short["message"]["content"] == "This is"
    assert short["finish_reason"] == "length"


async def test_a_stream_says_the_same_token_by_token() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(stream=True))
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, done = answer.events
    choices = [chunk["choices"][0] for chunk in chunks]
    assert "".join(choice["text"] for choice in choices) == (
        "This is simulated message from org/model!"
    )
    assert [choice["finish_reason"] for choice in choices] == [None] * 6 + ["length"]
    assert done == b"[DONE]"


async def test_a_streamed_chat_begins_with_the_role_and_ends_with_usage_if_asked() -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    async with running() as house:
        first, *tokens, usage, done = (await house.call("POST", CHAT, body)).events
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(tokens) == 7
    assert all("usage" not in chunk for chunk in tokens)
    assert usage["choices"] == []
    assert usage["usage"] == {"completion_tokens": 7, "prompt_tokens": 2, "total_tokens": 9}
    assert done == b"[DONE]"


async def test_continuous_usage_counts_up() -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    async with running() as house:
        answer = await house.call(
            "POST", COMPLETIONS, prompt(stream=True, max_tokens=3, stream_options=options)
        )
    counts = [chunk["usage"]["completion_tokens"] for chunk in answer.events[:-1]]
    assert counts == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 7),
        ({"max_tokens": 3}, 3),
        ({"max_tokens": 100}, 7),
        ({"max_tokens": 100, "ignore_eos": True}, 100),
        ({"min_tokens": 20}, 20),
        ({"n": 2}, 14),
        ({"prompt": ["a", "b", "c"]}, 21),
        ({"prompt": [1, 2, 3]}, 7),
    ],
)
async def test_the_length_of_an_answer(fields: dict[str, Any], tokens: int) -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(**fields))
    assert answer.document["usage"]["completion_tokens"] == tokens


async def test_a_set_length_repeats_the_sentence() -> None:
    async with running(tokens=9) as house:
        answer = await house.call("POST", COMPLETIONS, prompt())
    said = answer.document["choices"][0]["text"]
    assert said == "This is simulated message from org/model! This is"


async def test_echo_says_what_the_user_said_last() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "between"},
        {"role": "user", "content": [{"type": "text", "text": "the last words"}]},
    ]
    async with running(echo=True) as house:
        answer = await house.call("POST", CHAT, chat(messages=messages))
    assert answer.document["choices"][0]["message"]["content"] == "the last words"


async def test_errors_have_the_shape_of_vllm() -> None:
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(model="other"))
    assert answer.status == 404
    assert answer.document == {
        "error": {"message": "The model `other` does not exist.", "type": "NotFoundError",
                  "param": "model", "code": 404},
    }  # fmt: skip


async def test_errors_of_sglang_are_flat() -> None:
    async with running(engine="sglang") as house:
        answer = await house.call("POST", COMPLETIONS, prompt(model="other"))
    assert answer.document["object"] == "error"
    assert answer.document["code"] == 404


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (COMPLETIONS, b"{", None),
        (COMPLETIONS, b"[]", None),
        (COMPLETIONS, {"model": MODEL}, "prompt"),
        (COMPLETIONS, prompt(prompt=[]), "prompt"),
        (COMPLETIONS, prompt(max_tokens=0), "max_tokens"),
        (COMPLETIONS, prompt(max_tokens="many"), "max_tokens"),
        (COMPLETIONS, prompt(stream_options={"include_usage": True}), "stream_options"),
        (COMPLETIONS, prompt(max_tokens=40000), None),
        (CHAT, {"model": MODEL}, "messages"),
        (CHAT, chat(messages=[]), "messages"),
        (CHAT, chat(messages=["text"]), "messages"),
    ],
)
async def test_what_cannot_be_meant_is_a_400(path: str, body: object, param: str | None) -> None:
    async with running() as house:
        answer = await house.call("POST", path, body)
    assert answer.status == 400
    assert answer.document["error"]["param"] == param


async def test_unknown_paths_and_methods() -> None:
    async with running() as house:
        assert (await house.call("GET", "/v1/nothing")).status == 404
        assert (await house.call("GET", COMPLETIONS)).status == 405


async def test_adapters_come_and_go() -> None:
    async with running(lora=(("first", "/first"),)) as house:
        adapter = {"lora_name": "second", "lora_path": "/second"}
        assert (await house.call("POST", "/v1/load_lora_adapter", adapter)).status == 200
        assert (await house.call("POST", "/v1/load_lora_adapter", adapter)).status == 400
        cards = (await house.call("GET", "/v1/models")).document["data"]
        listed = [(card["id"], card["root"], card["parent"]) for card in cards]
        assert listed == [
            (MODEL, MODEL, None), ("first", "/first", MODEL), ("second", "/second", MODEL),
        ]  # fmt: skip
        answer = await house.call("POST", COMPLETIONS, prompt(model="second"))
        assert answer.document["choices"][0]["text"] == "This is simulated message from second!"
        for path, status in (("/v1/unload_lora_adapter", 200), ("/unload_lora_adapter", 404)):
            assert (await house.call("POST", path, adapter)).status == status
        assert (await house.call("POST", COMPLETIONS, prompt(model="second"))).status == 404


async def test_small_answers() -> None:
    async with running() as house:
        assert (await house.call("GET", "/health")).status == 200
        assert (await house.call("GET", "/version")).document == {"version": "0.1.0+mock"}
        tokens = (await house.call("POST", "/tokenize", {"prompt": "two words"})).document
        assert tokens["count"] == 2
        spoken = (await house.call("POST", "/tokenize", chat())).document
        assert spoken["count"] == 2


async def test_a_prefill_answer_tells_where_its_blocks_are() -> None:
    transfer = {"do_remote_decode": True, "do_remote_prefill": False}
    async with running() as house:
        answer = await house.call("POST", COMPLETIONS, prompt(kv_transfer_params=transfer))
    assert answer.document["kv_transfer_params"] == {
        "do_remote_prefill": True,
        "do_remote_decode": False,
        "remote_engine_id": "cmpl-1",
        "remote_host": "127.0.0.1",
        "remote_port": 0,
        "remote_block_ids": [0],
    }
