"""`apply` against a real API server with its controllers."""

from pathlib import Path

import pytest
from tests.sandbox.house import engine_pod, running

from kthena_sandbox.applying import ApplyError, apply

TEAM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"},
    "spec": engine_pod(),
}  # fmt: skip


async def test_a_pod_waits_for_the_account_of_its_namespace(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        said = [await apply(cluster.client, document) for document in (TEAM, POD)]
        assert said == ["namespace/team created", "pod/p created"]
        (pod,) = await cluster.pods("team")
        assert pod["spec"]["serviceAccountName"] == "default"


async def test_a_pod_of_an_account_that_never_comes_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await apply(cluster.client, TEAM)
        with pytest.raises(ApplyError) as caught:
            await apply(cluster.client, POD | {"spec": engine_pod() | {"serviceAccountName": "x"}})
    assert str(caught.value) == (
        'pod/p: pods "p" is forbidden: error looking up service account team/x: '
        'serviceaccount "x" not found'
    )
