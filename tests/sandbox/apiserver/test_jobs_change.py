"""What of a Job may change."""

from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import running_api

from kthena_sandbox.client import ApiError
from kthena_sandbox.kinds import JOBS, Key

WORK = Key("default", "work")


def _spec(**fields: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "one"}]
    template = {"spec": {"containers": containers, "restartPolicy": "Never"}}
    return {"template": template, "completions": 2, "parallelism": 2} | fields


async def test_an_indexed_job_grows_with_its_parallelism(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster:
        await cluster.create(JOBS, "work", spec=_spec(completionMode="Indexed"))
        grown = {"spec": {"completions": 4, "parallelism": 4}}
        changed = await cluster.client.patch(JOBS, WORK, grown)
        assert (changed["spec"]["completions"], changed["spec"]["parallelism"]) == (4, 4)
        with pytest.raises(ApiError, match=r"completions: Invalid value: 5: field is immutable"):
            await cluster.client.patch(JOBS, WORK, {"spec": {"completions": 5}})


async def test_another_job_does_not(tmp_path: Path) -> None:
    async with running_api(tmp_path) as cluster:
        await cluster.create(JOBS, "work", spec=_spec())
        with pytest.raises(ApiError, match=r"completions: Invalid value: 4: field is immutable"):
            await cluster.client.patch(JOBS, WORK, {"spec": {"completions": 4, "parallelism": 4}})
