from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
import trio.lowlevel
from tests.sandbox.apiserver.asgi_client import PODS, Client, pod

LOG = f"{PODS}/p/log"


@dataclass
class FakeKubelet:
    """Answers every request with a status and a body that it may leave open; remembers what was asked."""

    status: str = "200 OK"
    lines: list[bytes] = field(default_factory=lambda: [b"one\n", b"two\n"])
    endless: bool = False
    asked: list[str] = field(default_factory=list)
    left: trio.Event = field(default_factory=trio.Event)

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            request = await stream.receive_some()
            self.asked.append(request.split(b" ")[1].decode())
            head = (
                f"HTTP/1.1 {self.status}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
            )
            await stream.send_all(head.encode() + b"".join(self.lines))
            if self.endless:
                assert await stream.receive_some() == b""
                self.left.set()


@asynccontextmanager
async def _pod_on(client: Client, kubelet: FakeKubelet) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, kubelet.serve, [listener])
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": listener.socket.getsockname()[1]}},
        }
        await client.post("/api/v1/nodes", {"metadata": {"name": "n"}, "status": status})
        await client.post(PODS, pod("p", nodeName="n"))
        yield
        nursery.cancel_scope.cancel()


async def test_the_log_comes_from_the_kubelet_of_the_node(client: Client) -> None:
    kubelet = FakeKubelet()
    async with _pod_on(client, kubelet):
        answer = await client.get(f"{LOG}?tailLines=2&timestamps=true&pretty=x")
        assert (answer.code, answer.body) == (200, b"one\ntwo\n")
        assert answer.headers["content-type"] == "text/plain"
        assert kubelet.asked == ["/containerLogs/default/p/main?tailLines=2&timestamps=true"]


async def test_a_reader_that_leaves_ends_the_kubelets_work(client: Client) -> None:
    kubelet = FakeKubelet(endless=True)
    with trio.fail_after(60):
        async with _pod_on(client, kubelet):
            async with client.watch(f"{LOG}?follow=true") as stream:
                while not stream.ended and stream._lines != [b"one", b"two"]:
                    await trio.lowlevel.checkpoint()
            await kubelet.left.wait()


async def test_a_kubelet_that_refuses_is_quoted(client: Client) -> None:
    kubelet = FakeKubelet("400 Bad Request", [b"previous terminated container not found"])
    async with _pod_on(client, kubelet):
        answer = await client.get(f"{LOG}?previous=true")
        assert (answer.code, answer.reason) == (400, "BadRequest")
        assert answer.message == "previous terminated container not found"


async def test_a_kubelet_that_is_away(client: Client) -> None:
    async with _pod_on(client, FakeKubelet()):
        pass
    answer = await client.get(LOG)
    assert (answer.code, answer.reason) == (500, "InternalError")
    assert "/containerLogs/default/p/main" in answer.message
