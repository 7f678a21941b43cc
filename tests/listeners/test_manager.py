import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pytest
import trio
import trio.testing
from tests.support.http1 import LIMITS

from kthena_router.concurrency.published import Published
from kthena_router.concurrency.readiness import Readiness
from kthena_router.listeners.asgi import ASGIApp, Receive, Scope, Send, respond
from kthena_router.listeners.manager import ListenerManager, plan_ports, server_opener
from kthena_router.listeners.sockets import PortUnavailable
from kthena_router.routing.gateways import PortState, PortStates
from kthena_router.routing.snapshot import Snapshot
from kthena_router.settings import Settings

DEFAULT = 8080
TAKEN = "the port is in use by another process"


@dataclass(frozen=True)
class Wanted:
    """All that the manager reads of a snapshot."""

    ports: frozenset[int]


def wanting(*ports: int) -> Snapshot:
    return cast("Snapshot", Wanted(frozenset(ports)))


class FakeServer:
    """Holds its port until it is stopped, and runs until its requests have ended."""

    def __init__(self, machine: "Machine", port: int) -> None:
        self._machine = machine
        self._port = port
        self.died = trio.Event()
        self.stopped = trio.Event()
        self.finished = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._die)
            await self.finished.wait()
            nursery.cancel_scope.cancel()

    async def _die(self) -> None:
        await self.died.wait()
        self._machine.servers.pop(self._port)
        raise ValueError("out of luck")

    def stop(self) -> None:
        if not self.stopped.is_set():
            self.stopped.set()
            self._machine.servers.pop(self._port)

    def cut(self) -> None:
        self.stop()
        self.finished.set()


class Machine:
    """Ports: those that other processes have, and our servers on the others."""

    def __init__(self, taken: Iterable[int] = ()) -> None:
        self.taken = set(taken)
        self.servers: dict[int, FakeServer] = {}
        self.opened: list[int] = []
        self.attempts: list[float] = []

    def open_server(self, port: int) -> FakeServer:
        self.attempts.append(trio.current_time())
        if port in self.taken or port in self.servers:
            raise PortUnavailable("", port, TAKEN)
        self.opened.append(port)
        self.servers[port] = FakeServer(self, port)
        return self.servers[port]


class Running:
    def __init__(self, machine: Machine, *, gateway_api: bool = True) -> None:
        self.machine = machine
        self.snapshots = Published(wanting())
        self.states: Published[PortStates] = Published({})
        settings = Settings(port=DEFAULT, gateway_api=gateway_api)
        self.manager = ListenerManager(
            machine.open_server,
            self.snapshots,
            self.states,
            settings,
            chance=lambda: 0.0,
        )

    async def want(self, *ports: int) -> None:
        self.snapshots.publish(wanting(*ports))
        await trio.testing.wait_all_tasks_blocked()

    @property
    def open(self) -> list[int]:
        return sorted(self.machine.servers)

    @property
    def reported(self) -> dict[int, str]:
        return {port: state.error or "open" for port, state in self.states.value.items()}


@asynccontextmanager
async def running(machine: Machine | None = None) -> AsyncIterator[Running]:
    house = Running(machine or Machine())
    async with trio.open_nursery() as traffic:
        await traffic.start(house.manager.run, traffic)
        yield house
        house.manager.cut_all()


def test_a_plan_opens_what_is_missing_and_closes_what_is_not_wanted() -> None:
    assert plan_ports({80, 82, 81}, {81, 83}) == ((80, 82), (83,))


async def test_the_default_port_is_open_before_the_first_snapshot(autojump_clock: object) -> None:
    async with running() as house:
        assert house.open == [DEFAULT]
        assert house.states.value == {DEFAULT: PortState(port=DEFAULT, open=True, error="")}


async def test_the_default_port_stays_open_when_no_listener_claims_it(
    autojump_clock: object,
) -> None:
    async with running() as house:
        await house.want(DEFAULT, 8081)
        await house.want()
        assert house.open == [DEFAULT]
        assert house.machine.opened == [DEFAULT, 8081]


async def test_a_port_is_open_while_a_listener_wants_it(autojump_clock: object) -> None:
    async with running() as house:
        await house.want(8081)
        assert house.open == [DEFAULT, 8081]
        assert house.reported == {DEFAULT: "open", 8081: "open"}
        await house.want()
        assert house.open == [DEFAULT]
        assert house.reported == {DEFAULT: "open"}


async def test_a_snapshot_with_the_same_ports_touches_no_socket(autojump_clock: object) -> None:
    async with running() as house:
        await house.want(8081)
        states = house.states.value
        await house.want(8081)
        assert house.machine.opened == [DEFAULT, 8081]
        assert house.states.value is states


async def test_a_port_that_still_drains_can_be_opened_again(autojump_clock: object) -> None:
    async with running() as house:
        await house.want(8081)
        old = house.machine.servers[8081]
        await house.want()
        await house.want(8081)
        assert house.open == [DEFAULT, 8081]
        old.finished.set()
        await trio.sleep(60)
        assert house.open == [DEFAULT, 8081]
        assert house.reported[8081] == "open"


async def test_a_taken_port_is_reported_and_leaves_the_others_alone(autojump_clock: object) -> None:
    async with running(Machine(taken=[8081])) as house:
        await house.want(8081, 8082)
        assert house.open == [DEFAULT, 8082]
        assert house.reported == {DEFAULT: "open", 8081: TAKEN, 8082: "open"}


async def test_a_taken_port_is_tried_again_with_growing_pauses(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(taken=[8081])
    async with running(machine) as house:
        await house.want(8081)
        machine.attempts.clear()
        await trio.sleep(40)
        assert machine.attempts == pytest.approx([0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5])
        machine.taken.clear()
        await trio.sleep(10)
        assert house.reported[8081] == "open"
    assert caplog.messages == [f"cannot listen on *:8081: {TAKEN}; trying again"]


async def test_a_taken_port_that_is_not_wanted_any_more_is_forgotten(
    autojump_clock: object,
) -> None:
    machine = Machine(taken=[8081])
    async with running(machine) as house:
        await house.want(8081)
        await house.want()
        assert house.reported == {DEFAULT: "open"}
        machine.taken.clear()
        await trio.sleep(60)
        assert house.open == [DEFAULT]


async def test_a_server_that_dies_is_reported_and_replaced(autojump_clock: object) -> None:
    async with running() as house:
        await house.want(8081)
        house.machine.servers[8081].died.set()
        await trio.testing.wait_all_tasks_blocked()
        assert house.reported[8081] == "the server failed: ValueError('out of luck')"
        assert house.open == [DEFAULT]
        await trio.sleep(1)
        assert house.reported[8081] == "open"
        assert house.open == [DEFAULT, 8081]


async def test_a_taken_default_port_is_reported_where_there_is_a_status(
    autojump_clock: object,
) -> None:
    machine = Machine(taken=[DEFAULT])
    async with running(machine) as house:
        assert house.reported == {DEFAULT: TAKEN}
        machine.taken.clear()
        await trio.sleep(1)
        assert house.reported == {DEFAULT: "open"}


async def test_a_taken_default_port_ends_the_start_without_gateway_api(
    autojump_clock: object,
) -> None:
    house = Running(Machine(taken=[DEFAULT]), gateway_api=False)
    with pytest.RaisesGroup(PortUnavailable):
        async with trio.open_nursery() as traffic:
            await traffic.start(house.manager.run, traffic)


async def test_stopping_refuses_everywhere_and_ends_with_the_last_request(
    autojump_clock: object,
) -> None:
    house = Running(Machine())
    async with trio.open_nursery() as traffic:
        await traffic.start(house.manager.run, traffic)
        await house.want(8081)
        servers = list(house.machine.servers.values())
        house.manager.stop_all()
        assert house.open == []
        await trio.sleep(30)
        assert len(traffic.child_tasks) == 2
        for server in servers:
            server.finished.set()
    assert trio.current_time() == 30
    assert house.reported == {DEFAULT: "open", 8081: "open"}


async def test_cutting_reaches_the_servers_that_drain_already(autojump_clock: object) -> None:
    house = Running(Machine())
    async with trio.open_nursery() as traffic:
        await traffic.start(house.manager.run, traffic)
        await house.want(8081)
        await house.want()
        house.manager.stop_all()
        house.manager.cut_all()
    assert trio.current_time() == 0


async def test_a_snapshot_is_carried_out_when_its_ports_are_open_or_reported(
    autojump_clock: object,
) -> None:
    async with running(Machine(taken=[8082])) as house:
        house.snapshots.publish(wanting(8081, 8082))
        await house.manager.wait_carried_out()
        assert house.reported == {DEFAULT: "open", 8081: "open", 8082: TAKEN}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def fetch(port: int) -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = b""
        async for piece in client:
            answer += bytes(piece)
        return answer


async def test_real_ports_open_and_close_within_a_second() -> None:
    def make_app(port: int) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await respond(send, 200, b"port %d" % port)

        return app

    default, other = free_port(), free_port()
    snapshots = Published(wanting())
    states: Published[PortStates] = Published({})
    settings = Settings(port=default, bind_address="127.0.0.1", client_limits=LIMITS)
    readiness = Readiness()
    opener = server_opener(make_app, settings, readiness)
    manager = ListenerManager(opener, snapshots, states, settings)
    with trio.fail_after(60):
        async with trio.open_nursery() as plumbing, trio.open_nursery() as traffic:
            plumbing.start_soon(readiness.run)
            await traffic.start(manager.run, traffic)
            snapshots.publish(wanting(other))
            await manager.wait_carried_out()
            assert (await fetch(default)).endswith(b"port %d" % default)
            assert (await fetch(other)).endswith(b"port %d" % other)
            snapshots.publish(wanting())
            with trio.fail_after(1):
                await manager.wait_carried_out()
                with pytest.raises(OSError, match="failed"):
                    await fetch(other)
            manager.stop_all()
            plumbing.cancel_scope.cancel()
