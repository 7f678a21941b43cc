"""Ask the guide's question, once or without end, each time on a connection of its own."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

HEADERS = {"Content-Type": "application/json"}


@contextmanager
def answered(
    place: tuple[str, int], body: dict[str, Any], **headers: str
) -> Iterator[HTTPResponse]:
    """Yield the answer to a completion request, of which the head is there. Raises AssertionError, OSError, HTTPException."""
    connection = HTTPConnection(*place, timeout=60)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), HEADERS | headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        yield answer
    finally:
        connection.close()


def text_of(address: str, port: int) -> str:
    body = {
        "model": "deepseek-r1",
        "prompt": "What is Kubernetes?",
        "max_tokens": 100,
        "temperature": 0,
    }
    with answered((address, port), body) as answer:
        return str(json.loads(answer.read())["choices"][0]["text"])


def premium_stream(address: str, port: int, length: int) -> list[bytes]:
    """Return the events of a stream of so many tokens, from the model that the example's header chooses."""
    body = {
        "model": "deepseek-multi-models",
        "prompt": "What is Kubernetes?",
        "max_tokens": length,
        "ignore_eos": True,
        "stream": True,
    }
    with answered((address, port), body, **{"user-type": "premium"}) as answer:
        return [part for part in answer.read().split(b"\n\n") if part]


def eventually(address: str, port: int) -> str:
    """Return the answer of the first request that is served."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return text_of(address, port)
        except (AssertionError, OSError, HTTPException):
            assert time.monotonic() < deadline
            time.sleep(0.05)


class Asker:
    """Asks again and again, and keeps what went wrong."""

    def __init__(self, address: str, port: int) -> None:
        self.place = (address, port)
        self.asked = 0
        self.failures: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        ended = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(ended,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            self.asked += 1
            try:
                text_of(*self.place)
            except (AssertionError, OSError, HTTPException) as error:
                self.failures.append(repr(error))
