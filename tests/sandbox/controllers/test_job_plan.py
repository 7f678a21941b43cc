from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kthena_sandbox.controllers.conditions import is_true
from kthena_sandbox.controllers.indexes import read_indexes, write_indexes
from kthena_sandbox.controllers.job_plan import (
    Aim,
    Steps,
    Tally,
    aim_now,
    aim_of,
    counted,
    counting,
    new_pod,
    pause_after,
    refusal,
    seconds_to_live,
    steps_of,
    tally,
    to_count,
    with_end,
    with_start,
    with_work,
)
from kthena_sandbox.controllers.job_pods import is_superfluous, removed
from kthena_sandbox.kinds import Document

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _job(status: Document | None = None, **spec: Any) -> Document:
    template = {"spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}}
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "work", "namespace": "default", "uid": "j"},
        "spec": {"completions": 3, "parallelism": 2, "template": template} | spec,
        "status": status or {},
    }  # fmt: skip


def _pod(name: str, phase: str = "Running", index: int | None = None, **metadata: Any) -> Document:
    labels = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    own = {"uid": name, "labels": labels, "finalizers": ["batch.kubernetes.io/job-tracking"]}
    return {"spec": {}, "metadata": own | metadata, "status": {"phase": phase}}


def test_indexes_are_written_in_runs() -> None:
    assert write_indexes([5, 0, 2, 1]) == "0-2,5"
    assert write_indexes([5, 0, 1]) == "0,1,5"
    assert read_indexes("0-2,5") == {0, 1, 2, 5}
    assert read_indexes("") == frozenset()


def test_every_pod_counts_once() -> None:
    leaving: Document = {"deletionTimestamp": "t", "deletionGracePeriodSeconds": 30}
    pods = [_pod("a", "Succeeded"), _pod("b", "Failed"), _pod("c"), _pod("d", **leaving),
            _pod("old", "Succeeded", finalizers=[])]  # fmt: skip
    good, bad = to_count(_job(), pods)
    assert [pod["metadata"]["uid"] for pod in good] == ["a"]
    assert [pod["metadata"]["uid"] for pod in bad] == ["b", "d"]
    status = counting({"succeeded": 1}, good, bad)
    assert status["uncountedTerminatedPods"] == {"succeeded": ["a"], "failed": ["b", "d"]}
    assert counting(status, good, bad) == status
    after = counted(_job(status))
    assert after == {"succeeded": 2, "failed": 2, "uncountedTerminatedPods": {}}
    assert counted(_job(after)) == after


def test_one_that_is_replaced_when_it_has_failed_counts_no_sooner() -> None:
    job = _job(podReplacementPolicy="Failed")
    leaving = _pod("a", deletionTimestamp="t", deletionGracePeriodSeconds=30)
    assert to_count(job, [leaving]) == ([], [])
    assert steps_of(job, tally(job, [leaving]), 0.0) == Steps(create=[None])
    killed = _pod("a", deletionTimestamp="t", deletionGracePeriodSeconds=0)
    assert to_count(job, [killed]) == ([], [killed])
    ended = _pod("a", "Failed", deletionTimestamp="t", deletionGracePeriodSeconds=30)
    assert to_count(job, [ended]) == ([], [ended])


def _with_condition(kind: str, **spec: Any) -> Document:
    return _job(
        {"conditions": [{"type": kind, "status": "True", "reason": "", "message": ""}]}, **spec
    )


def test_at_its_end_a_job_waits_for_no_failure() -> None:
    leaving = _pod("a", deletionTimestamp="t", deletionGracePeriodSeconds=30)
    failing = _with_condition("FailureTarget", podReplacementPolicy="Failed")
    assert to_count(failing, [leaving]) == ([], [leaving])


def test_pods_that_nobody_needs_any_more_count_for_nothing() -> None:
    enough = _with_condition("SuccessCriteriaMet")
    leaving = _pod("a", deletionTimestamp="t", deletionGracePeriodSeconds=30)
    failed, done = _pod("b", "Failed"), _pod("c", "Succeeded")
    assert [is_superfluous(enough, pod) for pod in (leaving, failed, done)] == [True, False, False]
    assert to_count(enough, [leaving, failed, done]) == ([done], [failed])


def test_a_limit_for_each_index_shows_from_the_start() -> None:
    assert with_work(_job(backoffLimitPerIndex=1), {}, NOW)["failedIndexes"] == ""
    assert "failedIndexes" not in with_work(_job(), {}, NOW)


def test_an_index_that_was_done_twice_counts_once() -> None:
    job = _job(completionMode="Indexed")
    first = counted(job | {"status": counting({}, [_pod("a", index=1)], [])})
    twice = counted(job | {"status": counting(first, [_pod("b", index=1)], [])})
    assert (twice["succeeded"], twice["completedIndexes"]) == (1, "1")


@pytest.mark.parametrize(
    ("found", "spec", "expected"),
    [
        (Tally(0, 0, (), 0), {}, Steps(create=[None, None])),
        (Tally(2, 0, (), 0), {}, Steps(create=[None])),
        (Tally(0, 0, (_pod("a"),), 1), {}, Steps(create=[None])),
        (Tally(0, 0, (_pod("a"),), 1), {"podReplacementPolicy": "Failed"}, Steps()),
        (Tally(0, 0, (), 0), {"parallelism": 0}, Steps()),
        (Tally(0, 0, (_pod("a"),), 0), {"parallelism": 0}, Steps(delete=[_pod("a")])),
        (Tally(0, 0, (), 0), {"completions": None}, Steps(create=[None, None])),
        (Tally(1, 0, (_pod("a"),), 0), {"completions": None}, Steps()),
        (Tally(1, 0, (_pod("a", index=2),), 0, frozenset({0})), {"completionMode": "Indexed"},
         Steps(create=[1])),
    ],
)  # fmt: skip
def test_who_is_missing(found: Tally, spec: Document, expected: Steps) -> None:
    assert steps_of(_job(**spec), found, 0.0) == expected


def test_failures_are_answered_with_pauses() -> None:
    assert [pause_after(count) for count in (0, 1, 2, 3, 99)] == [0.0, 10.0, 20.0, 40.0, 600.0]
    assert steps_of(_job(), Tally(0, 1, (), 0), 7.5) == Steps(again=7.5)


def test_why_a_job_fails() -> None:
    assert refusal(_job(), Tally(0, 6, (), 0), NOW) == ""
    assert refusal(_job(), Tally(0, 7, (), 0), NOW) == "BackoffLimitExceeded"
    late = _job({"startTime": "2026-01-02T03:04:00Z"}, activeDeadlineSeconds=5)
    assert refusal(late, Tally(0, 0, (), 0), NOW) == "DeadlineExceeded"
    assert refusal(late, Tally(0, 0, (), 0), NOW - timedelta(seconds=1)) == ""
    restarted = _pod("a")
    restarted["status"]["containerStatuses"] = [{"restartCount": 2}]
    stubborn = _job(backoffLimit=2)
    assert refusal(stubborn, Tally(0, 0, (restarted,), 0), NOW) == ""
    stubborn["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    assert refusal(stubborn, Tally(0, 0, (restarted,), 0), NOW) == "BackoffLimitExceeded"


def test_a_job_has_ended_when_no_pod_is_left() -> None:
    reached = Aim(False, "CompletionsReached", "Reached expected number of succeeded pods")
    assert aim_now(_job(), Tally(3, 0, (_pod("a"),), 0), NOW) == reached
    aimed = with_end({}, Tally(3, 0, (_pod("a"),), 0), reached, NOW)
    assert is_true({"status": aimed}, "SuccessCriteriaMet")
    assert not is_true({"status": aimed}, "Complete")
    assert aim_of(_job(aimed)) == reached
    ended = with_end(aimed, Tally(3, 0, (), 0), reached, NOW)
    assert is_true({"status": ended}, "Complete")
    assert ended["completionTime"] == "2026-01-02T03:04:05Z"
    refused = aim_now(_job(), Tally(0, 7, (), 0), NOW)
    assert refused == Aim(
        True, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    )
    failed = with_end({}, Tally(0, 7, (), 0), refused, NOW)
    assert is_true({"status": failed}, "Failed")
    assert "completionTime" not in failed
    assert seconds_to_live(_job(ended, ttlSecondsAfterFinished=10), NOW) == 10.0
    assert seconds_to_live(_job(ended), NOW) is None


def test_the_clock_starts_anew_after_a_suspension() -> None:
    status = with_work(_job(suspend=True), {"startTime": "t"}, NOW)
    assert status["startTime"] == "t"
    assert is_true({"status": status}, "Suspended")
    resumed = with_work(_job(), status, NOW)
    assert resumed["startTime"] == "2026-01-02T03:04:05Z"
    assert not is_true({"status": resumed}, "Suspended")
    assert with_work(_job(), resumed, NOW + timedelta(seconds=5)) == resumed


def test_an_indexed_pod_knows_its_number() -> None:
    pod = new_pod(_job(completionMode="Indexed"), 4)
    assert pod["metadata"]["generateName"] == "work-4-"
    assert pod["spec"]["hostname"] == "work-4"
    field = {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}
    assert pod["spec"]["containers"][0]["env"] == [
        {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}}
    ]
    assert tally(_job(), [pod]).active == (pod,)


def test_indexes_that_are_given_up() -> None:
    job = _job(completionMode="Indexed", backoffLimitPerIndex=1)
    found = tally(_job({"failedIndexes": "1", "completedIndexes": "0", "succeeded": 1}), [])
    assert found.given_up == {1}
    assert steps_of(job, found, 0.0) == Steps(create=[2])
    assert aim_now(job, found, NOW) is None
    last = tally(_job({"failedIndexes": "1", "completedIndexes": "0,2", "succeeded": 2}), [])
    assert aim_now(job, last, NOW) == Aim(True, "FailedIndexes", "Job has failed indexes")
    strict = _job(completionMode="Indexed", backoffLimitPerIndex=1, maxFailedIndexes=0)
    assert aim_now(strict, found, NOW) == Aim(
        True, "MaxFailedIndexesExceeded",
        "Job has exceeded the specified maximal number of failed indexes",
    )  # fmt: skip


def test_each_index_waits_for_itself() -> None:
    job = _job(completionMode="Indexed", backoffLimitPerIndex=1)
    steps = steps_of(job, Tally(0, 1, (), 0), 0.0, {0: 7.5})
    assert steps == Steps(create=[1, 2], again=7.5)


def test_a_job_that_has_succeeded_early() -> None:
    job = _job(completionMode="Indexed", successPolicy={"rules": [
        {"succeededIndexes": "0,2"}, {"succeededCount": 1, "succeededIndexes": "1"}]})  # fmt: skip
    assert aim_now(job, Tally(1, 0, (), 0, frozenset({0})), NOW) is None
    done = Tally(1, 0, (), 0, frozenset({1}))
    assert aim_now(job, done, NOW) == Aim(False, "SuccessPolicy", "Matched rules at index 1")


def test_a_job_begins_when_it_is_not_suspended() -> None:
    assert with_start(_job(completions=0), {}, NOW) == {"startTime": "2026-01-02T03:04:05Z"}
    assert with_start(_job(), {"startTime": "before"}, NOW) == {"startTime": "before"}
    assert with_start(_job(suspend=True), {}, NOW) == {}


def test_pods_that_are_not_wanted_and_those_that_have_not_come_far_go_first() -> None:
    def at(index: int, *, runs: bool) -> Document:
        labels = {"batch.kubernetes.io/job-completion-index": str(index)}
        spec = {"nodeName": "node"} if runs else {}
        status = {"phase": "Running" if runs else "Pending"}
        return {"metadata": {"labels": labels}, "spec": spec, "status": status}

    pods = [at(0, runs=True), at(1, runs=False), at(2, runs=True)]
    indexed = _job(completionMode="Indexed", completions=2)
    assert removed(indexed, pods, 0) == [pods[2]]
    assert removed(indexed, pods, 2) == [pods[2], pods[1]]
    assert removed(_job(), pods, 0) == []
    assert removed(_job(), pods, 1) == [pods[1]]
