"""By hand: how many writes the sandbox's API takes while many watch, of whom ten see each change.

`python -m tests.system.api_speed` writes 1,000 objects as fast as it can and then 200 a second, and checks that every
watcher has seen its changes, each once and in their order. `--state` has them kept in a file, `--tls` lets everybody come
as clients of a cluster do, through TLS and with a token.
Requests are bytes on plain sockets and events are only counted until the end, so that a core for the server is all its own.
"""

import argparse
import json
import re
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import trio

from kthena_sandbox.entrance import Entrance, read_entrance

SEE_EACH = 10
WRITERS = 8


_EVENT = b'{"type":'
_CHUNK = re.compile(rb"(?:^|\r\n)[0-9a-f]+\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n(?:.+\r\n)*\r\n")


@dataclass(frozen=True)
class Server:
    """Where it is, its process, and how one gets in."""

    url: str
    pid: int
    entrance: Entrance

    async def connect(self) -> trio.abc.Stream:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        stream = await trio.open_tcp_stream(parts.hostname, parts.port)
        context = self.entrance.tls()
        if not isinstance(context, ssl.SSLContext):
            return stream
        return trio.SSLStream(stream, context, server_hostname=parts.hostname)

    def head(self, line: str, *fields: str) -> bytes:
        """Return the head of a request."""
        known = [f"{name}: {value}" for name, value in self.entrance.headers().items()]
        return "\r\n".join([f"{line} HTTP/1.1", "host: api", *known, *fields, "", ""]).encode()


@dataclass
class Watcher:
    """What one has seen of its namespace."""

    seen: bytearray = field(default_factory=bytearray)
    count: int = 0

    async def follow(
        self,
        server: Server,
        namespace: str,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&resourceVersion=0"
        async with await server.connect() as stream:
            await stream.send_all(server.head(f"GET {path}"))
            head, _, rest = bytes(await stream.receive_some()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            self.seen += rest
            task_status.started()
            async for piece in stream:
                counted = max(0, len(self.seen) - len(_EVENT) + 1)
                self.seen += piece
                self.count += self.seen.count(_EVENT, counted)

    def versions(self) -> list[int]:
        events = (json.loads(line) for line in _CHUNK.sub(b"", self.seen).splitlines() if line)
        return [int(event["object"]["metadata"]["resourceVersion"]) for event in events]


async def post(server: Server, stream: trio.abc.Stream, path: str, body: object) -> None:
    """Create an object and read the whole answer."""
    encoded = json.dumps(body).encode()
    length = f"content-length: {len(encoded)}"
    head = server.head(f"POST {path}", "content-type: application/json", length)
    await stream.send_all(head + encoded)
    answer = b""
    while not (found := _LENGTH.search(answer)):
        answer += (piece := bytes(await stream.receive_some()))
        assert piece
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    whole = found.end() + int(found[1])
    while len(answer) < whole:
        answer += (piece := bytes(await stream.receive_some()))
        assert piece


@contextmanager
def api_server(folder: Path, *, state: bool, tls: bool) -> Iterator[Server]:
    """A server alone."""
    kubeconfig = folder / "kubeconfig"
    command = [sys.executable, "-m", "kthena_sandbox.apiserver", "--port", "0", "--kubeconfig", str(kubeconfig)]  # fmt: skip
    command += [] if tls else ["--insecure"]
    command += ["--state", str(folder / "state")] if state else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().split()[-1]
            yield Server(url, server.pid, read_entrance(kubeconfig))
        finally:
            server.terminate()


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / 100


async def write(
    server: Server, namespaces: list[str], prefix: str, count: int, rate: float
) -> float:
    """Create *count* objects, *rate* a second (0: at once); the seconds that it took."""
    numbers = iter(range(count))
    began = time.perf_counter()

    async def writer() -> None:
        async with await server.connect() as stream:
            for number in numbers:
                if rate:
                    await trio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                body = {"metadata": {"name": f"{prefix}-{number}"}, "data": {"key": "x" * 300}}
                path = f"/api/v1/namespaces/{namespaces[number % len(namespaces)]}/configmaps"
                await post(server, stream, path, body)

    async with trio.open_nursery() as nursery:
        for _ in range(WRITERS):
            nursery.start_soon(writer)
    return time.perf_counter() - began


async def play(server: Server, given: argparse.Namespace) -> None:
    watchers = [Watcher() for _ in range(given.watchers)]
    namespaces = [f"n{number}" for number in range(max(1, given.watchers // SEE_EACH))]
    async with await server.connect() as stream, trio.open_nursery() as nursery:
        for name in namespaces:
            await post(server, stream, "/api/v1/namespaces", {"metadata": {"name": name}})
        for number, watcher in enumerate(watchers):
            await nursery.start(watcher.follow, server, namespaces[number // SEE_EACH])
        for prefix, count, rate in (
            ("burst", given.writes, 0.0),
            ("steady", given.writes, given.rate),
        ):
            before, used = sum(one.count for one in watchers), cpu_seconds(server.pid)
            seconds = await write(server, namespaces, prefix, count, rate)
            with trio.move_on_after(30):
                while sum(one.count for one in watchers) - before < count * SEE_EACH:  # noqa: ASYNC110  nothing tells
                    await trio.sleep(0.01)
            used = cpu_seconds(server.pid) - used
            print(
                f"{prefix}: {count / seconds:.0f} writes/s, {used / count * 1e3:.2f} ms of CPU each"
            )
        seen = [one.versions() for one in watchers]
        assert all(versions == sorted(set(versions)) for versions in seen), "out of order"
        assert sum(map(len, seen)) == 2 * given.writes * SEE_EACH, "lost"
        print(f"every change was seen by {SEE_EACH}, in order")
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--state", action="store_true")
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        api_server(Path(folder), state=given.state, tls=given.tls) as server,
    ):
        trio.run(play, server, given)


if __name__ == "__main__":
    main()
