"""Ask the guide's question, once or without end, each time on a connection of its own."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException


def text_of(address: str, port: int) -> str:
    """Ask on a connection of its own."""
    body = {
        "model": "deepseek-r1",
        "prompt": "What is Kubernetes?",
        "max_tokens": 100,
        "temperature": 0,
    }
    connection = HTTPConnection(address, port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    assert answer.status == 200, said
    return str(json.loads(said)["choices"][0]["text"])


def eventually(address: str, port: int) -> str:
    """Return the answer of the first request that is served."""
    deadline = time.monotonic() + 10
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
