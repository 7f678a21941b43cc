"""What a quota says that is used, and that it holds."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.client import ApiError
from kthena_sandbox.controllers.quotas import status_of
from kthena_sandbox.kinds import CONFIG_MAPS, PODS, QUOTAS, SECRETS, Document, Key
from kthena_sandbox.schema.podresources import Amount

QUOTA = Key("default", "q")


def test_only_what_somebody_can_use_is_told() -> None:
    hard = {"requests.cpu": "2", "example.com/gpu": "1", "requests.example.com/gpu": "1", "count/widgets.a.b": "3"}  # fmt: skip
    quota = {"spec": {"hard": hard}}
    pods = {"requests.cpu": Amount(Decimal("0.5")), "cpu": Amount(Decimal("0.5"))}
    assert status_of(quota, {("", "pods"): pods}) == {
        "hard": hard,
        "used": {"requests.cpu": "500m", "requests.example.com/gpu": "0"},
    }
    assert status_of({"spec": {}}, {}) == {}


async def _used(cluster: Cluster, expected: dict[str, str]) -> Document:
    async def look() -> Document | None:
        quota = await cluster.client.get(QUOTAS, QUOTA)
        status = quota.get("status") or {}
        return quota if status.get("used") == expected else None

    found: Document = await cluster.until(look)
    return found


async def test_what_is_used_is_counted_and_held(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        hard = {"pods": "1", "requests.memory": "1Gi", "count/secrets": "5", "configmaps": "9", "count/leases.coordination.k8s.io": "1"}  # fmt: skip
        await cluster.create(QUOTAS, "q", spec={"hard": hard})
        found = await _used(cluster, {
            "pods": "0", "requests.memory": "0", "count/secrets": "0", "configmaps": "1",
            "count/leases.coordination.k8s.io": "0",
        })  # fmt: skip
        assert found["status"]["hard"] == hard
        resources = {"requests": {"memory": "512Mi"}}
        await cluster.create(PODS, "one", spec=engine_pod(resources=resources))
        await cluster.create(SECRETS, "s")
        await cluster.create(CONFIG_MAPS, "c")
        await _used(cluster, {
            "pods": "1", "requests.memory": "512Mi", "count/secrets": "1", "configmaps": "2",
            "count/leases.coordination.k8s.io": "0",
        })  # fmt: skip
        with pytest.raises(
            ApiError, match="exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
        ):
            await cluster.create(PODS, "two", spec=engine_pod(resources=resources))
        await cluster.client.patch(
            PODS, Key("default", "one"), {"status": {"phase": "Failed"}}, "status"
        )
        await cluster.client.delete(SECRETS, Key("default", "s"))
        await _used(cluster, {
            "pods": "0", "requests.memory": "0", "count/secrets": "0", "configmaps": "2",
            "count/leases.coordination.k8s.io": "0",
        })  # fmt: skip
