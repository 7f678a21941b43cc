"""How a router ends: what is still served after SIGTERM, what is refused, and that no client holds the exit."""

import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.api_proxy import open_api_proxy
from tests.support.http_client import ClientConnection, Reply
from tests.support.stack import Router, Stack, open_router, open_stack
from tests.support.stalled_clients import BUSY, IDLE, does_not_read
from tests.support.traffic import question, stream_fault, wait_until_served
from tests.support.workloads import Engines, serve_models
from tests.system.port_life import refuses

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
QUICK, PACED = "quick", "paced"  # models: at full speed, and 20 tokens a second
DELAY = 0.2  # seconds: the routers' --shutdown-delay where nothing else is said
SLACK = 10.0  # seconds, for a busy machine: what would hold a router up takes longer
StalledClient = Callable[[int, str], socket.socket]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A cluster without a router; all routers of this module have one port, that of Gateway `default`."""
    with open_stack(tmp_path_factory.mktemp("sandbox"), "--no-router") as stack:
        trio.run(serve_models, stack.api, {QUICK: (), PACED: ("--inter-token-latency", "50ms")})
        yield stack


@asynccontextmanager
async def serving(
    folder: Path,
    sandbox: Stack,
    *arguments: str,
    kubeconfig: Path | None = None,
    drain_timeout: str = "1s",
) -> AsyncIterator[tuple[Router, Engines]]:
    """Yield a router that serves, and its engines, which have nothing to do."""
    with open_router(
        folder,
        kubeconfig or sandbox.kubeconfig,
        sandbox.port,
        *arguments,
        DRAIN_TIMEOUT=drain_timeout,
    ) as router:
        engines = await Engines.find(sandbox.api)
        await wait_until_served(router.port, QUICK)
        await engines.reset()
        yield router, engines
        await engines.aclose()


async def complete(
    router: Router, model: str, length: int, *, stream: bool = False, fault: str = ""
) -> Reply:
    """Ask on a connection of its own."""
    connection = await ClientConnection.open(router.port)
    try:
        return await connection.post("x", question(model, length, stream=stream), fault=fault)
    finally:
        connection.close()


async def exit_of(router: Router, since: float) -> tuple[int, float]:
    """Return the exit code, and the seconds it took."""
    code = await trio.to_thread.run_sync(router.wait)
    return code, time.monotonic() - since


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    with trio.fail_after(seconds):
        while True:
            if holds():
                return
            await trio.sleep(0.01)


async def test_fifty_streams_finish(tmp_path: Path, sandbox: Stack) -> None:
    replies: list[Reply] = []

    async def take(router: Router) -> None:
        replies.append(await complete(router, PACED, 60, stream=True))

    async with serving(tmp_path, sandbox, drain_timeout="60s") as (router, engines):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(take, router)
            await engines.wait_until("running", 50)
            router.terminate()
        code, _ = await exit_of(router, time.monotonic())
    assert 0 == code
    assert 50 == len(replies)
    assert {""} == {stream_fault(reply, PACED, 60) for reply in replies}


async def test_the_end_is_announced_before_connections_are_refused(
    tmp_path: Path, sandbox: Stack
) -> None:
    streamed: list[Reply] = []

    async def stream(router: Router) -> None:
        streamed.append(await complete(router, PACED, 160, stream=True))

    delayed = ("--shutdown-delay", "4s")
    async with serving(tmp_path, sandbox, *delayed, drain_timeout="60s") as (router, engines):
        async with trio.open_nursery() as nursery:
            kept = await ClientConnection.open(router.port)
            before = await kept.post("x", question(QUICK, 1, stream=False))
            nursery.start_soon(stream, router)
            await engines.wait_until("running", 1)
            assert 200 == router.readiness()

            asked = time.monotonic()
            router.terminate()
            await until(lambda: router.readiness() == 503)
            unready = time.monotonic() - asked
            on_new = await complete(router, QUICK, 1)
            on_kept = await kept.post("x", question(QUICK, 1, stream=False))
            kept.close()
            served = time.monotonic() - asked
            await until(lambda: refuses(router.port))
            refused = time.monotonic() - asked
            assert 503 == router.readiness()
            assert not streamed
        code, _ = await exit_of(router, asked)
    assert unready < served < 4 <= refused < 4 + SLACK
    assert "connection" not in before.headers
    assert "close" == on_kept.headers["connection"] == on_new.headers["connection"]
    assert 200 == on_kept.status == on_new.status
    assert "" == stream_fault(streamed[0], PACED, 160)
    assert 0 == code


@pytest.mark.parametrize("stalled", BUSY)
async def test_a_busy_client_is_cut_at_the_drain_time_out(
    tmp_path: Path, sandbox: Stack, stalled: StalledClient
) -> None:
    async with serving(tmp_path, sandbox, drain_timeout="1s") as (router, engines):
        with stalled(router.port, QUICK):
            await until(lambda: router.active_requests() == 1)
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
        await engines.wait_until("running", 0)
    assert 0 == code
    assert DELAY + 1 <= took < DELAY + 1 + SLACK


@pytest.mark.parametrize("idle", IDLE)
async def test_an_idle_client_does_not_hold_the_exit(
    tmp_path: Path, sandbox: Stack, idle: StalledClient
) -> None:
    async with serving(tmp_path, sandbox, drain_timeout="60s") as (router, _):
        with idle(router.port, QUICK):
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
    assert 0 == code
    assert took < DELAY + 1 + SLACK  # a client that has not asked yet has a second to do so


@pytest.mark.parametrize("stalled", BUSY)
async def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, sandbox: Stack, stalled: StalledClient
) -> None:
    async with serving(tmp_path, sandbox, drain_timeout="60s") as (router, engines):
        with stalled(router.port, QUICK):
            await until(lambda: router.active_requests() == 1)
            router.terminate()
            await until(lambda: refuses(router.port))
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
        await engines.wait_until("running", 0)
    assert 0 == code
    assert took < SLACK


async def test_a_second_signal_during_the_delay_ends_it_at_once(
    tmp_path: Path, sandbox: Stack
) -> None:
    delayed = ("--shutdown-delay", "60s")
    async with serving(tmp_path, sandbox, *delayed) as (router, _):
        with does_not_read(router.port, QUICK):
            await until(lambda: router.active_requests() == 1)
            router.terminate()
            await until(lambda: router.readiness() == 503)
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
    assert 0 == code
    assert took < SLACK


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "is silent"])
async def test_sigterm_before_the_first_configuration(
    tmp_path: Path, sandbox: Stack, listens: bool
) -> None:
    with socket.socket() as api:
        api.bind(("127.0.0.1", 0))
        if listens:
            api.listen()
        kubeconfig = tmp_path / "kubeconfig"
        url = f"http://127.0.0.1:{api.getsockname()[1]}"
        kubeconfig.write_text(sandbox.kubeconfig.read_text().replace(sandbox.api, url))
        with open_router(tmp_path, kubeconfig, sandbox.port, ready=False) as router:
            assert 503 == router.readiness()
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
    assert 0 == code
    assert took < DELAY + SLACK


@pytest.mark.parametrize("frozen", [False, True], ids=["cuts connections", "is silent"])
async def test_sigterm_while_the_api_is_away(tmp_path: Path, sandbox: Stack, frozen: bool) -> None:
    replies: list[Reply] = []

    async def take(router: Router) -> None:
        replies.append(await complete(router, PACED, 30, stream=True))

    with open_api_proxy(sandbox.kubeconfig) as (proxy, kubeconfig):
        async with (
            serving(tmp_path, sandbox, kubeconfig=kubeconfig, drain_timeout="20s") as served,
            trio.open_nursery() as nursery,
        ):
            router, engines = served
            for _ in range(5):
                nursery.start_soon(take, router)
            await engines.wait_until("running", 5)
            (proxy.freeze if frozen else proxy.go_away)()
            asked = time.monotonic()
            router.terminate()
            code, took = await exit_of(router, asked)
    assert 0 == code
    assert took < 30 * 0.05 + 2 + SLACK  # the Lease is given back within 2 s or not at all
    assert {""} == {stream_fault(reply, PACED, 30) for reply in replies}


async def test_a_second_signal_waits_for_the_lease_only_while_the_api_is_silent(
    tmp_path: Path, sandbox: Stack
) -> None:
    with open_api_proxy(sandbox.kubeconfig) as (proxy, kubeconfig):
        async with serving(tmp_path, sandbox, kubeconfig=kubeconfig, drain_timeout="60s") as served:
            router, _ = served
            with does_not_read(router.port, QUICK):
                await until(lambda: router.active_requests() == 1)
                proxy.freeze()
                router.terminate()
                await until(lambda: refuses(router.port))
                asked = time.monotonic()
                router.terminate()
                code, took = await exit_of(router, asked)
    assert 0 == code
    assert took < 2 + SLACK  # the Lease is given back within 2 s or not at all
