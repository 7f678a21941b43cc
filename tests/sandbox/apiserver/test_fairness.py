import pytest
import trio
import trio.testing
from tests.sandbox.apiserver.asgi_client import make_client

from kthena_sandbox.apiserver.auth.identity import ADMIN, User
from kthena_sandbox.apiserver.fairness import Fairness, TooManyRequests

ALICE, BOB = User("alice"), User("bob")


class Crowd:
    """Requests that end when they are told to."""

    def __init__(self, fairness: Fairness, nursery: trio.Nursery) -> None:
        self.began: list[str] = []
        self.refused: list[str] = []
        self._ends: dict[str, trio.CancelScope] = {}
        self._fairness, self._nursery = fairness, nursery

    async def start(self, user: User, *names: str) -> None:
        for name in names:
            self._nursery.start_soon(self._ask, user, name)
            await trio.testing.wait_all_tasks_blocked()

    async def end(self, name: str) -> None:
        self._ends[name].cancel()
        await trio.testing.wait_all_tasks_blocked()

    async def _ask(self, user: User, name: str) -> None:
        with trio.CancelScope() as scope:
            self._ends[name] = scope
            try:
                async with self._fairness.turn(user, "program"):
                    self.began.append(name)
                    await trio.sleep_forever()
            except TooManyRequests:
                self.refused.append(name)


async def test_a_flood_waits_behind_itself(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Fairness(under_way=2, queued=2), nursery)
        await crowd.start(ALICE, "a1", "a2", "a3", "a4", "a5")
        assert (crowd.began, crowd.refused) == (["a1", "a2"], ["a5"])
        await crowd.start(BOB, "b1")
        assert crowd.began == ["a1", "a2", "b1"]
        await crowd.end("a1")
        assert crowd.began == ["a1", "a2", "b1", "a3"]
        await crowd.end("a4")  # it leaves the queue
        await crowd.start(ALICE, "a6")
        await crowd.end("a2")
        assert crowd.began[-1] == "a6"
        nursery.cancel_scope.cancel()


async def test_who_waits_too_long_is_told_to_come_back(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Fairness(under_way=1, queued=9), nursery)
        await crowd.start(ALICE, "a1", "a2")
        await trio.sleep(14.9)
        assert crowd.refused == []
        await trio.sleep(0.2)
        assert crowd.refused == ["a2"]
        nursery.cancel_scope.cancel()


async def test_masters_wait_and_are_not_refused(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        crowd = Crowd(Fairness(under_way=1, queued=0), nursery)
        await crowd.start(ADMIN, "m1", "m2")
        await trio.sleep(100)
        assert (crowd.began, crowd.refused) == (["m1"], [])
        await crowd.end("m1")
        assert crowd.began == ["m1", "m2"]
        nursery.cancel_scope.cancel()


async def test_a_flow_is_forgotten_with_its_last_request() -> None:
    fairness = Fairness(under_way=1, queued=0)
    for _ in range(3):
        async with fairness.turn(ALICE, "p"):
            with pytest.raises(TooManyRequests):
                async with fairness.turn(ALICE, "p"):
                    pass
            async with fairness.turn(ALICE, "another"):
                pass
    assert fairness._flows == {}


async def test_what_a_client_is_told() -> None:
    client = make_client(secure=True)
    client.api._fairness = Fairness(under_way=0, queued=0)
    alice = {"authorization": "Bearer admin", "impersonate-user": "alice"}
    refused = await client.get("/api", alice)
    assert (refused.code, refused.headers["retry-after"]) == (429, "1")
    assert refused.body == b"Too many requests, please try again later.\n"
    assert (await client.get("/readyz", alice)).code == 200
