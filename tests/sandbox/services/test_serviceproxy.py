"""Services on real sockets: the whole way from a pod to a connection."""

from pathlib import Path
from typing import Any

import httpx
import trio
from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.httpd.server import bind
from kthena_sandbox.kinds import ENDPOINT_SLICES, EVENTS, PODS, SERVICES, Document, Key

WEB = Key("default", "web")
_SPEC = {
    "type": "LoadBalancer",
    "selector": {"app": "a"},
    "ports": [{"port": 8070, "targetPort": 8000}],
}


async def _service(cluster: Cluster, **spec: Any) -> Document:
    return await cluster.create(SERVICES, "web", spec=_SPEC | spec)


async def _pod(cluster: Cluster, name: str) -> None:
    spec = engine_pod(args=["--model", name]) | {"terminationGracePeriodSeconds": 1}
    await cluster.create(PODS, name, metadata={"labels": {"app": "a"}}, spec=spec)


async def _model(address: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        try:
            answer = await http.get(f"http://{address}/v1/models")
        except httpx.TransportError:
            return "refused"
    return str(answer.json()["data"][0]["id"])


async def _addresses(cluster: Cluster) -> list[str]:
    async def given() -> list[str]:
        found = await cluster.client.get(SERVICES, WEB)
        ingress = found["status"]["loadBalancer"].get("ingress")
        node_port = found["spec"]["ports"][0]["nodePort"]
        hosts = [f"{entry['ip']}:8070" for entry in ingress or []]
        return (
            [*hosts, f"{found['spec']['clusterIP']}:8070", f"127.0.0.1:{node_port}"]
            if hosts
            else []
        )

    listed: list[str] = await cluster.until(given)
    return listed


async def _answers(cluster: Cluster, address: str, expected: str) -> None:
    async def answered() -> bool:
        return await _model(address) == expected

    await cluster.until(answered)


async def test_a_service_is_reached_at_every_address_of_its(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _service(cluster)
        addresses = await _addresses(cluster)
        assert addresses[0].startswith("127.4.0.")
        assert [await _model(address) for address in addresses] == ["refused"] * 3
        await _pod(cluster, "one")
        for address in addresses:
            await _answers(cluster, address, "one")


async def test_endpoints_take_turns_and_come_and_go(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _service(cluster)
        balancer = (await _addresses(cluster))[0]
        for name in ("one", "two"):
            await _pod(cluster, name)

        async def both() -> bool:
            return {await _model(balancer) for _ in range(2)} == {"one", "two"}

        await cluster.until(both)
        await cluster.client.delete(PODS, Key("default", "one"))
        await cluster.gone(PODS, Key("default", "one"))

        async def only_two() -> bool:
            return {await _model(balancer) for _ in range(2)} == {"two"}

        await cluster.until(only_two)
        ports = [{"port": 8071, "targetPort": 8000}]
        await cluster.client.patch(SERVICES, WEB, {"spec": {"ports": ports}})
        await _answers(cluster, balancer.replace("8070", "8071"), "two")
        await _answers(cluster, balancer, "refused")
        await cluster.client.delete(SERVICES, WEB)
        await _answers(cluster, balancer.replace("8070", "8071"), "refused")


async def test_an_open_connection_is_left_alone_while_its_pod_leaves(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _service(cluster)
        balancer = (await _addresses(cluster))[0]
        spec = engine_pod(args=["--model", "slow", "--tokens-per-second", "10"])
        await cluster.create(PODS, "slow", metadata={"labels": {"app": "a"}}, spec=spec)
        await _answers(cluster, balancer, "slow")
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            question = {"model": "slow", "prompt": "x", "max_tokens": 8, "stream": True}
            url = f"http://{balancer}/v1/completions"
            async with http.stream("POST", url, json=question) as answer:
                pieces = answer.aiter_text()
                heard = await anext(pieces)
                await cluster.client.delete(PODS, Key("default", "slow"))
                await _answers(cluster, balancer, "refused")
                async for piece in pieces:
                    heard += piece
        assert heard.rstrip().endswith("data: [DONE]")


async def test_a_taken_port_is_told_and_taken_over_when_it_is_free(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _pod(cluster, "one")
        taken = bind("127.4.9.9", 8070)
        try:
            await _service(cluster, loadBalancerIP="127.4.9.9")

            async def told() -> list[str]:
                return [
                    event["message"] for event in await cluster.client.list(EVENTS, "default")
                    if event["reason"] == "PortNotForwarded"
                ]  # fmt: skip

            assert await cluster.until(told) == [
                "port 8070: cannot listen on 127.4.9.9:8070: Address already in use"
            ]
        finally:
            taken.close()
        await _answers(cluster, "127.4.9.9:8070", "one")


async def test_endpoints_written_by_hand(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster, trio.open_nursery() as nursery:

        async def greet(stream: trio.SocketStream) -> None:
            async with stream:
                await stream.send_all(b"hello")

        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, greet, listeners)
        port = listeners[0].socket.getsockname()[1]
        created = await _service(cluster, selector=None, type="ClusterIP", ports=[{"port": 8072}])
        slice_ = {
            "metadata": {"name": "web-1", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}],
            "ports": [{"port": port}],
        }  # fmt: skip
        await cluster.client.create(ENDPOINT_SLICES, slice_)

        async def greeted() -> bool:
            try:
                async with await trio.open_tcp_stream(created["spec"]["clusterIP"], 8072) as stream:
                    return await stream.receive_some(5) == b"hello"
            except OSError:
                return False

        await cluster.until(greeted)
        nursery.cancel_scope.cancel()


async def test_datagrams_reach_pods(tmp_path: Path) -> None:
    async with running(tmp_path, kubelet=True, controllers=True) as cluster:
        container = {
            "name": "c", "image": "registry.k8s.io/gateway-api/echo-basic:v1.6.0",
            "env": [{"name": "UDP_ECHO_SERVER", "value": "1"}, {"name": "POD_NAME", "value": "p"}],
        }  # fmt: skip
        await cluster.create(
            PODS, "udp", metadata={"labels": {"app": "a"}}, spec={"containers": [container]}
        )
        ports = [{"port": 8071, "targetPort": 8080, "protocol": "UDP"}]
        made = await cluster.create(
            SERVICES, "web", spec={"selector": {"app": "a"}, "ports": ports}
        )
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as asking:
            await asking.connect((made["spec"]["clusterIP"], 8071))

            async def answered() -> bytes | None:
                try:
                    await asking.send(b"hello")
                    with trio.move_on_after(0.1):
                        return await asking.recv(1024)
                except ConnectionRefusedError:  # its port is not open yet
                    pass
                return None

            answer = await cluster.until(answered)
    assert answer == b'{"request":"hello","namespace":"","ingress":"","service":"","pod":"p"}'
