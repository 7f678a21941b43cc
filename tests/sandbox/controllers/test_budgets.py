from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import Cluster, deployment, running

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.budgets import (
    asks_for_a_share,
    failed_status,
    limits_of,
    status_of,
    unmanaged_text,
)
from kthena_sandbox.controllers.conditions import condition_of
from kthena_sandbox.kinds import BUDGETS, DEPLOYMENTS, PODS, Document, Key, key_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _budget(**spec: Any) -> Document:
    return {"metadata": {"name": "b", "namespace": "default", "generation": 1}, "spec": spec}


def _pod(name: str, *, ready: bool = True) -> Document:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 2}, (3, 2)),
        ({"minAvailable": "50%"}, (5, 3)),
        ({"maxUnavailable": 1}, (5, 4)),
        ({"maxUnavailable": "50%"}, (5, 2)),
        ({"maxUnavailable": 9}, (5, 0)),
    ],
)
def test_limits(spec: Document, expected: tuple[int, int]) -> None:
    assert limits_of(_budget(**spec), 3, 5) == expected


def test_what_was_evicted_a_moment_ago_does_not_count() -> None:
    pods = [_pod("a"), _pod("b"), _pod("c", ready=False)]
    status = status_of(_budget(minAvailable=1), pods, 3, NOW)
    numbers = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    assert [status[name] for name in numbers] == [2, 1, 1, 3]
    going = {"disruptedPods": {"a": "2026-01-02T03:04:00Z", "gone": "2026-01-02T03:04:00Z"}}
    status = status_of(_budget(minAvailable=1) | {"status": going}, pods, 3, NOW)
    assert [status[name] for name in numbers] == [1, 1, 0, 3]
    assert set(status["disruptedPods"]) == {"a"}
    late = {"disruptedPods": {"a": "2026-01-02T03:00:00Z"}}
    status = status_of(_budget(minAvailable=1) | {"status": late}, pods, 3, NOW)
    assert status["disruptionsAllowed"] == 1
    condition = condition_of({"status": status}, "DisruptionAllowed") or {}
    assert (condition["status"], condition["reason"]) == ("True", "SufficientPods")


def test_a_budget_that_cannot_be_reckoned_allows_nothing() -> None:
    why = "jobs.batch does not implement the scale subresource"
    condition = {
        "type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": why,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    assert failed_status(_budget(minAvailable="50%"), why, NOW) == {
        "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        "conditions": [condition],
    }  # fmt: skip
    before = {
        "currentHealthy": 3, "desiredHealthy": 2, "disruptionsAllowed": 1, "expectedPods": 3,
        "observedGeneration": 1,
    }  # fmt: skip
    after = failed_status(_budget(minAvailable="50%") | {"status": before}, why, NOW)
    assert after == before | {
        "disruptionsAllowed": 0,
        "conditions": [condition | {"observedGeneration": 1}],
    }


async def test_an_eviction_waits_for_the_one_before(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.create(DEPLOYMENTS, "web", spec=deployment(2))
        spec = {"maxUnavailable": "50%", "selector": {"matchLabels": {"app": "a"}}}
        await cluster.create(BUDGETS, "web", spec=spec)
        await _allowed(cluster)
        pods = await cluster.pods()
        await _evict(cluster, pods[0])
        with pytest.raises(ApiError) as caught:
            await _evict(cluster, pods[1])
        assert caught.value.code == 429
        await cluster.gone(PODS, key_of(pods[0]))
        await _allowed(cluster)


async def _allowed(cluster: Cluster) -> None:
    async def allowed() -> bool:
        found = await cluster.client.get(BUDGETS, Key("default", "web"))
        numbers = found["status"]
        return bool(numbers["disruptionsAllowed"] == 1 and numbers["expectedPods"] == 2)

    await cluster.until(allowed)


async def _evict(cluster: Cluster, pod: Document) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod["metadata"]["name"], "namespace": "default"}}  # fmt: skip
    await cluster.client.call("POST", PODS.path(*key_of(pod), "eviction"), body=body)


def test_pods_that_nobody_manages_are_told_of_in_gos_words() -> None:
    expressions = [{"key": "tier", "operator": "In", "values": ["x", "y"]}]
    text = unmanaged_text({"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": expressions})
    assert text == (
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},"
        "MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:tier,Operator:In,Values:[x y],},},}) "
        "were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may "
        'result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an '
        "integer value."
    )


def test_who_asks_for_a_share() -> None:
    specs: tuple[Document, ...] = (
        {"minAvailable": 1},
        {"minAvailable": "1%"},
        {"maxUnavailable": 0},
        {},
    )
    assert [asks_for_a_share({"spec": spec}) for spec in specs] == [False, True, True, False]
