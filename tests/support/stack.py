"""The real processes: the sandbox with the router in it, on free ports, and the tools of its users."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.support.http1 import HTTP1

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 60
CLIENT_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
HANDED_OUT: set[int] = set()  # by free_ports: what asked for a port may not have opened it yet


def kubectls() -> list[str]:
    """Return every kubectl beside the one on the PATH, or that one alone."""
    found = shutil.which("kubectl")
    if found is None:
        return []
    beside = sorted(str(path) for path in Path(found).resolve().parent.glob("kubectl.1.[0-9][0-9]"))
    return beside or [found]


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that were free a moment ago and that nobody else here was given.

    None of them can be given to a client for its own end.
    """
    lowest_of_clients = int(CLIENT_PORTS.read_text().split()[0])
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(range(10_000, lowest_of_clients), lowest_of_clients - 10_000):
            one = held.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                if port not in HANDED_OUT:
                    found.append(port)
            if len(found) == count:
                HANDED_OUT.update(found)
                return found
    raise AssertionError(f"there are not {count} free ports")


@dataclass
class Stack:
    process: subprocess.Popen[str]
    kubeconfig: Path
    port: int
    management_port: int
    metrics_port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.port, self.management_port, self.metrics_port

    @property
    def api(self) -> str:
        """Return the address of the API server, from the kubeconfig."""
        lines = self.kubeconfig.read_text().splitlines()
        return next(
            line.split("server:")[1].strip().strip("\"'") for line in lines if "server:" in line
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return what a program needs to find the cluster."""
        home = str(self.kubeconfig.parent)
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": home}

    def kubectl(
        self, *arguments: str, binary: str = "kubectl", text: str | None = None, editor: str = "",
        code: int = 0,
    ) -> str:  # fmt: skip
        """Run kubectl and return its output; another exit code than *code* fails the test."""
        environment = self.environment | ({"KUBE_EDITOR": editor} if editor else {})
        done = subprocess.run(
            [binary, *arguments],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def wait_for_pods(self, app: str, binary: str = "kubectl") -> None:
        """Return when the pods of *app* are ready; `kubectl wait` fails where there are none yet."""
        which = ("pod", "-l", f"app={app}")
        deadline = time.monotonic() + READY_SECONDS
        while not self.kubectl("get", *which, "-o", "name", binary=binary):
            assert time.monotonic() < deadline
        self.kubectl("wait", "--for=condition=ready", *which, "--timeout=60s", binary=binary)

    def ask(self, port: int | None = None, model: str = "deepseek-r1") -> httpx.Response:
        url = f"http://127.0.0.1:{port or self.port}/v1/completions"
        return httpx.post(
            url, json={"model": model, "prompt": "What is Kubernetes?"}, trust_env=False, timeout=60
        )


@contextmanager
def open_stack(
    folder: Path, *arguments: str, secure: bool = False, ports: Sequence[int] = ()
) -> Iterator[Stack]:
    """Start the sandbox with a router, wait until it is ready, and end it with SIGTERM.

    Its API speaks plain HTTP, so that tests can put something between, unless it is *secure*.
    *ports* are those of a stack that was there before.
    """
    port, management, metrics = ports or free_ports(3)
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
        *(() if secure else ("--insecure",)),
        *arguments,
    ]
    output = folder / "sandbox.log"
    with output.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_for("sandbox ready", output, process)
        yield Stack(process, kubeconfig, port, management, metrics, output)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _wait_for(line: str, output: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while line not in output.read_text().splitlines():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


@dataclass
class Router:
    """A router of the test's own."""

    process: subprocess.Popen[bytes]
    port: int
    management_port: int
    metrics_port: int
    output: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.output.read_text()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 60) -> int:
        """Return the exit code; raise subprocess.TimeoutExpired when it does not come."""
        return self.process.wait(seconds)

    def active_requests(self) -> int:
        """Return how many requests are being handled, as the router's metrics say."""
        return self.in_flight()["kthena_router_active_requests"]

    def in_flight(self) -> Counter[str]:
        """Return what the router's metrics say of what goes on, by the names of the gauges, over all of their labels."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        found: Counter[str] = Counter()
        for line in httpx.get(url, trust_env=False, timeout=60).text.splitlines():
            if line.startswith("kthena_router_active_"):
                series, _, value = line.rpartition(" ")
                found[series.partition("{")[0]] += int(float(value))
        return found

    def readiness(self) -> int | None:
        """Return the status of /readyz, None where nobody answers."""
        url = f"http://127.0.0.1:{self.management_port}/readyz"
        try:
            return httpx.get(url, trust_env=False, timeout=60).status_code
        except httpx.TransportError:
            return None


@contextmanager
def open_router(
    folder: Path,
    kubeconfig: Path,
    port: int,
    *arguments: str,
    program: Sequence[str] = ("kthena_router",),
    ready: bool = True,
    **environment: str,
) -> Iterator[Router]:
    """Start a router of the test's own beside a sandbox without one, and wait until it is ready, or only alive.

    *program* is the module to run and its own arguments, *arguments* are the router's.
    """
    management, metrics = free_ports(2)
    command = [
        *(sys.executable, "-m", *program, "--enable-gateway-api", "--kubeconfig", str(kubeconfig)),
        *("--bind-address", "127.0.0.1", "--port", str(port), "--management-port", str(management)),
        *(
            "--metrics-port",
            str(metrics),
            "--shutdown-delay",
            "200ms",
            f"--http1={HTTP1}",
            *arguments,
        ),
    ]
    variables = {**os.environ, "POD_NAMESPACE": "kthena-system", **environment}
    output = folder / "router.log"
    with output.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=variables, cwd=ROOT)
    router = Router(process, port, management, metrics, output)
    wanted = {200} if ready else {200, 503}
    try:
        deadline = time.monotonic() + READY_SECONDS
        while router.readiness() not in wanted:
            assert process.poll() is None, router.log
            assert time.monotonic() < deadline, router.log
            time.sleep(0.05)
        yield router
    finally:
        process.kill()
        process.wait(60)
