import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import trio
from tests.support.kube_api import Asked, StoringKubeApi, item
from trio.testing import MockClock

from kthena_router.api.kinds import MODEL_SERVER, Kind, watched_kinds
from kthena_router.concurrency.published import Published
from kthena_router.concurrency.supervision import Backoff, run_forever
from kthena_router.kube.client import Forbidden, KubeError, Missing, Unavailable, Unreadable
from kthena_router.kube.compiler import Compiler
from kthena_router.kube.status_writer import StatusWriter
from kthena_router.kube.tables import Tables, read_entry
from kthena_router.routing.gateways import PortState, PortStates
from kthena_router.routing.snapshot import EMPTY_SNAPSHOT, RoutingOptions, Snapshot

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FOLDER = "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/default"
SERVER = f"{FOLDER}/modelservers/s"
STATUS = f"{SERVER}/status"
CLASS = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/kthena-router"
KINDS = watched_kinds(gateway_api=True)
ROUTE = f"{FOLDER}/modelroutes/r"
DOWN = Unavailable(0, "connection refused")


class House:
    """A status writer with what it stands on; the watch shows each change at once while *watching*."""

    def __init__(self, api: StoringKubeApi) -> None:
        self.api = api
        self.watching = True
        self.leading = Published(True)
        self.tables = Tables(KINDS)
        for table in self.tables.by_kind.values():
            table.replace(())
        self.ports: Published[PortStates] = Published({})
        api.on_change = self._show
        options = RoutingOptions(gateway_api=True, default_port=8080)
        snapshots: Published[Snapshot] = Published(EMPTY_SNAPSHOT)
        self.compiler = Compiler(self.tables, options, snapshots)
        self.writer = StatusWriter(
            api,
            self.tables,
            self.compiler,
            snapshots,
            self.ports,
            options=options,
            wall_clock=lambda: EPOCH + timedelta(seconds=trio.current_time()),
            chance=lambda: 0.0,
            leading=self.leading,
        )

    def _show(self, path: str, body: dict[str, Any]) -> None:
        if self.watching:
            kind = _kind_of(path)
            entry = read_entry(kind, msgspec.Raw(msgspec.json.encode(body)))
            self.tables.by_kind[kind].upsert(entry)

    def catch_up(self) -> None:
        """Let the watch show what it has not."""
        self.watching = True
        for path, body in self.api.objects.items():
            self._show(path, body)

    def put(self, path: str, spec: dict[str, Any] | None = None, **fields: Any) -> None:
        """Create or change an object; a new *spec* is a new generation."""
        name = path.rpartition("/")[2]
        namespace = "" if path == CLASS else "default"
        body = {**item(name), "metadata": {"name": name, "namespace": namespace}}
        before = self.api.objects.get(path, {"metadata": {"generation": 0}})
        generation = before["metadata"].get("generation", 0) + (spec is not None)
        body = {**before, **body, **({"spec": spec} if spec is not None else {}), **fields}
        body["metadata"]["generation"] = generation
        self.api.put(path, body)

    def put_server(self, name: str = "s", **spec: Any) -> None:
        selector = {"matchLabels": {"app": name}}
        port = {"port": 8000}
        self.put(
            f"{FOLDER}/modelservers/{name}",
            {"workloadPort": port, "workloadSelector": selector, **spec},
        )

    def put_pod(self, name: str, app: str = "s", *, ready: bool = True) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        status = {"phase": "Running", "podIP": "127.1.0.1", "conditions": [condition]}
        meta = {"name": name, "namespace": "default", "labels": {"app": app}}
        self.api.put(
            f"/api/v1/namespaces/default/pods/{name}", {"metadata": meta, "status": status}
        )

    def status(self, path: str = SERVER) -> dict[str, Any]:
        found: dict[str, Any] = self.api.objects[path].get("status") or {}
        return found

    def condition(self, kind: str, path: str = SERVER) -> dict[str, Any]:
        found = [one for one in self.status(path)["conditions"] if one["type"] == kind]
        assert 1 == len(found)
        return dict(found[0])

    def writes(self, path: str = STATUS) -> list[Asked]:
        return [one for one in self.api.asked if one.method == "PATCH" and one.path == path]


def _kind_of(path: str) -> Kind[Any]:
    return next(kind for kind in KINDS if f"/{kind.plural}/" in path)


@asynccontextmanager
async def opened(api: StoringKubeApi | None = None) -> AsyncIterator[House]:
    house = House(api or StoringKubeApi())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.compiler.run)
        nursery.start_soon(house.writer.run)
        yield house
        nursery.cancel_scope.cancel()


def of_writing(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, without what the statuses themselves say."""
    conditions = (" is not Ready: ", " is not Accepted: ")
    return [one for one in caplog.messages if not any(said in one for said in conditions)]


def pruning(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda status: {name: value for name, value in status.items() if name not in names}


async def test_status_is_written_on_top_of_the_version_it_was_made_for(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        house.put_pod("p")
        house.put_server()
        await trio.sleep(1)

        (write,) = house.writes()
        assert {"fieldManager": "kthena-router"} == write.params
        assert "application/merge-patch+json" == write.content_type
        assert {"resourceVersion": "102"} == write.body["metadata"]
        assert {
            "observedGeneration": 1,
            "readyEndpoints": 1,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "EndpointsReady",
                    "message": "1 endpoints are ready",
                    "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
                {
                    "type": "Accepted",
                    "status": "True",
                    "reason": "Accepted",
                    "message": "",
                    "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
            ],
        } == house.status()


async def test_log_says_what_a_status_says_and_when_it_is_over(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.put_server()
        await trio.sleep(1)
        house.put_server(kvConnector={"type": "nixl"})  # the status changes, this trouble does not
        await trio.sleep(1)
        assert [
            "ModelServer default/s is not Ready: NoEndpoints: no ready pod is selected",
            (
                "ModelServer default/s is not Supported: NotImplemented: "
                "not in this version, and without effect: spec.kvConnector"
            ),
        ] == caplog.messages

        caplog.clear()
        with caplog.at_level(logging.INFO, "kthena_router.kube.status_writer"):
            house.put_pod("p")
            await trio.sleep(1)

        assert ["ModelServer default/s is not Ready: no longer"] == caplog.messages


async def test_what_has_not_changed_is_not_written(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        await trio.sleep(1)
        for number in range(100):
            house.put_pod(f"other-{number}", app="other")
            house.ports.publish({})
            await trio.sleep(1)

        assert 1 == len(house.writes())


async def test_time_moves_only_where_a_condition_flips(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        await trio.sleep(10)
        house.put_pod("p")
        await trio.sleep(10)
        house.put_server(inferenceEngine="SGLang")
        await trio.sleep(10)

        ready, accepted = house.condition("Ready"), house.condition("Accepted")
        assert ("True", "2026-01-01T00:00:10Z", 2) == (
            ready["status"],
            ready["lastTransitionTime"],
            ready["observedGeneration"],
        )
        assert ("2026-01-01T00:00:00Z", 2) == (
            accepted["lastTransitionTime"],
            accepted["observedGeneration"],
        )
        assert 3 == len(house.writes())


async def test_what_others_say_in_a_status_is_kept(autojump_clock: MockClock) -> None:
    async with opened() as house:
        other = {"type": "theirs.example/Fine", "status": "True", "reason": "Fine", "message": ""}
        house.put_server()
        house.put(SERVER, status={"theirs": {"x": 1}, "conditions": [other]})
        await trio.sleep(1)

        assert {"x": 1} == house.status()["theirs"]
        assert other == house.condition("theirs.example/Fine")
        assert "False" == house.condition("Ready")["status"]


async def test_only_the_holder_of_the_lease_writes(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.leading.publish(False)
        house.put_server()
        await trio.sleep(10)
        assert [] == house.writes()

        house.leading.publish(True)
        await trio.sleep(1)
        assert 1 == len(house.writes())


async def test_holder_that_loses_the_lease_stops_in_the_middle_of_a_round(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        house.api.delay = 0.2
        for number in range(50):
            house.put_server(f"s{number}")
        await trio.sleep(3)
        house.leading.publish(False)
        before = house.api.count("PATCH")
        await trio.sleep(10)

        assert 10 <= before <= 20
        assert house.api.count("PATCH") <= before + 1  # the one that was under way


async def test_round_goes_on_with_the_news(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.api.delay = 0.2
        for number in range(100):
            house.put_server(f"s{number}")
        await trio.sleep(5)
        assert house.api.count("PATCH") < 30
        house.put_pod("p", app="s99")
        for _ in range(50):
            house.put_pod("q", app="none", ready=bool(trio.current_time() % 2 < 1))
            await trio.sleep(0.3)
        await trio.sleep(2)

        # Everybody had a turn, and none with what was so when the round began.
        assert 100 == house.api.count("PATCH")
        assert 1 == house.status(f"{FOLDER}/modelservers/s99")["readyEndpoints"]


async def test_gateways_come_first(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.api.delay = 0.2
        for number in range(100):
            house.put_server(f"s{number}")
        await trio.sleep(5)
        house.put(CLASS, {"controllerName": "volcano.sh/kthena-router"})
        await trio.sleep(1)

        assert "True" == house.condition("Accepted", CLASS)["status"]
        assert house.api.count("PATCH") < 40


async def test_overtaken_write_waits_for_the_watch(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        house.watching = False
        house.put(SERVER, {"inferenceEngine": "SGLang"})
        await trio.sleep(30)
        assert 1 == len(house.writes())
        assert {} == house.status()

        house.catch_up()
        await trio.sleep(1)
        assert 2 == house.status()["observedGeneration"]


async def test_slow_watch_makes_no_second_write(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        house.watching = False
        for _ in range(20):
            house.ports.publish({})
            await trio.sleep(1)
        house.catch_up()
        await trio.sleep(1)

        assert 1 == len(house.writes())


async def test_write_whose_answer_was_lost_is_not_made_twice(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.api.lost = DOWN
        house.put_server()
        await trio.sleep(30)

        assert 1 == len(house.writes())


async def test_status_of_a_newer_generation_is_left(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        newer = {"type": "Ready", "status": "True", "observedGeneration": 2}
        house.put(SERVER, status={"conditions": [newer]})
        await trio.sleep(10)

        assert [] == house.writes()


async def test_status_of_another_object_of_the_name_is_left(autojump_clock: MockClock) -> None:
    async with opened() as house:
        house.put_server()
        await trio.sleep(1)
        house.api.asked.clear()
        found = house.api.objects[SERVER]
        table = house.tables.by_kind[MODEL_SERVER]
        other = {**found, "metadata": {**found["metadata"], "uid": "other"}, "status": {}}
        entry = read_entry(MODEL_SERVER, msgspec.Raw(msgspec.json.encode(other)))
        table.objects[entry.key] = entry.object  # and the compiler has not seen it yet
        house.ports.publish({8080: PortState(8080, open=True)})
        await trio.sleep(1)

        assert [] == house.writes()


async def test_outage_is_outlasted(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", ""] = DOWN
        house.put_server()
        house.put_server("t")
        await trio.sleep(60)
        assert 25 <= len(house.api.asked) <= 40
        assert house.writes()
        assert house.writes(f"{FOLDER}/modelservers/t/status")

        del house.api.refusals["PATCH", ""]
        await trio.sleep(2.2)
        assert house.status()
    assert [] == of_writing(caplog)  # the client says it once for all


async def test_object_that_is_refused_holds_no_other_up(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", STATUS] = KubeError(422, "too many conditions")
        house.put_server()
        house.put_server("t")
        await trio.sleep(63.5)

        assert house.status(f"{FOLDER}/modelservers/t")
        assert [0, 1, 3, 7, 15, 31, 63] == [int(one.at) for one in house.writes()]
    assert [
        "the status of ModelServer default/s was not written: too many conditions"
    ] == of_writing(caplog)


async def test_kind_that_is_forbidden_is_said_once_and_asked_for_seldom(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", ""] = Forbidden(403, "no role for modelservers/status")
        for number in range(100):
            house.put_server(f"s{number}")
        await trio.sleep(600)
        assert house.api.count("PATCH") <= 20

        del house.api.refusals["PATCH", ""]
        await trio.sleep(120)
        assert all(house.status(path) for path in house.api.objects)
    assert 1 == len(of_writing(caplog))
    assert of_writing(caplog)[0].endswith("was not written: no role for modelservers/status")


async def test_answer_that_is_not_the_apis_is_said(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", STATUS] = Unreadable(0, "an answer that cannot be read")
        house.put_server()
        await trio.sleep(60)

        assert len(house.writes()) <= 7
    assert 1 == len(of_writing(caplog))


async def test_status_that_the_crd_drops_is_said_once_and_tried_twice_a_minute(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    # As with the CRDs of the original, whose status is an object without fields.
    async with opened(StoringKubeApi(prune=lambda status: {})) as house:
        house.put_server()
        house.put_server("t")
        await trio.sleep(10)
        house.put_server(inferenceEngine="SGLang")
        house.put_server("u")
        house.put_pod("p")
        await trio.sleep(600)

        assert 21 == house.api.count("PATCH")
    (message,) = of_writing(caplog)
    assert message.startswith(
        "the cluster's CRD of ModelServer does not keep conditions, observedGeneration of the status"
    )


async def test_crd_that_drops_the_status_of_one_kind_leaves_the_others(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def prune(status: dict[str, Any]) -> dict[str, Any]:
        return status if "parents" in status else {}

    async with opened(StoringKubeApi(prune=prune)) as house:
        house.put_server()
        house.put(ROUTE, {"modelName": "m", "rules": []})
        await trio.sleep(10)

        assert "False" == house.condition("Accepted", ROUTE)["status"]
    assert 1 == len(of_writing(caplog))


async def test_field_that_the_crd_drops_does_not_keep_the_rest_from_being_written(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(StoringKubeApi(prune=pruning("readyEndpoints"))) as house:
        house.put_server()
        house.put_pod("p")
        await trio.sleep(10)
        house.put_pod("p", ready=False)
        await trio.sleep(10)
        house.put_pod("p")
        await trio.sleep(60)

        assert "True" == house.condition("Ready")["status"]
        assert len(house.writes()) <= 6
    assert 1 == len(of_writing(caplog))
    assert "does not keep readyEndpoints of the status" in of_writing(caplog)[0]


async def test_status_that_the_api_keeps_altering_is_left_to_it(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def prune(status: dict[str, Any]) -> dict[str, Any]:
        kept = [pruning("observedGeneration")(one) for one in status.get("conditions", ())]
        return {**status, "conditions": kept}

    async with opened(StoringKubeApi(prune=prune)) as house:
        house.put_server()
        house.put_server("t")
        await trio.sleep(600)
        assert 2 == len(house.writes())

        house.put_pod("p")
        await trio.sleep(10)
        assert "True" == house.condition("Ready")["status"]
        assert 4 == len(house.writes())
    assert 1 == len(of_writing(caplog))
    assert "as it is written: it is left as the API has it" in of_writing(caplog)[0]


async def test_crd_without_a_status_subresource_is_said_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", STATUS] = Missing(404, "404 page not found")
        house.put_server()
        await trio.sleep(600)

        assert 20 == len(house.writes())
    assert 1 == len(of_writing(caplog))
    assert "the cluster's CRD of ModelServer does not keep conditions" in of_writing(caplog)[0]


async def test_crds_that_are_put_in_order_get_the_status_without_a_restart(
    autojump_clock: MockClock,
) -> None:
    async with opened(StoringKubeApi(prune=lambda status: {})) as house:
        house.put_server()
        house.put_server("t")
        house.api.refusals["PATCH", f"{ROUTE}/status"] = Missing(404, "404 page not found")
        house.put(ROUTE, {"modelName": "m", "rules": []})
        await trio.sleep(100)
        assert ({}, {}) == (house.status(), house.status(ROUTE))

        house.api.prune = lambda status: status
        house.api.refusals.clear()
        await trio.sleep(31)

        for path in (SERVER, f"{FOLDER}/modelservers/t", ROUTE):
            assert (
                "False" == house.condition("Accepted" if path == ROUTE else "Ready", path)["status"]
            )


async def test_object_that_is_gone_is_no_matter(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.put_server()
        del house.api.objects[SERVER]
        await trio.sleep(60)
        house.put_server("t")
        await trio.sleep(1)

        assert 1 == len(house.writes())
        assert house.status(f"{FOLDER}/modelservers/t")
    assert [] == of_writing(caplog)


async def test_refusal_to_tell_why_an_object_is_missing_ends_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened() as house:
        house.api.refusals["PATCH", STATUS] = Missing(404, "404 page not found")
        house.api.refusals["GET", SERVER] = KubeError(500, "etcd is slow")
        house.put_server()
        house.put_server("t")
        await trio.sleep(10)

        assert house.status(f"{FOLDER}/modelservers/t")
    assert ["the status of ModelServer default/s was not written: etcd is slow"] == of_writing(
        caplog
    )


async def test_rival_who_writes_over_a_status_is_not_fought_for_long(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        show = house.api.on_change

        def overwrite(path: str, body: dict[str, Any]) -> None:
            show(path, body)
            if (body.get("status") or {}).get("conditions"):
                house.api.put(path, {**body, "status": {"conditions": [], "theirs": True}})

        house.api.on_change = overwrite
        house.put_server()
        await trio.sleep(100)

        assert len(house.writes()) <= 16


async def test_fault_over_one_object_leaves_the_others_their_status(
    autojump_clock: MockClock,
) -> None:
    house = House(StoringKubeApi())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.compiler.run)
        house.put_server()
        house.put(SERVER, status={"conditions": [1]})  # no schema allows this
        for name in "tuv":
            house.put_server(name)
        with trio.move_on_after(5):
            await run_forever(
                house.writer.run, retry_on=Exception, backoff=Backoff(), chance=lambda: 0.0
            )

        assert all(house.status(f"{FOLDER}/modelservers/{name}") for name in "tuv")
        nursery.cancel_scope.cancel()
