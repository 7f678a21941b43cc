"""The life of a Gateway's port on the real processes: when it opens, why it does not, and what never touches it."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import trio
from tests.support.churn import (
    GATEWAYS,
    ROUTES,
    Api,
    gateway_document,
    listener_list,
    open_api,
    route_document,
    route_rules,
)
from tests.support.http_client import ClientConnection, Reply
from tests.support.oracle import Listener
from tests.support.stack import Stack, free_ports, open_router, open_stack
from tests.support.traffic import model_of, question, stream_fault, wait_until_served
from tests.support.workloads import serve_models
from tests.system.port_life import measure, refuses, wait_until_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
GATEWAY = "tested"
CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
ONE, TWO = "one", "two"  # models, at 20 tokens a second
PACE = ("--inter-token-latency", "50ms")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with open_stack(tmp_path_factory.mktemp("stack")) as found:
        trio.run(serve_models, found.api, {ONE: PACE, TWO: PACE})
        trio.run(wait_until_served, found.port, ONE)
        yield found


@asynccontextmanager
async def gateway(
    stack: Stack, port: int, hostname: str = "", *, route_to: str | None = ONE
) -> AsyncIterator[Api]:
    """A Gateway on *port*, with a route of model `m` where *route_to* is given; both are deleted in the end."""
    async with open_api(stack.api) as api:
        await api.create(GATEWAYS, gateway_document(GATEWAY, [Listener(port, hostname)]))
        if route_to is not None:
            await api.create(ROUTES, route_document(GATEWAY, "m", route_to))
        try:
            yield api
        finally:
            for collection in (ROUTES, GATEWAYS):
                if await api.find(f"{collection}/{GATEWAY}") is not None:
                    await api.delete(collection, GATEWAY)


async def wait_for_listener(api: Api, kind: str, status: str, reason: str) -> str:
    """Return the message of a condition of the listener as soon as it has *status* and *reason*."""
    with trio.fail_after(60):
        while True:
            found = (await api.read(f"{GATEWAYS}/{GATEWAY}")).get("status") or {}
            for one in conditions_of(found):
                if (one["type"], one["status"], one["reason"]) == (kind, status, reason):
                    return str(one["message"])
            await trio.sleep(0.05)


def conditions_of(status: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for listener in status.get("listeners", ()) for one in listener["conditions"]]


async def ask_until(connection: ClientConnection, host: str, wanted: str) -> None:
    """Ask on one connection, again and again, until the answer is *wanted*: a model, or a status."""
    answer = ""
    with trio.fail_after(60):
        while answer != wanted:
            reply = await connection.post(host, question("m", 1, stream=False))
            answer = model_of(reply) if reply.status == 200 else str(reply.status)


def listening_sockets(port: int) -> list[str]:
    """Return the inodes of the sockets that listen on *port*: proc(5), /proc/net/tcp."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]


def test_a_port_opens_and_closes_within_a_second(stack: Stack) -> None:
    """The median counts: the machine may have been busy with something else in some rounds."""
    rounds = trio.run(measure, stack.api, 11)

    assert median(one.opened for one in rounds) < 1
    assert median(one.closed for one in rounds) < 1


async def test_a_port_in_use_is_reported_and_taken_as_soon_as_it_is_free(stack: Stack) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_ports(1)[0]))
        other.listen()
        port = other.getsockname()[1]
        async with gateway(stack, port) as api:
            message = await wait_for_listener(api, "Accepted", "False", "PortUnavailable")
            assert "the port is in use by another process" in message
            await wait_for_listener(api, "Programmed", "False", "Invalid")
            other.close()
            await wait_for_listener(api, "Programmed", "True", "Programmed")
            await wait_for_listener(api, "Accepted", "True", "Accepted")
            client = await ClientConnection.open(port)
            await ask_until(client, "any", ONE)
            client.close()
    await wait_until_port(port, open_=False)


@pytest.mark.parametrize("name", ["management_port", "metrics_port"])
async def test_the_ports_of_the_router_itself_are_refused(stack: Stack, name: str) -> None:
    port = getattr(stack, name)
    async with gateway(stack, port, route_to=None) as api:
        message = await wait_for_listener(api, "Accepted", "False", "PortUnavailable")
        assert f"port {port} is needed by the router itself: choose another one" == message
    assert not refuses(port)


async def test_changes_of_hostnames_and_routes_touch_no_socket(stack: Stack) -> None:
    [port] = free_ports(1)
    async with gateway(stack, port, "a.test") as api:
        await wait_until_port(port, open_=True)
        listening = listening_sockets(port)
        client = await ClientConnection.open(port, joined=True)
        await ask_until(client, "a.test", ONE)

        await api.change(ROUTES, GATEWAY, {"rules": route_rules(TWO)})
        await ask_until(client, "a.test", TWO)
        spec = {"listeners": listener_list([Listener(port, "b.test")])}
        await api.change(GATEWAYS, GATEWAY, spec)
        await ask_until(client, "a.test", "404")
        await ask_until(client, "b.test", TWO)
        client.close()

        assert listening == listening_sockets(port)
        assert 1 == len(listening)


async def test_streams_on_a_closed_port_finish(stack: Stack) -> None:
    [port] = free_ports(1)
    replies: list[Reply] = []

    async def stream(client: ClientConnection) -> None:
        replies.append(await client.post("any", question("m", 60, stream=True)))

    async with gateway(stack, port) as api:
        await wait_until_port(port, open_=True)
        clients = [await ClientConnection.open(port) for _ in range(10)]
        for client in clients:
            await ask_until(client, "any", ONE)
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(stream, client)
            await trio.sleep(0.2)
            await api.delete(GATEWAYS, GATEWAY)
            await wait_until_port(port, open_=False)
            assert not replies
    assert {""} == {stream_fault(reply, ONE, 60) for reply in replies}
    assert 10 == len(replies)
    for client in clients:
        client.close()


def test_a_router_is_ready_when_the_ports_are_open_for_which_it_makes_the_class(
    tmp_path: Path,
) -> None:
    port, own = free_ports(2)

    async def make_gateway(url: str) -> None:
        async with open_api(url) as api:
            assert await api.find(f"{CLASSES}/kthena-router") is None
            await api.create(GATEWAYS, gateway_document(GATEWAY, [Listener(port, "")]))

    with open_stack(tmp_path, "--no-router") as sandbox:
        trio.run(make_gateway, sandbox.api)
        with open_router(tmp_path, sandbox.kubeconfig, own):
            assert not refuses(port)
