from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import running

from kthena_sandbox.controllers.taints import patience_of, with_disruption
from kthena_sandbox.kinds import EVENTS, NODES, PODS, Document, Key

_DRIVES = {"key": "gone", "effect": "NoExecute"}
_CLOSED = {"key": "closed", "effect": "NoSchedule"}


def _bears(key: str, seconds: int | None = None) -> Document:
    limit = {} if seconds is None else {"tolerationSeconds": seconds}
    return {"key": key, "operator": "Exists", "effect": "NoExecute"} | limit


@pytest.mark.parametrize(
    ("tolerations", "taints", "patience"),
    [
        ([], [_CLOSED], None),
        ([], [_DRIVES], 0.0),
        ([_bears("other")], [_DRIVES], 0.0),
        ([_bears("gone")], [_DRIVES], None),
        ([_bears("gone", 30)], [_DRIVES, _CLOSED], 30.0),
        ([_bears("gone", -1)], [_DRIVES], 0.0),
        ([_bears("gone", 30), _bears("more", 20)], [_DRIVES, _DRIVES | {"key": "more"}], 20.0),
        ([_bears("gone", 30)], [_DRIVES, _DRIVES | {"key": "more"}], 0.0),
    ],
)
def test_pods_bear_taints_for_a_while(
    tolerations: list[Any], taints: list[Any], patience: float | None
) -> None:
    pod = {"spec": {"tolerations": tolerations}}
    assert patience_of(pod, {"spec": {"taints": taints}}) == patience


def test_a_pod_says_why_it_goes() -> None:
    ready = {"type": "Ready", "status": "True"}
    pod = {"metadata": {"generation": 2}, "status": {"conditions": [ready]}}
    assert with_disruption(pod, datetime(2026, 1, 2, tzinfo=UTC)) == {
        "conditions": [
            ready,
            {
                "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
                "lastTransitionTime": "2026-01-02T00:00:00Z", "observedGeneration": 2,
            },
        ]
    }  # fmt: skip


async def test_a_node_drives_its_pods_away(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(NODES, {"metadata": {"name": "node"}})
        containers = [{"name": "main", "image": "x"}]
        for name, tolerations in (("goes", []), ("stays", [_bears("gone")])):
            spec = {"containers": containers, "nodeName": "node", "tolerations": tolerations}
            await cluster.create(PODS, name, spec=spec)
        await cluster.client.patch(NODES, Key("", "node"), {"spec": {"taints": [_DRIVES]}})

        async def told() -> list[str]:
            events = await cluster.client.list(EVENTS, "default")
            return [one["message"] for one in events if one["reason"] == "TaintManagerEviction"]

        assert await cluster.until(told) == ["Marking for deletion Pod default/goes"]

        async def leaving() -> list[str]:
            return [
                pod["metadata"]["name"] for pod in await cluster.pods()
                if "deletionTimestamp" in pod["metadata"]
            ]  # fmt: skip

        assert await cluster.until(leaving) == ["goes"]
