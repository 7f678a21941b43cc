from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from tests.support.kube_api import item
from trio.testing import MockClock

from kthena_router.api.kinds import MODEL_SERVER, POD, watched_kinds
from kthena_router.api.meta import ObjectKey
from kthena_router.concurrency.published import Published
from kthena_router.kube.compiler import Compiler
from kthena_router.kube.tables import Entry, Tables, read_entry
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, Objects, RoutingOptions, Snapshot


class House:
    def __init__(self, make_tables: type[Tables]) -> None:
        self.tables = make_tables(watched_kinds(gateway_api=False))
        self.snapshots: Published[Snapshot] = Published(EMPTY_SNAPSHOT)
        options = RoutingOptions(gateway_api=False, default_port=8080)
        self.compiler = Compiler(self.tables, options, self.snapshots)
        self.published: list[Snapshot] = []

    def list_all(self) -> None:
        for table in self.tables.by_kind.values():
            table.replace(())

    def put_server(self, name: str) -> None:
        self.tables.by_kind[MODEL_SERVER].upsert(entry_of(MODEL_SERVER, item(name, spec={})))

    async def record(self) -> None:
        seen = EMPTY_SNAPSHOT
        while True:
            seen = await self.snapshots.wait_newer(seen)
            self.published.append(seen)

    @property
    def backends(self) -> list[str]:
        return sorted(key.name for key in self.snapshots.value.backends)


def entry_of(kind: Any, body: dict[str, Any]) -> Entry:
    return read_entry(kind, msgspec.Raw(msgspec.json.encode(body)))


@asynccontextmanager
async def opened(make_tables: type[Tables] = Tables) -> AsyncIterator[House]:
    house = House(make_tables)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.record)
        nursery.start_soon(house.compiler.run)
        yield house
        nursery.cancel_scope.cancel()


async def test_nothing_is_published_before_every_kind_is_listed(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.tables.by_kind[MODEL_SERVER].replace([entry_of(MODEL_SERVER, item("s", spec={}))])
        await trio.sleep(60)
        assert [] == house.published
        assert not house.compiler.synced.is_set()

        house.tables.by_kind[POD].replace(())
        for table in house.tables.by_kind.values():
            if not table.listed:
                table.missing()
        await trio.sleep(0.1)
        assert house.compiler.synced.is_set()
        assert ["s"] == house.backends


async def test_changes_of_a_moment_are_compiled_together(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        await trio.sleep(1)
        for number in range(100):
            house.put_server(f"s{number}")
            await trio.lowlevel.checkpoint()
        await trio.sleep(1)

        assert 100 == len(house.backends)
        assert len(house.published) <= 3


async def test_last_change_is_never_missed(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        for number in range(50):
            house.put_server(f"s{number}")
            await trio.sleep(0.05 * (number % 3))
        await trio.sleep(0.11)

        assert 50 == len(house.backends)


async def test_snapshot_and_its_objects_belong_together(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        house.put_server("a")
        await trio.sleep(1)
        house.put_server("b")

        assert ["a"] == house.backends
        assert [ObjectKey("default", "a")] == list(house.compiler.objects.model_servers)


async def test_quiet_cluster_is_compiled_once(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        await trio.sleep(3600)

        assert 1 == len(house.published)


async def test_compiling_takes_a_tenth_of_the_time_at_most(autojump_clock: MockClock) -> None:
    class ManyObjects(Tables):
        def objects(self) -> Objects:
            autojump_clock.jump(0.5)
            return super().objects()

    async with opened(ManyObjects) as house:
        house.list_all()
        for number in range(1000):
            house.put_server(f"s{number}")
            await trio.sleep(0.05)

        assert 9 <= len(house.published) <= 12  # in 50 s and what compiling took


async def test_what_the_tables_hold_can_be_waited_for(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        await house.compiler.wait_compiled()
        assert [] == house.backends

        house.put_server("s")
        await house.compiler.wait_compiled()
        assert ["s"] == house.backends
