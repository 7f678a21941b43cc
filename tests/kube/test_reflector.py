import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from tests.support.kube_api import FOR_EVER, ScriptedKubeApi, event, expired, item, page
from trio.testing import MockClock

from kthena_router.api.kinds import MODEL_ROUTE, POD, Kind
from kthena_router.concurrency.published import Published
from kthena_router.kube.client import (
    Forbidden,
    Gone,
    KubeError,
    Missing,
    Unauthorized,
    Unavailable,
)
from kthena_router.kube.reflector import Reflector
from kthena_router.kube.tables import ObjectTable

PODS = "/api/v1/pods"
ROUTES = "/apis/networking.serving.volcano.sh/v1alpha1/modelroutes"
GROUP_VERSION = "networking.serving.volcano.sh/v1alpha1"
DOWN = Unavailable(0, "connection refused")
NO_CRD = Missing(404, "404 page not found")
CRD_AGAIN = "modelroutes: listed and watched again"


@asynccontextmanager
async def reflecting(api: ScriptedKubeApi, kind: Kind[Any] = POD) -> AsyncIterator[ObjectTable]:
    table = ObjectTable(kind, Published(object()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Reflector(api, table, lambda: 0.0).run)
        yield table
        nursery.cancel_scope.cancel()


def names(table: ObjectTable) -> list[str]:
    return sorted(key.name for key in table.objects)


def versions(api: ScriptedKubeApi) -> list[str]:
    """Return from where each watch was opened."""
    return [one.params["resourceVersion"] for one in api.said("WATCH")]


def serve(api: ScriptedKubeApi, *groups: str) -> None:
    """Let discovery say that *groups* are served, with ModelRoutes in them."""
    api.on("GET", "/apis", {"groups": [{"versions": [{"groupVersion": one}]} for one in groups]})
    api.on("GET", f"/apis/{GROUP_VERSION}", {"resources": [{"name": "modelroutes"}]})


async def test_watch_goes_on_where_the_list_ended(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a", "3")], version="7"))
    async with reflecting(api) as table:
        await trio.sleep(1)

        assert ["a"] == names(table)
        (listed,), (watched,) = api.said("GET"), api.said("WATCH")
        assert {"limit": "500"} == listed.params
        assert {
            "watch": "true",
            "resourceVersion": "7",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "261",
        } == watched.params
        # The server ends the watch; where it does not, silence does a little later.
        assert 281 == watched.body


async def test_events_are_followed(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a", "3"), item("b", "4")], version="7"))
    events = (
        event("ADDED", "c", "8"),
        event("MODIFIED", "a", "9", status={"podIP": "127.1.0.9"}),
        event("DELETED", "b", "10"),
    )
    api.on_watch(PODS, (*events, FOR_EVER))
    async with reflecting(api) as table:
        await trio.sleep(1)

        found = {key.name: one.status.pod_ip for key, one in table.objects.items()}
        assert {"a": "127.1.0.9", "c": ""} == found


async def test_pages_are_put_together(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7", more="t1"), page([item("b")], "7"))
    async with reflecting(api) as table:
        await trio.sleep(1)

        assert ["a", "b"] == names(table)
        assert [{"limit": "500"}, {"limit": "500", "continue": "t1"}] == [
            one.params for one in api.said("GET")
        ]


async def test_half_a_list_changes_nothing(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    half = page([item("new")], "9", more="t1")
    api.on("GET", PODS, page([item("a")]), half, DOWN, half, DOWN, page([item("b")], "9"))
    api.on_watch(PODS, (expired(),), (FOR_EVER,))
    async with reflecting(api) as table:
        await trio.sleep(0.9)
        assert ["a"] == names(table)
        assert 3 == len(api.said("GET"))

        await trio.sleep(3)
        assert ["b"] == names(table)


async def test_expired_page_makes_the_list_come_in_one_piece(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    whole = page([item("a"), item("b")], "9")
    api.on("GET", PODS, page([item("a")], "7", more="t1"), Gone(410, "too old"), whole)
    async with reflecting(api) as table:
        await trio.sleep(0.1)

        assert ["a", "b"] == names(table)
        assert {} == api.said("GET")[-1].params
        assert ["9"] == versions(api)


@pytest.mark.parametrize("gone", [expired(), Gone(410, "too old")], ids=["event", "status"])
async def test_history_that_is_gone_is_listed_anew_at_once(
    autojump_clock: MockClock, gone: Any
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"), page([item("b")], "9"))
    api.on_watch(PODS, (DOWN,), (DOWN,), (DOWN,), (gone,), (FOR_EVER,))
    async with reflecting(api) as table:
        await trio.sleep(3.6)  # 0.5 + 1 + 2 s of outage

        assert ["b"] == names(table)
        assert [0.0, 3.5] == api.times("GET")
        assert ["7", "7", "7", "7", "9"] == versions(api)


async def test_history_that_is_always_gone_is_asked_for_less_and_less(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"))
    api.on_watch(PODS, (expired(),))
    async with reflecting(api):
        await trio.sleep(60)

    assert len(api.asked) <= 55
    assert ["pods: watch pods: the history is gone"] == caplog.messages


async def test_watch_that_the_server_ends_is_resumed(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"))
    api.on_watch(
        PODS, (event("BOOKMARK", version="12"), 261.0), (event("ADDED", "b", "13"), FOR_EVER)
    )
    async with reflecting(api) as table:
        await trio.sleep(262)

        assert ["a", "b"] == names(table)
        assert ["7", "12"] == versions(api)
        assert 1 == len(api.said("GET"))


async def test_watch_that_brought_nothing_at_all_is_not_trusted(autojump_clock: MockClock) -> None:
    # A server that was restored to an older version waits in silence for ours to come.
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "700"), page([item("b")], "60"))
    api.on_watch(PODS, (261.0,), (FOR_EVER,))
    async with reflecting(api) as table:
        await trio.sleep(262)

        assert ["b"] == names(table)
        assert ["700", "60"] == versions(api)


@pytest.mark.parametrize("kind", ["BOOKMARK", "ADDED"])
async def test_server_that_has_lost_its_history_is_listed_anew(
    autojump_clock: MockClock, kind: str
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "700"), page([item("b")], "60"))
    api.on_watch(PODS, (60.0, event(kind, "c", "60"), FOR_EVER), (FOR_EVER,))
    async with reflecting(api) as table:
        await trio.sleep(65)

        assert ["b"] == names(table)


async def test_watch_that_is_closed_at_once_is_opened_less_and_less(
    autojump_clock: MockClock,
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"))
    api.on_watch(PODS, ())
    async with reflecting(api):
        await trio.sleep(60)

    assert [0.0, 0.5, 1.5, 3.5, 6.0, 8.5] == api.times("WATCH")[:6]
    assert 1 == len(api.said("GET"))


async def test_outage_is_outlasted_and_followed_by_what_was_missed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"))
    api.on_watch(PODS, (20.0, DOWN), *[(DOWN,)] * 30, (event("ADDED", "b", "8"), FOR_EVER))
    async with reflecting(api) as table:
        await trio.sleep(60)
        assert ["a"] == names(table)
        assert ["7"] * len(versions(api)) == versions(api)

        await trio.sleep(40)
        assert ["a", "b"] == names(table)
        assert 1 == len(api.said("GET"))
        pauses = [later - sooner for sooner, later in itertools.pairwise(api.times("WATCH"))]
        assert [20.5, 1.0, 2.0, *[2.5] * 28] == pauses
    assert [] == caplog.messages  # the client says it once for all


@pytest.mark.parametrize(
    "line",
    [
        b"<html>busy</html>",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":null}',
        b'{"type":"ADDED","object":{"metadata":{"resourceVersion":7}}}',
        b'{"type":"SYNCED","object":{}}',
        b'{"type":"ERROR","object":{"code":500,"message":"etcdserver: no leader"}}',
        b'{"type":"ERROR","object":{}}',
        b"\xff\xfe",
    ],
)
async def test_line_that_cannot_be_used_leads_to_a_new_list(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"), page([item("b")], "9"))
    api.on_watch(
        PODS,
        (5.0, line, event("ADDED", "after", "8"), FOR_EVER),
        (event("BOOKMARK", version="10"), FOR_EVER),
    )
    async with reflecting(api) as table:
        await trio.sleep(5.5)
        assert ["a"] == names(table)

        await trio.sleep(5)
        assert ["b"] == names(table)
    (message,) = caplog.messages
    assert message.startswith("pods: watch pods: ")


async def test_html_instead_of_a_list_is_said_once_and_forgets_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = ScriptedKubeApi()
    html = b"<html>log in here</html>"
    api.on("GET", PODS, page([item("a")], "7"), *[html] * 10, page([item("b")], "9"))
    api.on_watch(PODS, (expired(),), (event("BOOKMARK", version="9"), FOR_EVER))
    async with reflecting(api) as table:
        await trio.sleep(20)
        assert ["a"] == names(table)

        await trio.sleep(40)
        assert ["b"] == names(table)
    assert [
        "pods: list pods: an answer that cannot be read: JSON is malformed: invalid character (byte 0)",
        "pods: listed and watched again",
    ] == caplog.messages


async def test_html_instead_of_a_watch_is_said_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"))
    api.on_watch(PODS, (b"<html>",))
    async with reflecting(api) as table:
        await trio.sleep(120)

        assert ["a"] == names(table)
    assert 1 == len(caplog.messages)
    assert len(api.said("WATCH")) <= 30


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "pods is forbidden"), KubeError(422, "bad"), KubeError(500, "etcd is slow")],
    ids=["403", "422", "500"],
)
async def test_refusal_is_said_once_and_so_is_its_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, refusal: KubeError
) -> None:
    caplog.set_level("INFO")
    api = ScriptedKubeApi()
    api.on("GET", PODS, *[refusal] * 8, page([item("a")], "7"))
    api.on_watch(PODS, (event("BOOKMARK", version="8"), FOR_EVER))
    async with reflecting(api) as table:
        await trio.sleep(60)

        assert ["a"] == names(table)
        assert [0.0, 1.0, 3.0, 7.0, 12.0, 17.0] == api.times("GET")[:6]
    assert [f"pods: {refusal}", "pods: listed and watched again"] == caplog.messages


@pytest.mark.parametrize(
    ("refusal", "resumed"),
    [
        (Unauthorized(401, "no"), True),
        (Unavailable(429, "slowly"), True),
        (KubeError(500, "no"), True),
        (Unavailable(503, "no"), True),
        (KubeError(400, "no"), False),
        (Forbidden(403, "no"), False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_refused_watch_is_resumed_unless_its_version_may_be_the_reason(
    autojump_clock: MockClock, refusal: KubeError, resumed: bool
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"), page([item("b")], "9"))
    api.on_watch(PODS, (refusal,), (FOR_EVER,))
    async with reflecting(api) as table:
        await trio.sleep(10)

        assert (["a"] if resumed else ["b"]) == names(table)
        assert ["7", "7" if resumed else "9"] == versions(api)


async def test_kind_that_alone_is_refused_for_long_is_said(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, Unavailable(503, "storage is (re)initializing"))
    async with reflecting(api) as table:
        await trio.sleep(15)
        assert [] == caplog.messages

        await trio.sleep(60)
        assert not table.listed
    assert ["pods: storage is (re)initializing"] == caplog.messages


async def test_kind_without_a_crd_counts_as_empty_until_it_comes(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = ScriptedKubeApi()
    serve(api, "apps/v1")
    api.on("GET", ROUTES, *[NO_CRD] * 8, page(version="7"))
    api.on_watch(ROUTES, (event("BOOKMARK", version="8"), FOR_EVER))
    async with reflecting(api, MODEL_ROUTE) as table:
        await trio.sleep(4)
        assert (False, True) == (table.listed, table.served)

        await trio.sleep(6)
        assert (True, False) == (table.listed, table.served)

        await trio.sleep(30)
        assert (True, True) == (table.listed, table.served)
    assert [
        "modelroutes: the cluster does not know this kind; waiting for its CRD",
        CRD_AGAIN,
    ] == caplog.messages
    assert 1 == len([one for one in api.asked if one.path == "/apis"])


async def test_kind_whose_crd_is_removed_is_emptied_after_a_while(
    autojump_clock: MockClock,
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", "/apis", {"groups": [{"versions": [{"groupVersion": GROUP_VERSION}]}]})
    api.on("GET", f"/apis/{GROUP_VERSION}", {"resources": [{"name": "modelservers"}]})
    api.on("GET", ROUTES, page([item("r", spec={"modelName": "m", "rules": []})], "7"), NO_CRD)
    api.on_watch(ROUTES, (30.0,), (NO_CRD,))
    async with reflecting(api, MODEL_ROUTE) as table:
        await trio.sleep(33)
        assert ["r"] == names(table)

        await trio.sleep(10)
        assert ([], False) == (names(table), table.served)


@pytest.mark.parametrize(
    "discovery",
    [b"<html>404 Not Found</html>", NO_CRD, Unavailable(503, "starting")],
    ids=["html", "404", "503"],
)
async def test_404_that_discovery_does_not_confirm_forgets_nothing(
    autojump_clock: MockClock, discovery: Any
) -> None:
    # As of a load balancer in front of API servers that are all away.
    api = ScriptedKubeApi()
    api.on("GET", "/apis", discovery)
    api.on("GET", ROUTES, page([item("r", spec={"modelName": "m", "rules": []})], "7"), NO_CRD)
    api.on_watch(ROUTES, (30.0,), (NO_CRD,))
    async with reflecting(api, MODEL_ROUTE) as table:
        await trio.sleep(300)

        assert ["r"] == names(table)


async def test_404_of_a_kind_that_discovery_knows_forgets_nothing_and_is_said(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    serve(api, GROUP_VERSION)
    api.on("GET", ROUTES, page([item("r", spec={"modelName": "m", "rules": []})], "7"), NO_CRD)
    api.on_watch(ROUTES, (30.0,), (NO_CRD,))
    async with reflecting(api, MODEL_ROUTE) as table:
        await trio.sleep(300)

        assert ["r"] == names(table)
    assert ["modelroutes: 404 page not found"] == caplog.messages


async def test_passing_404_is_no_news(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on(
        "GET",
        ROUTES,
        page([item("r", spec={"modelName": "m", "rules": []})], "7"),
        NO_CRD,
        NO_CRD,
        page([item("q", spec={"modelName": "m", "rules": []})], "9"),
    )
    api.on_watch(ROUTES, (30.0,), (NO_CRD,), (FOR_EVER,))
    async with reflecting(api, MODEL_ROUTE) as table:
        await trio.sleep(60)

        assert ["q"] == names(table)
    assert [] == caplog.messages


async def test_core_kind_that_is_not_found_forgets_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"), Missing(404, "not here"))
    api.on_watch(PODS, (30.0,), (Missing(404, "not here"),))
    async with reflecting(api) as table:
        await trio.sleep(300)

        assert ["a"] == names(table)
    assert ["pods: not here"] == caplog.messages


async def test_object_that_cannot_be_read_stops_no_other(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a"), {"metadata": {}}, item("b")], "7"))
    api.on_watch(
        PODS,
        (
            event("ADDED", "c", "8", status=[]),
            {"type": "ADDED", "object": {}},
            event("ADDED", "d", "9"),
            FOR_EVER,
        ),
    )
    async with reflecting(api) as table:
        await trio.sleep(2)

        assert ["a", "b", "d"] == names(table)
        assert ["?", "c"] == sorted(key.name for key in table.undecodable)
    assert 1 == len(api.said("WATCH"))


async def test_list_without_items_or_version_is_an_empty_one(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, {"metadata": {}, "items": None})
    api.on_watch(PODS, (event("ADDED", "a", "8"), FOR_EVER))
    async with reflecting(api) as table:
        await trio.sleep(1)

        assert (True, ["a"]) == (table.listed, names(table))
        assert [""] == versions(api)


async def test_fault_of_our_own_is_followed_by_a_list(autojump_clock: MockClock) -> None:
    api = ScriptedKubeApi()
    api.on("GET", PODS, page([item("a")], "7"), page([item("b")], "9"))
    api.on_watch(PODS, (RuntimeError("a bug"),), (FOR_EVER,))
    table = ObjectTable(POD, Published(object()))
    reflector = Reflector(api, table, lambda: 0.0)
    with pytest.raises(RuntimeError, match="a bug"):
        await reflector.run()
    with trio.move_on_after(1):
        await reflector.run()

    assert ["b"] == names(table)
