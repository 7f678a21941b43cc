from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from hypothesis import given, settings, strategies as st
from tests.support.kube_api import StoringKubeApi
from trio.testing import MockClock

from kthena_router.kube.client import Conflict, Forbidden, KubeApi, KubeError, Missing, Unavailable
from kthena_router.kube.lease import Election

FOLDER = "/apis/coordination.k8s.io/v1/namespaces/kthena-system/leases"
LEASE = f"{FOLDER}/kthena-router"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def wall_clock() -> datetime:
    return EPOCH + timedelta(seconds=trio.current_time())


def make_election(api: KubeApi, identity: str = "me", chance: float = 0.0) -> Election:
    return Election(api, "kthena-system", identity, wall_clock, lambda: chance)


def spec(api: StoringKubeApi) -> dict[str, Any]:
    found: dict[str, Any] = api.objects[LEASE]["spec"]
    return found


def leads(election: Election) -> bool:
    return election.leading.value


def held_by(identity: str, **fields: Any) -> dict[str, Any]:
    meta = {"name": "kthena-router", "namespace": "kthena-system"}
    return {"metadata": meta, "spec": {"holderIdentity": identity, **fields}}


@asynccontextmanager
async def running(election: Election) -> AsyncIterator[trio.CancelScope]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(election.run)
        yield nursery.cancel_scope
        nursery.cancel_scope.cancel()


class Line:
    """One replica's way to the API, which can be cut or hang, or carry writes out without an answer."""

    def __init__(self, api: StoringKubeApi) -> None:
        self.api = api
        self.state = "up"

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        if self.state == "hangs":
            await trio.sleep_forever()
        if self.state == "down":
            await trio.lowlevel.checkpoint()
            raise Unavailable(0, "connection refused")
        answer = await self.api.request(method, path, **arguments)
        if self.state == "takes" and method != "GET":
            await trio.sleep_forever()
        return answer

    def open_watch(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.api.open_watch(path, params, silence=silence)


async def test_lease_is_made_and_renewed(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    election = make_election(api)
    async with running(election):
        await trio.sleep(1)
        assert leads(election)
        assert {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 0,
        } == spec(api)

        await trio.sleep(19.5)
        assert ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:20.000000Z") == (
            spec(api)["acquireTime"],
            spec(api)["renewTime"],
        )
        # What the last write answered is the next one's lock: there is nothing to read.
        assert [("GET", 1), ("POST", 1), ("PUT", 10)] == [
            (method, api.count(method)) for method in ("GET", "POST", "PUT")
        ]


async def test_lease_is_let_go_at_the_end(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    first, second = make_election(api, "first"), make_election(api, "second")
    async with running(second):
        await trio.sleep(5)
        async with running(first):
            await trio.sleep(5)
            assert (False, True) == (first.leading.value, second.leading.value)
    assert (None, 1) == (spec(api)["holderIdentity"], spec(api)["leaseDurationSeconds"])

    async with running(first):
        await trio.sleep(0.1)
        assert first.leading.value
        assert ("first", 1) == (spec(api)["holderIdentity"], spec(api)["leaseTransitions"])


async def test_replica_that_resigns_is_followed_at_once_and_stands_no_more(
    autojump_clock: MockClock,
) -> None:
    api = StoringKubeApi()
    first, second = make_election(api, "first"), make_election(api, "second")
    async with running(first):
        await trio.sleep(1)
        async with running(second):
            await trio.sleep(5)
            first.resign()
            await trio.sleep(2.5)
            assert (False, True) == (first.leading.value, second.leading.value)
        await trio.sleep(60)
        assert not leads(first)


async def test_lease_that_is_held_without_knowing_it_is_let_go(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    line = Line(api)
    election = make_election(line)
    async with running(election):
        line.state = "takes"
        await trio.sleep(1)
        assert ("me", False) == (spec(api)["holderIdentity"], leads(election))
        line.state = "up"
        election.resign()
        await trio.sleep(0.1)
        assert (None, False) == (spec(api)["holderIdentity"], leads(election))


async def test_replica_without_a_lease_can_resign_too(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    api.refusals["GET", LEASE] = Forbidden(403, "no")
    election = make_election(api)
    async with running(election):
        await trio.sleep(10)
        election.resign()
        await trio.sleep(0.1)

        assert not leads(election)


async def test_follower_takes_over_fifteen_seconds_after_the_last_renewal(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = StoringKubeApi()
    line = Line(api)
    first, second = make_election(line, "first"), make_election(api, "second")
    async with running(first):
        await trio.sleep(1)
        async with running(second):
            await trio.sleep(20)
            line.state = "down"  # the last renewal was at 20 s
            await trio.sleep(8)
            assert (True, False) == (first.leading.value, second.leading.value)

            await trio.sleep(2)
            assert (False, False) == (first.leading.value, second.leading.value)

            await trio.sleep(7)
            assert (False, True) == (first.leading.value, second.leading.value)
            line.state = "up"
            await trio.sleep(3)
            assert (False, True) == (first.leading.value, second.leading.value)
    assert [
        "holding Lease kthena-system/kthena-router: writing status",
        "first holds Lease kthena-system/kthena-router",
        "lost Lease kthena-system/kthena-router, not writing status: it could not be renewed",
        "holding Lease kthena-system/kthena-router: writing status",
        "second holds Lease kthena-system/kthena-router",
    ] == caplog.messages


async def test_holder_whose_requests_hang_steps_down_in_time(autojump_clock: MockClock) -> None:
    line = Line(StoringKubeApi())
    election = make_election(line, chance=0.99)
    async with running(election):
        await trio.sleep(0.5)
        line.state = "hangs"
        await trio.sleep(9.4)
        assert leads(election)

        await trio.sleep(0.2)
        assert not leads(election)


async def test_outage_shorter_than_the_deadline_changes_nothing(
    autojump_clock: MockClock,
) -> None:
    line = Line(StoringKubeApi())
    election = make_election(line)
    async with running(election):
        await trio.sleep(4.5)
        line.state = "down"
        await trio.sleep(7)
        line.state = "up"
        await trio.sleep(20)

        assert leads(election)
        assert 0 == spec(line.api)["leaseTransitions"]


async def test_holder_leads_again_when_the_api_is_back(autojump_clock: MockClock) -> None:
    line = Line(StoringKubeApi())
    election = make_election(line)
    async with running(election):
        await trio.sleep(4.5)
        line.state = "down"
        await trio.sleep(60)
        assert not leads(election)

        line.state = "up"
        await trio.sleep(2.5)
        assert leads(election)


async def test_lease_that_somebody_took_is_not_fought_for(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    election = make_election(api)
    async with running(election):
        await trio.sleep(1)
        api.put(LEASE, held_by("rival", leaseDurationSeconds=15))
        await trio.sleep(4.5)

        assert not leads(election)
        assert "rival" == spec(api)["holderIdentity"]


async def test_clocks_of_machines_are_not_compared(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    api.put(LEASE, held_by("rival", leaseDurationSeconds=15, renewTime="2019-01-01T00:00:00.0Z"))
    election = make_election(api)
    async with running(election):
        await trio.sleep(14.5)
        assert not leads(election)

        await trio.sleep(2.5)
        assert leads(election)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "kthena-router"}},
        {"metadata": {"name": "kthena-router"}, "spec": None},
        held_by("", leaseTransitions=None, leaseDurationSeconds=None),
    ],
    ids=["no spec", "null", "nulls"],
)
async def test_lease_of_nobody_is_taken_at_once(
    autojump_clock: MockClock, body: dict[str, Any]
) -> None:
    api = StoringKubeApi()
    api.put(LEASE, body)
    election = make_election(api)
    async with running(election):
        await trio.sleep(0.1)

        assert leads(election)
        assert "me" == spec(api)["holderIdentity"]


async def test_lease_that_was_deleted_is_made_again(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    election = make_election(api)
    async with running(election):
        await trio.sleep(1)
        del api.objects[LEASE]
        await trio.sleep(2)

        assert leads(election)
        assert "me" == spec(api)["holderIdentity"]


async def test_loser_of_a_race_looks_again(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    api.refusals["POST", FOLDER] = Conflict(409, "exists")
    election = make_election(api)
    async with running(election):
        await trio.sleep(3)
        assert not leads(election)

        del api.refusals["POST", FOLDER]
        await trio.sleep(2)
        assert leads(election)


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [("GET", LEASE, Forbidden(403, "no")), ("POST", FOLDER, Missing(404, "no"))],
    ids=["no role", "no namespace"],
)
async def test_status_is_written_where_there_can_be_no_lease(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    error: KubeError,
) -> None:
    api = StoringKubeApi()
    api.refusals[method, path] = error
    election = make_election(api)
    async with running(election):
        await trio.sleep(3)
        assert not leads(election)  # a server that starts may refuse what it allows later

        await trio.sleep(100)
        assert leads(election)
        assert api.count(method) <= 8
    assert [
        "no Lease can be had, so status is written as if this were the only replica: no"
    ] == caplog.messages


async def test_lease_that_can_be_had_after_all_is_respected(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    api.refusals["GET", LEASE] = Forbidden(403, "no")
    election = make_election(api)
    async with running(election):
        await trio.sleep(10)
        api.put(LEASE, held_by("rival", leaseDurationSeconds=3600))
        del api.refusals["GET", LEASE]
        await trio.sleep(30)

        assert not leads(election)


async def test_passing_refusal_makes_nobody_write(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    api.put(LEASE, held_by("rival", leaseDurationSeconds=3600))
    election = make_election(api)
    async with running(election):
        await trio.sleep(4.5)
        api.refusals["GET", LEASE] = Forbidden(403, "roles are not read yet")
        await trio.sleep(3)
        del api.refusals["GET", LEASE]
        await trio.sleep(30)

        assert not leads(election)


async def test_refused_lease_is_said_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    api = StoringKubeApi()
    api.refusals["POST", FOLDER] = KubeError(422, "spec.holderIdentity: too long")
    election = make_election(api)
    async with running(election):
        await trio.sleep(60)

        assert not leads(election)
    assert ["Lease kthena-system/kthena-router: spec.holderIdentity: too long"] == caplog.messages


@pytest.mark.parametrize(("state", "seconds"), [("down", 0.0), ("hangs", 2.0)])
async def test_api_that_is_away_does_not_hold_the_exit(
    autojump_clock: MockClock, state: str, seconds: float
) -> None:
    line = Line(StoringKubeApi())
    async with running(make_election(line)):
        await trio.sleep(1)
        line.state = state
        asked = trio.current_time()

    assert seconds == trio.current_time() - asked


async def test_lease_of_another_is_not_let_go(autojump_clock: MockClock) -> None:
    api = StoringKubeApi()
    async with running(make_election(api)):
        await trio.sleep(1)
        api.put(LEASE, held_by("rival"))

    assert "rival" == spec(api)["holderIdentity"]


Fate = tuple[int, str, float]  # which replica, what becomes of its line, and for how many seconds
fates = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["up", "down", "hangs"]),
        st.sampled_from([0.3, 2.0, 5.0, 9.0, 12.0, 16.0, 20.0]),
    ),
    max_size=15,
)


@given(fates, st.floats(0.0, 0.99), st.floats(0.0, 2.0))
@settings(max_examples=150, deadline=None)
def test_two_replicas_never_lead_at_once(history: list[Fate], chance: float, delay: float) -> None:
    async def play() -> None:
        api = StoringKubeApi()
        api.delay = delay
        lines = [Line(api), Line(api)]
        elections = [
            make_election(line, name, chance) for line, name in zip(lines, "ab", strict=True)
        ]

        async def watch(one: Election, other: Election) -> None:
            leads = one.leading.value
            while True:
                leads = await one.leading.wait_newer(leads)
                assert not (leads and other.leading.value)

        async with trio.open_nursery() as nursery:
            for one, other in (elections, elections[::-1]):
                nursery.start_soon(watch, one, other)
                nursery.start_soon(one.run)
            for who, state, seconds in history:
                lines[who].state = state
                await trio.sleep(seconds)
            for line in lines:
                line.state = "up"
            await trio.sleep(30)
            assert 1 == sum(one.leading.value for one in elections)
            nursery.cancel_scope.cancel()

    trio.run(play, clock=MockClock(autojump_threshold=0))
