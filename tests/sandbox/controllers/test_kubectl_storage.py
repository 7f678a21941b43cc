"""Claims, quotas and limits through the eyes of kubectl."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import trio
from tests.sandbox.house import Cluster, running

from kthena_sandbox.kinds import CLAIMS, QUOTAS, Key

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH"),
]
MANIFESTS = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: cache}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Gi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: usual}
spec:
  limits:
  - {type: Container, default: {cpu: 500m}, max: {cpu: "1"}}
---
apiVersion: v1
kind: Pod
metadata: {name: engine}
spec:
  containers:
  - name: engine
    image: kthena/mock-engine:latest
    args: [--model, m]
    ports: [{containerPort: 8000}]
    volumeMounts: [{name: cache, mountPath: /root/.cache}]
  volumes: [{name: cache, persistentVolumeClaim: {claimName: cache}}]
"""


async def _run(folder: Path, *arguments: str, text: str = "", code: int = 0) -> list[list[str]]:
    """The words of what kubectl says, line by line."""
    environment = os.environ | {"KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder)}
    done = await trio.run_process(
        [str(KUBECTL), *arguments], env=environment, check=False, capture_stdout=True,
        stderr=subprocess.STDOUT, stdin=text.encode(),
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.returncode == code, said
    return [line.split() for line in said.splitlines()]


async def _hard(cluster: Cluster) -> bool:
    quota = await cluster.client.get(QUOTAS, Key("default", "small"))
    return bool((quota.get("status") or {}).get("used"))


async def test_a_pod_with_a_claim_within_a_quota(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        hard = "--hard=pods=2,requests.cpu=600m,persistentvolumeclaims=1"
        await _run(tmp_path, "create", "quota", "small", hard)
        await cluster.until(lambda: _hard(cluster))
        await _run(tmp_path, "apply", "-f", "-", text=MANIFESTS)
        await _run(tmp_path, "wait", "--for=condition=Ready", "pod/engine", "--timeout=60s")
        name = (await cluster.client.get(CLAIMS, Key("default", "cache")))["spec"]["volumeName"]
        (row,) = await _run(tmp_path, "get", "pvc", "--no-headers")
        assert row[:-1] == ["cache", "Bound", name, "10Gi", "RWO", "standard", "<unset>"]
        (row,) = await _run(tmp_path, "get", "pv", "--no-headers")
        assert row[:7] == [name, "10Gi", "RWO", "Delete", "Bound", "default/cache", "standard"]
        (row,) = await _run(tmp_path, "get", "storageclass", "--no-headers")
        assert row[:-1] == ["standard", "(default)", "sandbox.kthena.io/folder", "Delete", "Immediate", "true"]  # fmt: skip
        described = await _run(tmp_path, "describe", "pvc", "cache")
        assert ["Used", "By:", "engine"] in described
        assert await _run(tmp_path, "describe", "quota", "small") == [
            ["Name:", "small"],
            ["Namespace:", "default"],
            ["Resource", "Used", "Hard"],
            ["--------", "----", "----"],
            ["persistentvolumeclaims", "1", "1"],
            ["pods", "1", "2"],
            ["requests.cpu", "500m", "600m"],
        ]
        described = await _run(tmp_path, "describe", "limits", "usual")
        assert described[-1] == ["Container", "cpu", "-", "1", "500m", "500m", "-"]
        (refused,) = await _run(tmp_path, "run", "two", "--image=kthena/mock-engine", code=1)
        assert " ".join(refused) == (
            'Error from server (Forbidden): pods "two" is forbidden: exceeded quota: small, requested: '
            "requests.cpu=500m, used: requests.cpu=500m, limited: requests.cpu=600m"
        )
        await _run(tmp_path, "delete", "pvc", "cache", "--wait=false")
        (row,) = await _run(tmp_path, "get", "pvc", "--no-headers")
        assert row[1] == "Terminating"
        await _run(tmp_path, "delete", "pod", "engine", "--now")
        await cluster.gone(CLAIMS, Key("default", "cache"))
