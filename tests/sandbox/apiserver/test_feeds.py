"""Watchers that share a feed: who is sent what, and when they are let go."""

from functools import partial

import pytest
import trio
import trio.testing

from kthena_sandbox.apiserver.feeds import Feeds
from kthena_sandbox.apiserver.storage import CollectionKey, Document, Key, Store

MAPS = CollectionKey("", "configmaps")
FOREVER = float("inf")


class _Client:
    """Takes so many pieces at once; `ended_at` is the position with which it was let go."""

    def __init__(self, takes: int = 1000) -> None:
        self.got = b""
        self.takes = takes
        self.ended_at = -1

    def send(self, lines: bytes) -> bool:
        self.got += lines
        self.takes -= 1
        return self.takes > 0

    @property
    def names(self) -> list[str]:
        return [line.split(b'"name":"')[1][:2].decode() for line in self.got.splitlines()]


class _House:
    """A store with feeds, which run."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.store = Store(history=300)
        self.feeds = Feeds()
        self.maps = self.store.collection(MAPS)
        self._nursery = nursery
        nursery.start_soon(self.feeds.run)

    def put(self, namespace: str, *names: str, version: str = "v1") -> None:
        for name in names:
            document: Document = {
                "apiVersion": version, "metadata": {"name": name, "namespace": namespace},
            }  # fmt: skip
            self.store.put(MAPS, Key(namespace, name), document)

    async def join(
        self, namespace: str, client: _Client, until: float = FOREVER
    ) -> trio.CancelScope:
        scope = trio.CancelScope()

        async def follow() -> None:
            with scope:
                client.ended_at = await self.feeds.follow(
                    self.maps, namespace, "v1", self.maps.written, send=client.send, until=until
                )

        self._nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked()
        return scope


@pytest.fixture
async def house(nursery: trio.Nursery) -> _House:
    return _House(nursery)


settle = partial(trio.testing.wait_all_tasks_blocked)


async def test_all_who_follow_see_each_change_once_and_in_order(house: _House) -> None:
    one, two, other, everything = _Client(), _Client(), _Client(), _Client()
    await house.join("n", one)
    house.put("n", "a0")
    await settle()
    await house.join("n", two)
    await house.join("m", other)
    await house.join("", everything)
    house.put("n", "a1", "a2")
    house.put("m", "b1")
    house.store.delete(MAPS, Key("n", "a1"))
    await settle()
    house.put("n", "a3")
    await settle()
    assert one.names == ["a0", "a1", "a2", "a1", "a3"]
    assert two.names == ["a1", "a2", "a1", "a3"]
    assert other.names == ["b1"]
    assert everything.names == ["a1", "a2", "b1", "a1", "a3"]
    assert [line[:16] for line in two.got.splitlines()] == [
        b'{"type":"ADDED",', b'{"type":"ADDED",', b'{"type":"DELETED', b'{"type":"ADDED",',
    ]  # fmt: skip
    assert one.takes == 997  # one piece for all that came together
    assert one.ended_at == -1


async def test_one_who_joins_while_a_change_is_yet_to_be_sent_does_not_see_it(
    house: _House,
) -> None:
    early, late = _Client(), _Client()
    await house.join("n", early)
    house.put("n", "a0")
    await house.join("n", late)
    house.put("n", "a1")
    await settle()
    assert early.names == ["a0", "a1"]
    assert late.names == ["a1"]


async def test_who_cannot_take_all_goes_on_alone_after_what_he_was_given(house: _House) -> None:
    slow, quick = _Client(takes=1), _Client()
    await house.join("n", slow)
    await house.join("n", quick)
    house.put("n", "a0")
    await settle()
    house.put("n", "a1")
    await settle()
    assert slow.names == ["a0"]
    assert slow.ended_at == 1
    assert quick.names == ["a0", "a1"]


async def test_changes_of_others_are_passed_over_however_many_they_are(house: _House) -> None:
    client = _Client()
    await house.join("n", client)
    house.put("m", *(f"b{number}" for number in range(250)))
    await settle()
    house.put("n", "a0")
    await settle()
    assert client.names == ["a0"]
    assert client.ended_at == -1


async def test_who_has_much_before_him_goes_on_alone(house: _House) -> None:
    client = _Client()
    await house.join("n", client)
    house.put("n", *(f"{number:02}" for number in range(150)))
    await settle()
    assert len(client.names) == 100
    assert client.ended_at == 100


async def test_who_is_too_late_is_let_go_where_he_is(house: _House) -> None:
    client = _Client()
    await house.join("n", client)
    house.put("n", *(f"{number:02}" for number in range(301)))
    await settle()
    assert client.got == b""
    assert client.ended_at == 0


async def test_a_compaction_lets_go_of_those_who_have_not_seen_all(house: _House) -> None:
    client, other = _Client(), _Client()
    await house.join("n", client)
    await house.join("m", other)
    house.put("n", "a0")
    house.store.compact()
    await settle()
    assert client.ended_at == 0
    assert other.ended_at == -1


async def test_what_is_kept_in_another_version_is_not_told_from_here(house: _House) -> None:
    client = _Client()
    await house.join("n", client)
    house.put("n", "a0", version="v1beta1")
    await settle()
    assert client.got == b""
    assert client.ended_at == 0


async def test_at_its_time_one_is_let_go(house: _House, autojump_clock: object) -> None:
    client = _Client()
    await house.join("n", client, until=trio.current_time() + 60)
    house.put("n", "a0")
    await trio.sleep(61)
    assert client.names == ["a0"]
    assert client.ended_at == 1


async def test_who_leaves_is_sent_nothing_more(house: _House) -> None:
    client = _Client()
    leaving = await house.join("n", client)
    leaving.cancel()
    await settle()
    house.put("n", "a0")
    await settle()
    assert client.got == b""
    again = _Client()
    await house.join("n", again)
    house.put("n", "a1")
    await settle()
    assert again.names == ["a1"]
