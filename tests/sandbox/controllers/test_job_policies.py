"""What a Job makes of pods that fail."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kthena_sandbox.controllers.job_policies import (
    FAILURES,
    Judgement,
    ended_at,
    failure_notes,
    judged,
    last_failure,
    success_rule,
    verdict_of,
    with_failed_indexes,
)
from kthena_sandbox.kinds import Document

CODES = {"operator": "In", "values": [3, 4]}
OTHERS = {"operator": "NotIn", "values": [3], "containerName": "side"}
DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


def job(*rules: Document, **spec: Any) -> Document:
    return {"spec": {"completions": 3, "podFailurePolicy": {"rules": [*rules]}} | spec}


def pod(name: str, index: int | None = None, failures: str = "", **codes: int) -> Document:
    labels = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    statuses = [
        {"name": container, "state": {"terminated": {
            "exitCode": code, "finishedAt": f"2026-01-02T03:04:0{name[-1]}Z"}}}
        for container, code in codes.items()
    ]  # fmt: skip
    metadata = {"name": name, "namespace": "n", "uid": name, "labels": labels}
    if failures:
        metadata["annotations"] = {FAILURES: failures}
    return {"metadata": metadata, "status": {"phase": "Failed", "containerStatuses": statuses}}


def _ended(time: str) -> Document:
    return {"state": {"terminated": {"finishedAt": f"2026-01-01T00:{time}Z"}}}


@pytest.mark.parametrize(
    ("rules", "codes", "expected"),
    [
        ([], {"main": 1}, ("Count", "")),
        ([{"action": "FailJob", "onExitCodes": CODES}], {"main": 3},
         ("FailJob", "Container main for pod n/p0 failed with exit code 3 matching FailJob rule at index 0")),
        ([{"action": "FailJob", "onExitCodes": CODES}], {"main": 5}, ("Count", "")),
        ([{"action": "Ignore", "onExitCodes": OTHERS}], {"main": 4, "side": 0}, ("Count", "")),
        ([{"action": "Count", "onExitCodes": CODES}, {"action": "Ignore", "onExitCodes": OTHERS}],
         {"main": 1, "side": 1},
         ("Ignore", "Container side for pod n/p0 failed with exit code 1 matching Ignore rule at index 1")),
    ],
)  # fmt: skip
def test_the_first_rule_that_matches_decides(
    rules: list[Document], codes: dict[str, int], expected: tuple[str, str]
) -> None:
    assert verdict_of(job(*rules), pod("p0", None, "", **codes)) == expected


def test_a_rule_about_conditions() -> None:
    rule = {"action": "Ignore", "onPodConditions": [DISRUPTED]}
    failed = pod("p0", main=1)
    assert verdict_of(job(rule), failed).action == "Count"
    failed["status"]["conditions"] = [DISRUPTED]
    assert verdict_of(job(rule), failed) == (
        "Ignore", "Pod n/p0 has condition DisruptionTarget matching Ignore rule at index 0",
    )  # fmt: skip


def test_what_is_ignored_does_not_count_and_what_fails_the_job_says_so() -> None:
    rules = [{"action": "Ignore", "onExitCodes": CODES},
             {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [9]}}]  # fmt: skip
    counting, leaving, ending = (pod(f"p{code}", main=code) for code in (1, 3, 9))
    assert judged(job(*rules), [counting, leaving, ending]) == Judgement(
        [counting, ending], frozenset(),
        "Container main for pod n/p9 failed with exit code 9 matching FailJob rule at index 1",
    )  # fmt: skip


def test_indexes_fail_at_their_limit_or_by_a_rule() -> None:
    rule = {"action": "FailIndex", "onExitCodes": CODES}
    of = job(rule, backoffLimitPerIndex=1)
    first, again, at_once = (
        pod("p0", 0, "0", main=1),
        pod("p1", 1, "1", main=1),
        pod("p2", 2, main=3),
    )
    assert judged(of, [first, again, at_once]).failed_indexes == {1, 2}
    assert with_failed_indexes(of, {"failedIndexes": "0"}, {1, 2}) == {"failedIndexes": "0-2"}
    assert with_failed_indexes(of, {}, ()) == {"failedIndexes": ""}
    assert with_failed_indexes(job(), {}, ()) == {}


def test_the_next_pod_of_an_index_is_told_of_those_before_it() -> None:
    rule = {"action": "Ignore", "onExitCodes": CODES}
    of = job(rule, backoffLimitPerIndex=5)
    pods = [pod("p0", 0, "0", main=1), pod("p1", 0, "1", main=3), pod("p2", 1, main=1)]
    assert failure_notes(of, pods, 0) == {
        "batch.kubernetes.io/job-index-failure-count": "1",
        "batch.kubernetes.io/job-index-ignored-failure-count": "1",
    }  # fmt: skip
    assert failure_notes(of, pods, 2) == {"batch.kubernetes.io/job-index-failure-count": "0"}
    assert failure_notes(job(), pods, 0) == {}
    assert last_failure(pods, 0) == datetime(2026, 1, 2, 3, 4, 1, tzinfo=UTC)
    assert last_failure(pods, 2) is None


def test_rules_of_success() -> None:
    rules = {"successPolicy": {"rules": [{"succeededCount": 2}, {"succeededIndexes": "0"}]}}
    assert success_rule(job(**rules), frozenset({1})) is None
    assert success_rule(job(**rules), frozenset({0})) == 1
    assert success_rule(job(**rules), frozenset({1, 2})) == 0
    assert success_rule(job(), frozenset({0, 1, 2})) is None


@pytest.mark.parametrize(
    ("metadata", "status", "second"),
    [
        ({}, {"containerStatuses": [_ended("00:01"), _ended("00:03")]}, 3),
        ({}, {"containerStatuses": [_ended("00:01"), {"state": {"running": {}}}]}, 9),
        ({}, {"conditions": [{"type": "Ready", "status": "False",
                              "lastTransitionTime": "2026-01-01T00:00:04Z"}]}, 4),
        ({"deletionTimestamp": "2026-01-01T00:00:35Z", "deletionGracePeriodSeconds": 30}, {}, 5),
        ({}, {}, 9),
    ],
)  # fmt: skip
def test_when_a_pod_came_to_its_end(metadata: Document, status: Document, second: int) -> None:
    made = {"creationTimestamp": "2026-01-01T00:00:09Z"}
    found = ended_at({"metadata": made | metadata, "status": status})
    assert found == datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
