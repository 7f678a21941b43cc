"""A call that is cancelled at any point where it can be leaves no descriptor, task or idle connection behind."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import trio
import trustme
from tests.support.http_peer import Peer, PeerConnection, Script, open_peer
from tests.support.steps import at_step
from tests.support.upstream import Answer, fetch, open_descriptors, until
from trio.testing import wait_all_tasks_blocked

from kthena_router.errors import UpstreamError
from kthena_router.upstream.dial import make_tls_context
from kthena_router.upstream.pools import Pools

AUTHORITY = trustme.CA()


async def slow(connection: PeerConnection) -> None:
    """Take everything slowly, so that the other side waits wherever it can wait."""
    while request := await connection.read_request():
        assert request
        for piece in (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-enc",
            b"oding: chunked\r\n\r\n",
            b"3\r\none\r\n",
            b"3\r\nt",
            b"wo\r\n",
            b"0\r\n\r\n",
        ):
            await wait_all_tasks_blocked()
            await connection.say(piece)


async def refuse(connection: PeerConnection) -> None:
    await connection.read_head()
    await wait_all_tasks_blocked()
    await connection.say(b"HTTP/1.1 413 No\r\ncontent-length: 8\r\n\r\n")
    await wait_all_tasks_blocked()
    await connection.say(b"too much")


async def stale(connection: PeerConnection) -> None:
    """Be fine once, and then leave when the next request is half here."""
    await connection.read_request()
    await connection.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    await connection.read_head()


@dataclass(frozen=True)
class Case:
    scripts: tuple[Script, ...]
    expected: Answer
    body: bytes = b"hello"
    warm: bool = False
    tls: bool = False


OK = Answer(200, b"onetwo")
LARGE = b"x" * 6_000_000
CASES = {
    "fresh": Case((slow,), OK),
    "kept": Case((slow,), OK, warm=True),
    "large body": Case((slow,), OK, body=LARGE),
    "large body, kept": Case((slow,), OK, body=LARGE, warm=True),
    "refused": Case((refuse,), Answer(413, b"too much"), body=LARGE),
    "stale": Case((stale, slow), OK, warm=True),
    "stale, large body": Case((stale, slow), OK, body=LARGE, warm=True),
    "tls": Case((slow,), OK, tls=True),
    "tls, kept": Case((slow,), OK, tls=True, warm=True),
    "tls, large body": Case((slow,), OK, tls=True, body=LARGE),
}


def tls_wrapper() -> Callable[[trio.SocketStream], trio.abc.Stream]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)

    def wrap(stream: trio.SocketStream) -> trio.abc.Stream:
        return trio.SSLStream(stream, context, server_side=True, https_compatible=True)

    return wrap


def make_pools() -> Pools:
    context = make_tls_context()
    AUTHORITY.configure_trust(context)
    return Pools(connect_timeout=5.0, idle_timeout=60.0, tls=context)


async def call_until(step: int, pools: Pools, peer: Peer, body: bytes) -> Answer | None:
    """Make a call and cancel it at its *step*-th step; None: it was cancelled."""
    with trio.CancelScope() as scope, at_step(step, scope.cancel):
        return await fetch(pools, peer.endpoint, body, header_timeout=30.0)
    return None


def held() -> tuple[int, int]:
    """Descriptors and tasks of this process, the endpoint's included."""
    return open_descriptors(), trio.lowlevel.current_statistics().tasks_living


def holds(expected: tuple[int, int]) -> bool:
    return held() == expected


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_cancelling_at_any_step_leaves_nothing_behind(case: Case) -> None:
    pools = make_pools()
    async with open_peer(*case.scripts, wrap=tls_wrapper() if case.tls else None) as peer:
        answer, step = None, 0
        while answer is None:
            step += 1
            peer.scripts[:] = case.scripts
            before = held()
            if case.warm:
                await fetch(pools, peer.endpoint)
            answer = await call_until(step, pools, peer, case.body)
            await until(lambda: peer.open == pools.idle)
            pools.retain([])
            await until(partial(holds, before))
        assert answer == case.expected
        assert step > 3  # it was cancelled somewhere


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_call_that_ends_uncancelled_leaves_what_it_may_keep(case: Case) -> None:
    pools = make_pools()
    async with open_peer(*case.scripts, wrap=tls_wrapper() if case.tls else None) as peer:
        if case.warm:
            await fetch(pools, peer.endpoint)
        assert await fetch(pools, peer.endpoint, case.body) == case.expected
        assert pools.idle == (case.expected == OK)
        await pools.aclose()


async def test_churn_of_cancelled_calls_leaves_nothing_behind() -> None:
    pools = make_pools()
    async with open_peer(slow) as peer:
        before = held()

        async def churn(number: int) -> None:
            with trio.move_on_after(number % 7 / 1000):
                await fetch(pools, peer.endpoint, LARGE if number % 5 == 0 else b"hi")

        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(churn, number)
        pools.retain([])
        await until(partial(holds, before))
        assert await fetch(pools, peer.endpoint) == OK
        await pools.aclose()


async def test_a_refused_connection_leaves_nothing_behind() -> None:
    pools = make_pools()
    async with open_peer(slow) as peer:
        gone = peer.endpoint
    descriptors = open_descriptors()
    for _ in range(5):
        with pytest.raises(UpstreamError):
            await fetch(pools, gone)
    assert open_descriptors() == descriptors
