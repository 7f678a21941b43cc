"""What a Job makes of pods that fail: by `podFailurePolicy`, and by index; and when it has succeeded early. Pure.

"Handling Pod and container failures", "Backoff limit per index" and "Success policy" of the Job documentation.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from kthena_sandbox.controllers.conditions import condition_of, parse_time
from kthena_sandbox.controllers.indexes import index_of, read_indexes, write_indexes
from kthena_sandbox.kinds import Document, uid_of

FAILURES = "batch.kubernetes.io/job-index-failure-count"
_IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


class Verdict(NamedTuple):
    """What a failed pod leads to; *why* is for those that end the Job."""

    action: str
    why: str = ""


class Judgement(NamedTuple):
    """What several failed pods lead to: those that count, the indexes that have failed with them, and why the Job must."""

    counted: list[Document]
    failed_indexes: frozenset[int]
    why: str


def verdict_of(job: Document, pod: Document) -> Verdict:
    """The action of the first rule that matches; a failure counts where none does."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or []
    for index, rule in enumerate(rules):
        said = _exit_code(rule, pod) if rule.get("onExitCodes") else _condition(rule, pod)
        if said:
            name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            what = f"matching {rule['action']} rule at index {index}"
            return Verdict(rule["action"], f"{said.format(pod=name)} {what}")
    return Verdict("Count")


def _exit_code(rule: Document, pod: Document) -> str:
    wanted, status = rule["onExitCodes"], pod.get("status") or {}
    listed = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for entry in listed:
        if wanted.get("containerName") not in {None, entry["name"]}:
            continue
        code = ((entry.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if code and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {entry['name']} for pod {{pod}} failed with exit code {code}"
    return ""


def _condition(rule: Document, pod: Document) -> str:
    for pattern in rule.get("onPodConditions") or []:
        found = condition_of(pod, pattern["type"])
        if found is not None and found["status"] == pattern.get("status", "True"):
            return f"Pod {{pod}} has condition {pattern['type']}"
    return ""


def judged(job: Document, bad: Sequence[Document]) -> Judgement:
    """What pods lead to that have failed just now."""
    verdicts = [(pod, verdict_of(job, pod)) for pod in bad]
    counted = [pod for pod, verdict in verdicts if verdict.action != "Ignore"]
    limit = job["spec"].get("backoffLimitPerIndex")
    failed = set()
    for pod, verdict in verdicts:
        index = index_of(pod)
        if limit is None or index is None:
            continue
        spent = _noted(pod, FAILURES) + (verdict.action != "Ignore")
        if verdict.action == "FailIndex" or spent > int(limit):
            failed.add(index)
    reasons = [verdict.why for _, verdict in verdicts if verdict.action == "FailJob"]
    return Judgement(counted, frozenset(failed), reasons[0] if reasons else "")


def with_failed_indexes(job: Document, status: Document, failed: Iterable[int]) -> Document:
    """The status with the indexes that are given up."""
    if job["spec"].get("backoffLimitPerIndex") is None:
        return status
    before = read_indexes(status.get("failedIndexes", ""))
    return status | {"failedIndexes": write_indexes(before | set(failed))}


def failure_notes(job: Document, pods: Iterable[Document], index: int) -> dict[str, str]:
    """What the next pod of an index is told of those that have failed before it."""
    if job["spec"].get("backoffLimitPerIndex") is None:
        return {}
    counted = ignored = 0
    for pod in _failed(pods, index):
        leaves_aside = verdict_of(job, pod).action == "Ignore"
        counted = max(counted, _noted(pod, FAILURES) + (not leaves_aside))
        ignored = max(ignored, _noted(pod, _IGNORED) + leaves_aside)
    return {FAILURES: str(counted)} | ({_IGNORED: str(ignored)} if ignored else {})


def last_failure(pods: Iterable[Document], index: int) -> datetime | None:
    """When the last pod of an index failed."""
    return max(map(ended_at, _failed(pods, index)), default=None)


def ended_at(pod: Document) -> datetime:
    """When a pod came to its end: by its containers, by its readiness, by its deletion; otherwise when it was made."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    ends = [
        ((entry.get("state") or {}).get("terminated") or {}).get("finishedAt")
        for entry in status.get("containerStatuses") or []
    ]
    if ends and all(ends):
        return max(parse_time(str(end)) for end in ends)
    ready = condition_of(pod, "Ready") or {}
    if ready.get("status") == "False" and ready.get("lastTransitionTime"):
        return parse_time(ready["lastTransitionTime"])
    if leaves := metadata.get("deletionTimestamp"):
        grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
        return parse_time(leaves) - grace
    return parse_time(metadata["creationTimestamp"])


def _failed(pods: Iterable[Document], index: int) -> list[Document]:
    """Once each, however often they are listed."""
    found = {
        uid_of(pod): pod
        for pod in pods
        if index_of(pod) == index and (pod.get("status") or {}).get("phase") == "Failed"
    }
    return list(found.values())


def _noted(pod: Document, name: str) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(name, "")
    return int(text) if text.isdecimal() else 0


def success_rule(job: Document, done: frozenset[int]) -> int | None:
    """Which rule of `successPolicy` is fulfilled."""
    rules: list[dict[str, Any]] = (job["spec"].get("successPolicy") or {}).get("rules") or []
    for place, rule in enumerate(rules):
        wanted = rule.get("succeededIndexes")
        within = done if wanted is None else done & read_indexes(wanted)
        count = rule.get("succeededCount")
        least = len(read_indexes(wanted or "")) if count is None else int(count)
        if len(within) >= least:
            return place
    return None
