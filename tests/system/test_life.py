"""The life of the processes: outages of the API, signals, drains; and the OpenAI SDK as a client."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from tests.support.stack import ROOT, Stack, free_ports, open_router, open_stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
EXAMPLES = ROOT / "examples" / "kthena-router"
FILES = ("LLM-Mock-ds1.5b", "ModelServer-ds1.5b", "deepseek-default-route")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with open_stack(tmp_path, *applied()) as found:
        wait_until(lambda: found.ask().status_code == 200)
        yield found


def wait_until(holds: object, seconds: float = 30) -> float:
    """Poll until *holds* is true, and return how long it took."""
    assert callable(holds)
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds
        time.sleep(0.05)
    return time.monotonic() - began


def children(pid: int) -> dict[str, int]:
    """Return the process ids of the sandbox's children by what they are."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in listed.splitlines():
        number, _, command = line.strip().partition(" ")
        found["router" if "kthena_router" in command else "api"] = int(number)
    return found


def is_up(api: str) -> bool:
    try:
        return httpx.get(f"{api}/readyz", trust_env=False).status_code == 200
    except httpx.ConnectError:
        return False


def test_router_serves_while_the_api_is_dead_and_converges_when_it_is_back(stack: Stack) -> None:
    killed = children(stack.process.pid)["api"]
    subprocess.run(["kill", "-9", str(killed)], check=True)
    assert 200 == stack.ask().status_code
    wait_until(lambda: children(stack.process.pid).get("api", killed) != killed)
    wait_until(lambda: is_up(stack.api))

    path = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default/modelroutes"
    deleted = httpx.delete(f"{stack.api}{path}/deepseek-default-route", trust_env=False)

    assert 200 == deleted.status_code
    assert wait_until(lambda: stack.ask().status_code == 404) < 5


def applied() -> list[str]:
    return [part for name in FILES for part in ("--apply", str(EXAMPLES / f"{name}.yaml"))]


def test_sigterm_lets_fifty_streams_finish_and_no_stalled_client_hold_the_exit(
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    with (
        open_stack(tmp_path, "--no-router", *applied()) as sandbox,
        open_router(tmp_path, sandbox.kubeconfig, port, DRAIN_TIMEOUT="6s") as router,
    ):
        sandbox.port = port
        wait_until(lambda: sandbox.ask().status_code == 200)
        texts: list[str] = []
        begun = threading.Barrier(51, timeout=60)
        threads = [
            threading.Thread(target=stream, args=(sandbox.url, begun, texts)) for _ in range(50)
        ]
        for one in threads:
            one.start()
        stalled = stall(port)
        begun.wait()
        asked = time.monotonic()
        router.send_signal(signal.SIGTERM)
        for one in threads:
            one.join(30)

        assert 0 == router.wait(30)
        assert time.monotonic() - asked < 15
        assert 50 == len(texts)
        assert all(text.rstrip().endswith("data: [DONE]") for text in texts)
        stalled.close()


def stream(url: str, begun: threading.Barrier, texts: list[str]) -> None:
    """Take a stream that pauses for three seconds after its first event."""
    body = {"model": "deepseek-r1", "prompt": "x", "stream": True, "max_tokens": 4}
    headers = {"x-mock-fault": "stall-after=1, stall-for=3"}
    with httpx.stream(
        "POST", f"{url}/v1/completions", json=body, headers=headers, trust_env=False, timeout=60
    ) as answer:
        pieces = answer.iter_text()
        first = next(pieces)
        begun.wait()
        texts.append(first + "".join(pieces))


def stall(port: int) -> socket.socket:
    """Ask for a stream that never ends, and read none of it."""
    body = b'{"model":"deepseek-r1","prompt":"x","stream":true}'
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\nx-mock-fault: stall-after=1\r\ncontent-length: %d\r\n\r\n"
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(head % len(body) + body)
    return client


def test_sandbox_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        family = [stack.process.pid, *children(stack.process.pid).values()]
        stack.process.send_signal(signal.SIGINT)

        assert 0 == stack.process.wait(30)

    assert [] == [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_openai_sdk(stack: Stack) -> None:
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0)

    completion = client.completions.create(model="deepseek-r1", prompt="hi")
    chat = client.chat.completions.create(
        model="deepseek-r1", messages=[{"role": "user", "content": "hi"}]
    )
    stream = client.chat.completions.create(
        model="deepseek-r1",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=3,
    )
    usages = [chunk.usage for chunk in stream if chunk.usage]

    assert completion.choices[0].text.startswith("This is simulated message from")
    assert "DeepSeek-R1-Distill-Qwen-1.5B" in str(chat.choices[0].message.content)
    assert [3] == [usage.completion_tokens for usage in usages]
    assert ["deepseek-r1"] == [model.id for model in client.models.list()]
    with pytest.raises(openai.NotFoundError, match="route not found"):
        client.completions.create(model="nope", prompt="x")
    with pytest.raises(openai.BadRequestError, match="model not found"):
        client.completions.create(model="", prompt="x")
    client.close()
