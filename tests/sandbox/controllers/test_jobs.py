from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import Cluster, running

from kthena_sandbox.controllers.conditions import condition_of, is_true
from kthena_sandbox.kinds import JOBS, PODS, Document, Key

_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
WORK = Key("default", "work")
_WELL = {"name": "c", "image": "kthena-router", "args": ["--help"]}
_BADLY = {"name": "c", "image": "kthena-router", "args": ["--no-such-flag"]}
_FOR_EVER = {"name": "c", "image": "kthena/mock-engine", "args": ["--model", "m"]}


async def _job(cluster: Cluster, container: Document, **spec: Any) -> Document:
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"restartPolicy": "Never", "containers": [container],
                 "terminationGracePeriodSeconds": 0},
    }  # fmt: skip
    return await cluster.create(JOBS, "work", spec={"template": template} | spec)


async def _ended(cluster: Cluster, kind: str) -> Document:
    async def ended() -> Document | None:
        found = await cluster.client.get(JOBS, WORK)
        return found if is_true(found, kind) else None

    job: Document = await cluster.until(ended)
    return job


async def test_a_job_is_complete_when_enough_pods_have_ended_well(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        created = await _job(cluster, _WELL, completions=2, parallelism=2)
        uid = created["metadata"]["uid"]
        assert created["metadata"]["labels"] == created["spec"]["template"]["metadata"]["labels"]
        assert created["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "work"
        assert created["spec"]["selector"]["matchLabels"] == {
            "batch.kubernetes.io/controller-uid": uid
        }
        job = await _ended(cluster, "Complete")
        assert job["status"]["succeeded"] == 2
        assert "failed" not in job["status"]
        assert job["status"]["startTime"] <= job["status"]["completionTime"]
        assert is_true(job, "SuccessCriteriaMet")
        pods = await cluster.pods()
        assert [pod["status"]["phase"] for pod in pods] == ["Succeeded", "Succeeded"]
        assert all("finalizers" not in pod["metadata"] for pod in pods)
        await cluster.client.delete(JOBS, WORK, propagationPolicy="Background")
        for pod in pods:
            await cluster.gone(PODS, Key("default", pod["metadata"]["name"]))


async def test_a_job_fails_at_its_limits(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _BADLY, backoffLimit=0)
        job = await _ended(cluster, "Failed")
        failed = condition_of(job, "Failed") or {}
        assert failed["reason"] == "BackoffLimitExceeded"
        assert failed["message"] == "Job has reached the specified backoff limit"
        assert job["status"]["failed"] == 1


async def test_a_policy_ends_a_job_at_once(tmp_path: Path) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}}
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _BADLY, podFailurePolicy={"rules": [rule]})
        job = await _ended(cluster, "Failed")
        failed = condition_of(job, "Failed") or {}
        assert failed["reason"] == "PodFailurePolicy"
        (pod,) = await cluster.pods()
        name = pod["metadata"]["name"]
        assert failed["message"] == (
            f"Container c for pod default/{name} failed with exit code 1 matching FailJob rule at index 0"
        )


async def test_an_index_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [0]}}
    flags: Document = {"name": "c", "image": "kthena-router", "args": ["--$(FLAG)"]}
    flags["env"] = [{"name": "FLAG", "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}}]
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(
            cluster, flags, completionMode="Indexed", completions=2, backoffLimitPerIndex=0,
            podFailurePolicy={"rules": [rule]},
        )  # fmt: skip
        job = await _ended(cluster, "Failed")
        assert (condition_of(job, "Failed") or {})["reason"] == "FailedIndexes"
        assert (job["status"]["failedIndexes"], job["status"]["failed"]) == ("0,1", 2)


async def test_one_index_can_be_enough(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(
            cluster, _WELL, completionMode="Indexed", completions=9, parallelism=1,
            successPolicy={"rules": [{"succeededIndexes": "0"}]},
        )  # fmt: skip
        job = await _ended(cluster, "Complete")
        done = condition_of(job, "Complete") or {}
        assert (done["reason"], done["message"]) == ("SuccessPolicy", "Matched rules at index 0")


async def test_a_job_that_takes_too_long_is_ended_and_then_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _FOR_EVER, activeDeadlineSeconds=1, ttlSecondsAfterFinished=2)
        job = await _ended(cluster, "Failed")
        assert (condition_of(job, "Failed") or {})["reason"] == "DeadlineExceeded"
        await cluster.gone(JOBS, WORK)


async def test_a_suspended_job_waits(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _WELL, suspend=True)
        job = await _ended(cluster, "Suspended")
        assert "startTime" not in job["status"]
        await cluster.client.patch(JOBS, WORK, {"spec": {"suspend": False}})
        job = await _ended(cluster, "Complete")
        assert (condition_of(job, "Suspended") or {})["reason"] == "JobResumed"


async def test_each_index_is_done_once(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _WELL, completionMode="Indexed", completions=3, parallelism=2)
        job = await _ended(cluster, "Complete")
        assert job["status"]["completedIndexes"] == "0-2"
        names = sorted(pod["spec"]["hostname"] for pod in await cluster.pods())
        assert names == ["work-0", "work-1", "work-2"]


async def test_an_unknown_image_is_seen(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, {"name": "c", "image": "registry.k8s.io/certgen:v1"})

        async def waiting() -> str:
            for pod in await cluster.pods():
                for entry in pod["status"].get("containerStatuses") or []:
                    return str((entry["state"].get("waiting") or {}).get("reason", ""))
            return ""

        async def refused() -> bool:
            return await waiting() == "ErrImagePull"

        await cluster.until(refused)
        job = await cluster.client.get(JOBS, WORK)
        assert job["status"]["active"] == 1


@pytest.mark.parametrize("policy", ["Orphan", ""])
async def test_pods_outlive_a_job_that_is_deleted_without_them(tmp_path: Path, policy: str) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _job(cluster, _WELL)
        await _ended(cluster, "Complete")
        options = {"propagationPolicy": policy} if policy else {}
        await cluster.client.delete(JOBS, WORK, **options)
        await cluster.gone(JOBS, WORK)
        (pod,) = await cluster.pods()
        assert "ownerReferences" not in pod["metadata"]
