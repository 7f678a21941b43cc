"""A machine without a cluster: the example's manifests, an engine outside, and a sandbox that something restarts."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.stack import ROOT, Stack, free_ports, open_stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EXAMPLE = ROOT / "examples" / "without-a-cluster"
MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
ANSWER = f"This is simulated message from {MODEL}!"


@contextmanager
def engine(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "kthena_sandbox", "engine", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--model", MODEL]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    manifests = tmp_path / "manifests"
    shutil.copytree(EXAMPLE / "manifests", manifests)
    return ["--manifests", str(manifests), "--state", str(tmp_path / "state")]


def engine_port(arguments: list[str]) -> int:
    """Return a free port, after writing it into the manifests in place of the usual one."""
    (port,) = free_ports(1)
    engines = Path(arguments[1]) / "engines.yaml"
    engines.write_text(engines.read_text().replace("8000", str(port)))
    return port


def answer(stack: Stack, name: str) -> str:
    """Return what a model says as soon as it is served."""
    deadline = time.monotonic() + 60
    while (reply := stack.ask(model=name)).status_code != 200:
        assert time.monotonic() < deadline, reply.text
        time.sleep(0.05)
    return str(reply.json()["choices"][0]["text"])


def test_engine_outside_is_served_and_files_are_followed(
    tmp_path: Path, arguments: list[str]
) -> None:
    port = engine_port(arguments)
    with open_stack(tmp_path, *arguments, secure=True) as stack:
        assert 503 == stack.ask().status_code  # nobody is there yet

        with engine(port):
            first = answer(stack, "deepseek-r1")
            routes = Path(arguments[1]) / "routes.yaml"
            routes.write_text(routes.read_text().replace(": deepseek-r1\n", ": r1\n"))
            second = answer(stack, "r1")

        assert [ANSWER, ANSWER] == [first, second]
        deadline = time.monotonic() + 60
        while 404 != stack.ask().status_code:  # the old name is pruned after the new one is there
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_was_written_outlives_a_kill(tmp_path: Path, arguments: list[str]) -> None:
    with engine(engine_port(arguments)):
        with open_stack(tmp_path, *arguments, secure=True) as stack:
            assert ANSWER == answer(stack, "deepseek-r1")
            stack.kubectl("create", "configmap", "mine", "--from-literal=a=1")
            stack.process.kill()
            stack.process.wait(60)

        with open_stack(tmp_path, *arguments, secure=True, ports=stack.ports) as stack:
            assert ANSWER == answer(stack, "deepseek-r1")
            assert "1" == stack.kubectl("get", "configmap", "mine", "-o", "jsonpath={.data.a}")


def test_systemd_is_told(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        with open_stack(tmp_path, *arguments):
            assert b"READY=1" == systemd.recv(100)

        assert b"STOPPING=1" == systemd.recv(100)


def test_unit_names_flags_that_there_are(tmp_path: Path) -> None:
    unit = (EXAMPLE / "kthena-router.service").read_text()
    line = unit.replace("\\\n", " ").partition("ExecStart=")[2].partition("\n")[0]
    words = [word.replace("/var/lib/kthena-router", str(tmp_path)) for word in line.split()]
    words[words.index("--manifests") + 1] = str(EXAMPLE / "manifests")

    with open_stack(tmp_path, *words[2:]) as stack:
        assert 503 == stack.ask().status_code
