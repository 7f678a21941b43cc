from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from tests.support.kube_api import StoringKubeApi, item
from trio.testing import MockClock

from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, NAMESPACE, watched_kinds
from kthena_router.kube.bootstrap import Bootstrap
from kthena_router.kube.client import Conflict, Forbidden, KubeError, Missing, Unavailable
from kthena_router.kube.tables import Tables, read_entry, read_key
from kthena_router.settings import Settings

CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/kthena-system/gateways"
CLASS = f"{CLASSES}/kthena-router"
GATEWAY_PATH = f"{GATEWAYS}/default"


class House:
    """The bootstrap with its tables; the watch shows each change at once while *watching*."""

    def __init__(self) -> None:
        self.api = StoringKubeApi()
        self.api.on_change = self.show
        self.watching = True
        self.tables = Tables(watched_kinds(gateway_api=True))
        settings = Settings(gateway_api=True, namespace="kthena-system", port=8080)
        self.bootstrap = Bootstrap(self.api, self.tables, settings, lambda: 0.0)

    def list_all(self) -> None:
        for table in self.tables.by_kind.values():
            table.replace(())

    def show(self, path: str, body: dict[str, Any]) -> None:
        if self.watching:
            kind = GATEWAY if "/gateways/" in path else GATEWAY_CLASS
            self.tables.by_kind[kind].upsert(read_entry(kind, _raw(body)))

    def delete(self, path: str) -> None:
        body = self.api.objects.pop(path)
        kind = GATEWAY if "/gateways/" in path else GATEWAY_CLASS
        self.tables.by_kind[kind].delete(read_key(_raw(body)))

    def posts(self) -> list[str]:
        return [one.path for one in self.api.asked if one.method == "POST"]

    def news(self) -> None:
        """Let something happen that has nothing to do with it."""
        self.tables.changes.publish(object())


def _raw(body: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(body))


@asynccontextmanager
async def opened() -> AsyncIterator[House]:
    house = House()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.bootstrap.run)
        yield house
        nursery.cancel_scope.cancel()


async def test_class_and_default_gateway_are_made(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        await trio.sleep(1)

        assert [CLASSES, GATEWAYS] == house.posts()
        made = [one.body for one in house.api.asked]
        assert {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "kthena-router"},
            "spec": {"controllerName": "volcano.sh/kthena-router"},
        } == made[0]
        assert {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "default", "namespace": "kthena-system"},
            "spec": {
                "gatewayClassName": "kthena-router",
                "listeners": [
                    {
                        "name": "default",
                        "port": 8080,
                        "protocol": "HTTP",
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        } == made[1]


async def test_nothing_is_made_before_everything_is_listed(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.tables.by_kind[GATEWAY].replace(())
        house.tables.by_kind[GATEWAY_CLASS].replace(())
        await trio.sleep(60)

        assert [] == house.posts()


async def test_a_gateway_without_the_port_of_the_flag_is_told_about_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.list_all()
        listeners = [{"name": "default", "port": 8000, "protocol": "HTTP"}]
        spec = {"gatewayClassName": "kthena-router", "listeners": listeners}
        meta = {"name": "default", "namespace": "kthena-system"}
        house.api.put(GATEWAY_PATH, {"metadata": meta, "spec": spec})
        for _ in range(10):
            house.news()
            await trio.sleep(1)

    (told,) = caplog.messages
    assert told.startswith("Gateway kthena-system/default has no listener on port 8080, which is")


async def test_what_is_there_is_left_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.list_all()
        other = {"controllerName": "example.com/other"}
        house.api.put(CLASS, {"metadata": {"name": "kthena-router"}, "spec": other})
        mine = {"gatewayClassName": "mine", "listeners": []}
        meta = {"name": "default", "namespace": "kthena-system"}
        house.api.put(GATEWAY_PATH, {"metadata": meta, "spec": mine})
        for _ in range(10):
            house.news()
            await trio.sleep(1)

        assert [] == house.posts()
    assert [
        "GatewayClass kthena-router belongs to example.com/other: its Gateways are not served",
        "Gateway kthena-system/default is of class mine, and is left as it is",
    ] == caplog.messages


async def test_object_that_cannot_be_read_is_there(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        house.api.put(CLASS, {"metadata": {"name": "kthena-router"}, "spec": []})
        await trio.sleep(10)

        assert [GATEWAYS] == house.posts()


async def test_what_is_deleted_comes_back_at_once(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        await trio.sleep(1)
        for _ in range(3):
            house.delete(GATEWAY_PATH)
            await trio.sleep(0.3)
            assert GATEWAY_PATH in house.api.objects

            house.delete(CLASS)
            await trio.sleep(0.3)
            assert CLASS in house.api.objects


async def test_what_is_deleted_before_it_was_looked_at_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        house.list_all()
        await trio.sleep(0.01)
        house.delete(GATEWAY_PATH)
        await trio.sleep(0.3)

        assert GATEWAY_PATH in house.api.objects


async def test_watch_that_lags_leads_to_few_requests(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        house.watching = False
        for _ in range(300):
            house.news()
            await trio.sleep(0.1)
        assert 6 == house.posts().count(GATEWAYS)  # in thirty seconds

        house.watching = True
        del house.api.objects[GATEWAY_PATH]
        await trio.sleep(5.2)  # without any news
        assert GATEWAY_PATH in house.api.objects


async def test_faster_replica_is_no_trouble(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["POST", CLASSES] = Conflict(409, "exists")
        house.list_all()
        await trio.sleep(4)

        assert [CLASSES, GATEWAYS] == house.posts()
    assert [] == caplog.messages


async def test_kind_without_a_crd_is_waited_for(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        house.tables.by_kind[GATEWAY_CLASS].missing()
        house.tables.by_kind[GATEWAY].missing()
        await trio.sleep(60)
        assert [] == house.posts()

        house.tables.by_kind[GATEWAY_CLASS].replace(())
        house.tables.by_kind[GATEWAY].replace(())
        await trio.sleep(0.3)
        assert [CLASSES, GATEWAYS] == house.posts()


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "no role"), Missing(404, "no such namespace"), KubeError(422, "invalid")],
    ids=["403", "404", "422"],
)
async def test_refusal_is_said_once_and_keeps_nothing_else_from_being_made(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, refusal: KubeError
) -> None:
    async with opened() as house:
        house.api.refusals["POST", CLASSES] = refusal
        house.list_all()
        for _ in range(600):
            house.news()
            await trio.sleep(0.1)

        assert 1 == house.posts().count(GATEWAYS)
        assert [0, 1, 3, 7, 15, 31] == [
            int(one.at) for one in house.api.asked if one.path == CLASSES
        ]
        del house.api.refusals["POST", CLASSES]
        await trio.sleep(31)
        assert CLASS in house.api.objects
    assert [f"GatewayClass or default Gateway cannot be created yet: {refusal}"] == caplog.messages


async def test_namespace_that_comes_back_is_not_waited_for(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.api.refusals["POST", GATEWAYS] = Missing(404, "no such namespace")
        house.list_all()
        await trio.sleep(60)
        tried = len(house.posts())

        house.api.refusals.clear()
        house.tables.by_kind[NAMESPACE].upsert(read_entry(NAMESPACE, _raw(item("kthena-system"))))
        await trio.sleep(0.2)

        assert GATEWAY_PATH in house.api.objects
        assert tried + 1 == len(house.posts())


async def test_it_has_settled_when_both_are_seen(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.watching = False
        house.list_all()
        await trio.sleep(1)
        assert {CLASS, GATEWAY_PATH} == house.api.objects.keys()
        assert not house.bootstrap.settled.is_set()

        house.watching = True
        for path, body in house.api.objects.items():
            house.show(path, body)
        await trio.sleep(0.2)
        assert house.bootstrap.settled.is_set()


@pytest.mark.parametrize("refusal", [Forbidden(403, "no role"), Unavailable(0, "refused")])
async def test_it_has_settled_when_they_cannot_be_made(
    autojump_clock: MockClock, refusal: KubeError
) -> None:
    async with opened() as house:
        house.api.refusals["POST", ""] = refusal
        await trio.sleep(1)
        assert not house.bootstrap.settled.is_set()

        house.list_all()
        await trio.sleep(0.2)
        assert house.bootstrap.settled.is_set()


async def test_outage_is_outlasted(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["POST", ""] = Unavailable(0, "connection refused")
        house.list_all()
        await trio.sleep(60)
        assert len(house.posts()) <= 30

        house.api.refusals.clear()
        await trio.sleep(2.6)
        assert {CLASS, GATEWAY_PATH} == house.api.objects.keys()
    assert [] == caplog.messages


async def test_gateway_of_the_same_name_elsewhere_is_another(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.list_all()
        spec = {"gatewayClassName": "kthena-router", "listeners": []}
        elsewhere = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/default"
        house.api.put(elsewhere, {**item("default"), "spec": spec})
        await trio.sleep(1)

        assert GATEWAY_PATH in house.api.objects
