"""The real processes: the sandbox with the router in it, on free ports, and the tools of its users."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.support.http1 import HTTP1

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 60


def kubectls() -> list[str]:
    """Return every kubectl beside the one on the PATH, or that one alone."""
    found = shutil.which("kubectl")
    if found is None:
        return []
    beside = sorted(str(path) for path in Path(found).resolve().parent.glob("kubectl.1.[0-9][0-9]"))
    return beside or [found]


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Stack:
    process: subprocess.Popen[str]
    kubeconfig: Path
    port: int
    management_port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Return the address of the API server, from the kubeconfig."""
        lines = self.kubeconfig.read_text().splitlines()
        return next(
            line.split("server:")[1].strip().strip("\"'") for line in lines if "server:" in line
        )

    def kubectl(self, *arguments: str, binary: str = "kubectl", text: str | None = None) -> str:
        """Run kubectl and return its output; what it complains about fails the test."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.kubeconfig.parent),
        }
        done = subprocess.run(
            [binary, *arguments],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, port: int | None = None, model: str = "deepseek-r1") -> httpx.Response:
        url = f"http://127.0.0.1:{port or self.port}/v1/completions"
        return httpx.post(
            url, json={"model": model, "prompt": "What is Kubernetes?"}, trust_env=False
        )


@contextmanager
def open_stack(folder: Path, *arguments: str) -> Iterator[Stack]:
    """Start the sandbox with a router, wait until it is ready, and end it with SIGTERM."""
    port, management, metrics = free_ports(3)
    kubeconfig = folder / "kubeconfig"
    command = [
        *(
            sys.executable,
            "-m",
            "kthena_sandbox",
            "--api-port",
            "0",
            "--kubeconfig",
            str(kubeconfig),
        ),
        *(
            "--router-port",
            str(port),
            "--management-port",
            str(management),
            "--metrics-port",
            str(metrics),
            f"--router-arg=--http1={HTTP1}",
        ),
        *arguments,
    ]
    output = folder / "sandbox.log"
    with output.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_for("sandbox ready", output, process)
        yield Stack(process, kubeconfig, port, management, output)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait_for(line: str, output: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while line not in output.read_text().splitlines():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


@contextmanager
def open_router(
    folder: Path, kubeconfig: Path, port: int, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a router of the test's own beside a sandbox without one, and wait until it is ready."""
    management, metrics = free_ports(2)
    command = [
        *(
            sys.executable,
            "-m",
            "kthena_router",
            "--enable-gateway-api",
            "--kubeconfig",
            str(kubeconfig),
        ),
        *("--bind-address", "127.0.0.1", "--port", str(port), "--management-port", str(management)),
        *("--metrics-port", str(metrics), "--shutdown-delay", "200ms"),
        f"--http1={HTTP1}",
    ]
    variables = {**os.environ, "POD_NAMESPACE": "kthena-system", **environment}
    with (folder / "router.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True, env=variables)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"http://127.0.0.1:{management}/readyz"):
            assert time.monotonic() < deadline, (folder / "router.log").read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
