from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import PODS, Answer, Client, pod

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
LABELS = {"app": "a"}


async def _pod(client: Client, name: str, *, ready: bool = True) -> None:
    document = pod(name)
    document["metadata"]["labels"] = LABELS
    await client.post(PODS, document)
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    change = {"status": {"phase": "Running", "conditions": conditions}}
    await client.patch(f"{PODS}/{name}/status", change)


async def _budget(
    client: Client, name: str, spec: dict[str, Any] | None = None, **status: int
) -> None:
    selected = {"minAvailable": 1, "selector": {"matchLabels": LABELS}}
    document = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"name": name}, "spec": selected | (spec or {})}  # fmt: skip
    assert (await client.post(BUDGETS, document)).code == 201
    if status:
        await client.patch(
            f"{BUDGETS}/{name}/status", {"status": status | {"observedGeneration": 1}}
        )


async def _evict(client: Client, name: str, query: str = "") -> Answer:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return await client.post(f"{PODS}/{name}/eviction{query}", eviction)


async def test_a_pod_without_a_budget_goes(client: Client) -> None:
    await _pod(client, "p")
    assert (await _evict(client, "p")).code == 201
    assert (await client.get(f"{PODS}/p")).code == 404


async def test_a_pod_that_is_evicted_says_so(client: Client) -> None:
    await _pod(client, "p")
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    await client.patch(f"{PODS}/p", held)
    assert (await _evict(client, "p", "?dryRun=All")).document["code"] == 201
    before = (await client.get(f"{PODS}/p")).document["status"]["conditions"]
    assert [one["type"] for one in before] == ["Ready"]
    for _ in range(2):
        await _evict(client, "p")
    told = (await client.get(f"{PODS}/p")).document["status"]["conditions"][1:]
    assert [
        (one["type"], one["status"], one["reason"], one["message"], one["lastProbeTime"])
        for one in told
    ] == [
        ("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting", None),
    ]


async def test_another_pod_than_is_meant_stays_as_it_is(client: Client) -> None:
    await _pod(client, "p")
    before = (await client.get(f"{PODS}/p")).document
    eviction = {"metadata": {"name": "p"}, "deleteOptions": {"preconditions": {"uid": "x"}}}
    assert (await client.post(f"{PODS}/p/eviction", eviction)).code == 409
    assert (await client.get(f"{PODS}/p")).document == before
    version = {"resourceVersion": before["metadata"]["resourceVersion"]}
    eviction["deleteOptions"] = {"preconditions": version}
    assert (await client.post(f"{PODS}/p/eviction", eviction)).code == 201


async def test_a_budget_is_spent_at_once(client: Client) -> None:
    for name in ("p", "q"):
        await _pod(client, name)
    await _budget(client, "b", disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1)
    assert (await _evict(client, "p", "?dryRun=All")).code == 201
    assert (await _evict(client, "p")).code == 201
    refused = await _evict(client, "q")
    assert (refused.code, refused.reason) == (429, "TooManyRequests")
    assert refused.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.document["details"]["causes"] == [
        {"reason": "DisruptionBudget",
         "message": "The disruption budget b needs 1 healthy pods and has 2 currently"}
    ]  # fmt: skip
    status = (await client.get(f"{BUDGETS}/b")).document["status"]
    assert set(status["disruptedPods"]) == {"p"}


async def test_a_budget_that_is_not_reckoned_yet_asks_to_wait(client: Client) -> None:
    await _pod(client, "p")
    await _budget(client, "b")
    refused = await _evict(client, "p")
    assert refused.code == 429
    assert refused.document["details"]["retryAfterSeconds"] == 10


@pytest.mark.parametrize(
    ("spec", "status", "code"),
    [
        ({}, {"currentHealthy": 0, "desiredHealthy": 1}, 429),
        ({}, {"currentHealthy": 1, "desiredHealthy": 1}, 201),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {"currentHealthy": 0, "desiredHealthy": 1}, 201),
    ],
)  # fmt: skip
async def test_pods_that_are_not_ready(
    client: Client, spec: dict[str, Any], status: dict[str, int], code: int
) -> None:
    await _pod(client, "p", ready=False)
    await _budget(client, "b", spec, disruptionsAllowed=0, **status)
    assert (await _evict(client, "p")).code == code


async def test_two_budgets_for_one_pod_are_an_error(client: Client) -> None:
    await _pod(client, "p")
    await _budget(client, "b")
    await _budget(client, "c")
    refused = await _evict(client, "p")
    assert refused.code == 500
    assert "more than one PodDisruptionBudget" in refused.message
