"""By hand: how many writes the sandbox's API takes while many watch, of whom ten see each change.

`python -m tests.system.api_speed` writes 1,000 objects as fast as it can and then 200 a second, and checks that every
watcher has seen its changes, each once and in their order. `--state` has them kept in a file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio

SEE_EACH = 10
WRITERS = 8


@dataclass
class Watcher:
    """What one has seen of its namespace."""

    versions: list[int] = field(default_factory=list)

    async def follow(
        self, client: httpx.AsyncClient, namespace: str,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:  # fmt: skip
        path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&resourceVersion=0"
        async with client.stream("GET", path) as answer:
            task_status.started()
            async for line in answer.aiter_lines():
                metadata = json.loads(line)["object"]["metadata"]
                self.versions.append(int(metadata["resourceVersion"]))


@contextmanager
def api_server(folder: Path, *, state: bool) -> Iterator[tuple[str, int]]:
    """A server alone: its URL and process."""
    command = [sys.executable, "-m", "kthena_sandbox.apiserver", "--insecure", "--port", "0",
               "--kubeconfig", str(folder / "kubeconfig")]  # fmt: skip
    command += ["--state", str(folder / "state")] if state else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1], server.pid
        finally:
            server.terminate()


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / 100


async def write(url: str, namespaces: list[str], prefix: str, count: int, rate: float) -> float:
    """Create *count* objects, *rate* a second (0: at once); the seconds that it took."""
    numbers = iter(range(count))
    began = time.perf_counter()

    async def writer() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            for number in numbers:
                if rate:
                    await trio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                body = {"metadata": {"name": f"{prefix}-{number}"}, "data": {"key": "x" * 300}}
                path = f"/api/v1/namespaces/{namespaces[number % len(namespaces)]}/configmaps"
                answer = await client.post(path, json=body)
                assert answer.status_code == 201, answer.text

    async with trio.open_nursery() as nursery:
        for _ in range(WRITERS):
            nursery.start_soon(writer)
    return time.perf_counter() - began


async def play(url: str, pid: int, given: argparse.Namespace) -> None:
    watchers = [Watcher() for _ in range(given.watchers)]
    namespaces = [f"n{number}" for number in range(max(1, given.watchers // SEE_EACH))]
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=None, limits=limits) as client,
        trio.open_nursery() as nursery,
    ):
        for name in namespaces:
            await client.post("/api/v1/namespaces", json={"metadata": {"name": name}})
        for number, watcher in enumerate(watchers):
            await nursery.start(watcher.follow, client, namespaces[number // SEE_EACH])
        for prefix, count, rate in (
            ("burst", given.writes, 0.0),
            ("steady", given.writes, given.rate),
        ):
            before, used = sum(len(one.versions) for one in watchers), cpu_seconds(pid)
            seconds = await write(url, namespaces, prefix, count, rate)
            with trio.move_on_after(30):
                while sum(len(one.versions) for one in watchers) - before < count * SEE_EACH:  # noqa: ASYNC110  nothing tells
                    await trio.sleep(0.01)
            used = cpu_seconds(pid) - used
            print(
                f"{prefix}: {count / seconds:.0f} writes/s, {used / count * 1e3:.2f} ms of CPU each"
            )
        assert all(one.versions == sorted(set(one.versions)) for one in watchers), "out of order"
        assert sum(len(one.versions) for one in watchers) == 2 * given.writes * SEE_EACH, "lost"
        print(f"every change was seen by {SEE_EACH}, in order")
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--state", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        api_server(Path(folder), state=given.state) as (url, pid),
    ):
        trio.run(play, url, pid, given)


if __name__ == "__main__":
    main()
