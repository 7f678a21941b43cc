"""What each request pays for being read and passed on."""

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from kthena_router.wire.headers import FirstValues, request_headers, response_headers
from kthena_router.wire.request import parse_request
from kthena_router.wire.usage import UsageObserver

SIZES = {"300 B": 300, "2 KB": 2048, "100 KB": 102400}
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]}\n\n'
)
REQUEST_HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"user-agent", b"OpenAI/Python 1.90.0"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"authorization", b"Bearer none"),
    (b"content-type", b"application/json"),
    (b"content-length", b"300"),
]
RESPONSE_HEADERS = [
    (b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"),
    (b"server", b"uvicorn"),
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"transfer-encoding", b"chunked"),
]


def body_of(size: int) -> bytes:
    """Return a chat completion whose prompt fills *size* bytes."""
    question = {"model": "bench", "messages": [{"role": "user", "content": ""}], "stream": True}
    spare = size - len(json.dumps(question))
    text = 'The router passes on what it does not need. "Why?"\n'
    while len(json.dumps(text)) - 2 < spare:
        text += text
    while len(json.dumps(text)) - 2 > spare:
        text = text[:-1]
    question["messages"] = [{"role": "user", "content": text}]
    return json.dumps(question).encode()


@pytest.mark.parametrize("size", SIZES)
def test_a_body_is_parsed(benchmark: BenchmarkFixture, size: str) -> None:
    body = body_of(SIZES[size])

    asked = benchmark(parse_request, body, "application/json")

    assert asked.model == "bench"


@pytest.mark.parametrize("size", SIZES)
def test_a_body_gets_another_model(benchmark: BenchmarkFixture, size: str) -> None:
    asked = parse_request(body_of(SIZES[size]), "application/json")

    body = benchmark(lambda: asked.edits_for("another", usage=True).made())

    assert b'"another"' in body


@pytest.mark.parametrize("size", SIZES)
def test_for_comparison_a_body_is_decoded_whole(benchmark: BenchmarkFixture, size: str) -> None:
    body = body_of(SIZES[size])

    decoded = benchmark(json.loads, body)

    assert decoded["model"] == "bench"


def test_headers_of_a_request_are_passed_on(benchmark: BenchmarkFixture) -> None:
    passed = benchmark(request_headers, REQUEST_HEADERS, b"id")

    assert (b"authorization", b"Bearer none") in passed


def test_headers_of_a_request_become_a_mapping_for_routes(benchmark: BenchmarkFixture) -> None:
    values = benchmark(FirstValues, REQUEST_HEADERS)

    assert values["authorization"] == "Bearer none"


def test_headers_of_an_answer_are_passed_on(benchmark: BenchmarkFixture) -> None:
    passed = benchmark(response_headers, RESPONSE_HEADERS, b"id")

    assert (b"server", b"uvicorn") in passed


def test_an_event_is_looked_at_for_usage(benchmark: BenchmarkFixture) -> None:
    observer = UsageObserver()

    benchmark(observer.feed, EVENT)

    assert observer.usage.output_tokens == 0
