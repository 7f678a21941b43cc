"""The life of the processes: outages of the API, the end of the sandbox; and the OpenAI SDK as a client."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from tests.support.stack import ROOT, Stack, open_stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EXAMPLES = ROOT / "examples" / "kthena-router"
FILES = ("LLM-Mock-ds1.5b", "ModelServer-ds1.5b", "deepseek-default-route")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with open_stack(tmp_path, *applied()) as found:
        wait_until(lambda: found.ask().status_code == 200)
        yield found


def wait_until(holds: object, seconds: float = 60) -> float:
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
        return httpx.get(f"{api}/readyz", trust_env=False, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def test_router_serves_while_the_api_is_dead_and_converges_when_it_is_back(stack: Stack) -> None:
    killed = children(stack.process.pid)["api"]
    subprocess.run(["kill", "-9", str(killed)], check=True)
    assert 200 == stack.ask().status_code
    wait_until(lambda: children(stack.process.pid).get("api", killed) != killed)
    wait_until(lambda: is_up(stack.api))

    path = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default/modelroutes"
    deleted = httpx.delete(f"{stack.api}{path}/deepseek-default-route", trust_env=False, timeout=60)

    assert 200 == deleted.status_code
    assert wait_until(lambda: stack.ask().status_code == 404) < 15


def applied() -> list[str]:
    return [part for name in FILES for part in ("--apply", str(EXAMPLES / f"{name}.yaml"))]


def test_sandbox_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        family = [stack.process.pid, *children(stack.process.pid).values()]
        stack.process.send_signal(signal.SIGINT)

        assert 0 == stack.process.wait(60)

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
