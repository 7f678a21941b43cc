from datetime import UTC, datetime
from typing import Any

import pytest

from kthena_sandbox.controllers import cronjob_plan as planning
from kthena_sandbox.kinds import Document

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def cron_job(schedule: str = "* * * * *", **spec: Any) -> Document:
    template = {
        "metadata": {"labels": {"app": "a"}, "annotations": {"note": "x"}},
        "spec": {"template": {}},
    }
    metadata = {
        "name": "c",
        "namespace": "default",
        "uid": "u",
        "creationTimestamp": "2026-01-02T03:00:30Z",
    }
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata,
            "spec": {"schedule": schedule, "jobTemplate": template} | spec}  # fmt: skip


def job(name: str, outcome: str = "", **status: Any) -> Document:
    conditions = [{"type": outcome, "status": "True"}] if outcome else []
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1",
                "creationTimestamp": "2026-01-02T03:00:00Z"}  # fmt: skip
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
            "status": {"conditions": conditions} | status}  # fmt: skip


def reference(name: str) -> Document:
    return {"name": name, "uid": f"uid-{name}"}


@pytest.mark.parametrize(
    ("spec", "status", "scheduled"),
    [
        ({}, {}, "03:04"),
        ({}, {"lastScheduleTime": "2026-01-02T03:04:00Z"}, None),
        ({}, {"lastScheduleTime": "2026-01-02T03:02:00Z"}, "03:04"),
        ({"schedule": "0 * * * *"}, {}, None),
        ({"schedule": "2 * * * *"}, {}, "03:02"),
        ({"schedule": "2 * * * *", "startingDeadlineSeconds": 200}, {}, "03:02"),
        ({"schedule": "2 * * * *", "startingDeadlineSeconds": 100}, {}, None),
        ({"suspend": True}, {}, None),
        ({"schedule": "3 4 * * *", "timeZone": "Europe/Berlin"}, {}, "03:03"),
        ({"concurrencyPolicy": "Forbid"}, {"active": [reference("a")]}, None),
        ({"concurrencyPolicy": "Forbid"}, {}, "03:04"),
        ({"concurrencyPolicy": "Allow"}, {"active": [reference("a")]}, "03:04"),
    ],
)
def test_what_is_due(spec: Document, status: Document, scheduled: str | None) -> None:
    found = planning.due(cron_job(**spec), status, NOW).scheduled
    assert (found.strftime("%H:%M") if found else None) == scheduled


def test_when_the_next_is_due() -> None:
    assert planning.due(cron_job(), {}, NOW).next == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    assert planning.due(cron_job(suspend=True), {}, NOW).next is None


@pytest.mark.parametrize(
    ("spec", "status", "reason"),
    [
        ({"schedule": "x"}, {}, "UnparseableSchedule"),
        ({"timeZone": "Nowhere"}, {}, "UnknownTimeZone"),
        ({}, {"lastScheduleTime": "2026-01-02T01:00:00Z"}, "TooManyMissedTimes"),
        ({"concurrencyPolicy": "Forbid"}, {"active": [reference("a")]}, "JobAlreadyActive"),
    ],
)
def test_what_is_told(spec: Document, status: Document, reason: str) -> None:
    assert [told.reason for told in planning.due(cron_job(**spec), status, NOW).told] == [reason]


def test_a_job_is_named_after_its_minute() -> None:
    made = planning.new_job(
        cron_job(timeZone="Europe/Berlin"), datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    )
    assert made == {
        "metadata": {
            "name": "c-29455384",
            "namespace": "default",
            "labels": {"app": "a"},
            "annotations": {
                "note": "x",
                "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-02T04:04:00+01:00",
            },
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": "c", "uid": "u",
                 "controller": True, "blockOwnerDeletion": True}
            ],
        },
        "spec": {"template": {}},
    }  # fmt: skip


def test_finished_jobs_go_beyond_the_limits() -> None:
    jobs = [
        job("good-1", "Complete", startTime="2026-01-02T03:01:00Z"),
        job("bad-1", "Failed", startTime="2026-01-02T03:01:00Z"),
        job("good-3", "Complete", startTime="2026-01-02T03:03:00Z"),
        job("good-2", "Complete", startTime="2026-01-02T03:02:00Z"),
        job("bad-2", "Failed", startTime="2026-01-02T03:02:00Z"),
        job("now"),
    ]
    limited = cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    gone = [entry["metadata"]["name"] for entry in planning.surplus(limited, jobs)]
    assert gone == ["good-1", "good-2", "bad-1", "bad-2"]
    assert planning.surplus(cron_job(), jobs) == []


def test_what_ended_is_not_active_any_more() -> None:
    status = {
        "active": [reference("a"), reference("b"), reference("c")],
        "lastScheduleTime": "2026-01-02T03:03:00Z",
    }
    jobs = [job("a", "Complete", completionTime="2026-01-02T03:03:30Z"), job("b")]
    found = planning.seen(cron_job() | {"status": status}, jobs)
    assert found.status == {
        "active": [reference("b")],
        "lastScheduleTime": "2026-01-02T03:03:00Z",
        "lastSuccessfulTime": "2026-01-02T03:03:30Z",
    }
    assert [(told.reason, told.message) for told in found.told] == [
        ("SawCompletedJob", "Saw completed job: a, condition: Complete"),
        ("MissingJob", "Active job went missing: c"),
    ]


def test_what_was_started_is_written_down_once() -> None:
    scheduled = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    status = planning.with_started({}, job("a"), scheduled)
    assert status == {
        "active": [{"kind": "Job", "apiVersion": "batch/v1", "namespace": "default", "name": "a",
                    "uid": "uid-a", "resourceVersion": "1"}],
        "lastScheduleTime": "2026-01-02T03:04:00Z",
    }  # fmt: skip
    assert planning.with_started(status, job("a"), scheduled) == status


def test_what_was_just_removed_is_not_missed_and_who_was_never_started_is_told() -> None:
    mine = {"status": {"active": [reference("gone"), reference("removed")]}}
    jobs = [job("removed", "Failed"), job("stranger"), job("old", "Complete")]
    found = planning.seen(cron_job() | mine, jobs, frozenset({"uid-removed"}))
    assert found.status == {}
    assert [(one.reason, one.message) for one in found.told] == [
        ("UnexpectedJob", "Saw a job that the controller did not create or forgot: stranger"),
        ("MissingJob", "Active job went missing: gone"),
    ]


def test_the_job_of_a_minute_is_not_told_to_run_already() -> None:
    minute = int(datetime(2026, 1, 2, 3, 4, tzinfo=UTC).timestamp()) // 60
    status = {"active": [reference(f"c-{minute}")], "lastScheduleTime": "2026-01-02T03:02:00Z"}
    found = planning.due(cron_job(concurrencyPolicy="Forbid"), status, NOW)
    assert found == planning.Due(next=datetime(2026, 1, 2, 3, 5, tzinfo=UTC))
    before = status | {"active": [reference(f"c-{minute - 1}")]}
    found = planning.due(cron_job(concurrencyPolicy="Forbid"), before, NOW)
    assert [one.reason for one in found.told] == ["JobAlreadyActive"]


def test_another_schedule_counts_from_its_next_time_on() -> None:
    before = cron_job("0 0 * * *")
    changed = planning.postponed(before, cron_job("30 * * * *"), NOW)
    assert changed == datetime(2026, 1, 2, 3, 30, tzinfo=UTC)
    moved = planning.postponed(before, cron_job("0 0 * * *", timeZone="Asia/Kolkata"), NOW)
    assert moved == datetime(2026, 1, 2, 18, 30, tzinfo=UTC)
    assert planning.postponed(before, cron_job("0 0 * * *", suspend=False), NOW) is None
    assert planning.postponed(before, cron_job("nonsense"), NOW) is None
