"""Scenarios of volumes, claims to them, quotas and Secrets with tokens.

No claim is without a class, since the sandbox has a default one; volumes and classes have names that no other run has.
"""

from typing import Any

import trio
from tests.differential.controllers.scenarios import Scenario, Steps, template, workload
from tests.differential.controllers.world import World

_SYNC_SECONDS = 17.0  # a little more than what lies between two looks at what waits
_ONCE = ["ReadWriteOnce"]
_GI = {"requests": {"storage": "1Gi"}}


async def _volume(world: World, name: str, **spec: Any) -> None:
    usual = {
        "capacity": {"storage": "2Gi"},
        "accessModes": _ONCE,
        "hostPath": {"path": "/mnt/a"},
        "storageClassName": world.namespace,
    }
    await world.create("persistentvolumes", f"{world.namespace}-{name}", spec=usual | spec)


async def _claim(world: World, name: str, **spec: Any) -> None:
    usual = {"accessModes": _ONCE, "resources": _GI, "storageClassName": world.namespace}
    await world.create("persistentvolumeclaims", name, spec=usual | spec)


async def _class(world: World, **fields: Any) -> None:
    usual = {"provisioner": "kubernetes.io/no-provisioner"}
    await world.create("storageclasses.storage.k8s.io", world.namespace, **usual | fields)


async def volumes_are_bound(world: World) -> Steps:
    await _class(world)
    await _volume(world, "large", capacity={"storage": "4Gi"})
    await _volume(world, "small")
    yield "two volumes"
    await _claim(world, "one")
    yield "a claim"
    await _claim(world, "two")
    yield "another claim"
    await _claim(world, "three")
    yield "one too many"
    await world.delete("persistentvolumeclaims", "one")
    yield "the first is gone"
    await world.patch("persistentvolumes", f"{world.namespace}-small", {"spec": {"claimRef": None}})
    await trio.sleep(_SYNC_SECONDS)
    yield "its volume is given back"
    await world.delete("persistentvolumeclaims", "three")
    await world.delete("persistentvolumeclaims", "two")
    yield "all are gone"


async def volumes_are_meant_for_claims(world: World) -> Steps:
    reference = {"namespace": world.namespace, "name": "one"}
    await _volume(world, "meant", claimRef=reference, storageClassName="")
    await _volume(world, "free", storageClassName="")
    yield "a volume for a claim to come"
    await _claim(world, "two", storageClassName="", volumeName=f"{world.namespace}-free")
    await _claim(world, "one", storageClassName="")
    await trio.sleep(_SYNC_SECONDS)
    yield "both claims"
    await world.delete("persistentvolumes", f"{world.namespace}-free")
    await world.patch(
        "persistentvolumes", f"{world.namespace}-free", {"metadata": {"finalizers": None}}
    )
    yield "one has lost its volume"
    await world.delete("persistentvolumes", f"{world.namespace}-meant")
    yield "the other is asked to go"
    await world.delete("persistentvolumeclaims", "one")
    await world.delete("persistentvolumeclaims", "two")
    yield "the claims are gone"


async def claims_wait(world: World) -> Steps:
    await _claim(
        world, "none", storageClassName="", selector={"matchLabels": {"a": world.namespace}}
    )
    await _claim(world, "unknown")
    yield "no class, and one that is not there"
    await _class(world, provisioner="example.com/disk")
    await trio.sleep(_SYNC_SECONDS)
    yield "the class has come, of somebody else"


async def claims_wait_for_pods(world: World) -> Steps:
    await _class(world, volumeBindingMode="WaitForFirstConsumer", provisioner="example.com/disk")
    await _claim(world, "late")
    yield "nobody has asked"


async def volumes_are_not_ours_to_delete(world: World) -> Steps:
    await _class(world)
    await _volume(
        world, "gone", persistentVolumeReclaimPolicy="Delete", hostPath={"path": "/srv/x"}
    )
    await _claim(world, "one")
    yield "bound"
    await world.delete("persistentvolumeclaims", "one")
    yield "the claim is gone"


async def claims_are_kept_for_pods(world: World) -> Steps:
    await _class(world)
    await _volume(world, "used")
    await _claim(world, "one")
    yield "bound"
    source = [{"name": "v", "persistentVolumeClaim": {"claimName": "one"}}]
    await world.create("pods", "user", spec=template()["spec"] | {"volumes": source})
    await world.run_pods()
    await world.delete("persistentvolumeclaims", "one")
    yield "its claim is asked to go"
    await world.end_pods("Succeeded")
    yield "the pod has ended"


async def pods_bring_claims_along(world: World) -> Steps:
    await _class(world)
    claim = {"spec": {"accessModes": _ONCE, "resources": _GI, "storageClassName": world.namespace}}
    source = [{"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}]
    await world.create("pods", "user", spec=template()["spec"] | {"volumes": source})
    yield "a pod"


async def stateful_set_has_claims(world: World) -> Steps:
    await _class(world)
    claim = {
        "metadata": {"name": "data", "labels": {"x": "y"}},
        "spec": {"accessModes": _ONCE, "resources": _GI, "storageClassName": world.namespace},
    }
    policy = {"whenScaled": "Delete", "whenDeleted": "Delete"}
    spec = workload(
        2, serviceName="s", podManagementPolicy="Parallel", volumeClaimTemplates=[claim],
        persistentVolumeClaimRetentionPolicy=policy,
    )  # fmt: skip
    await world.create("statefulsets.apps", "web", spec=spec)
    yield "created"
    await world.run_pods()
    yield "ready"
    await world.patch("statefulsets.apps", "web", {"spec": {"replicas": 1}})
    yield "made smaller"
    await world.let_go()
    yield "one is gone"
    kept = {"whenScaled": "Retain", "whenDeleted": "Retain"}
    await world.patch(
        "statefulsets.apps", "web", {"spec": {"persistentVolumeClaimRetentionPolicy": kept}}
    )
    yield "claims are to be kept"
    await world.delete("statefulsets.apps", "web")
    await trio.sleep(1)
    await world.let_go()
    yield "deleted"


async def quotas_count(world: World) -> Steps:
    hard = {
        "pods": "4", "requests.cpu": "2", "limits.memory": "1Gi", "count/secrets": "5", "configmaps": "9",
        "services": "3", "requests.example.com/gpu": "1", "example.com/gpu": "1",
        "count/deployments.apps": "2", "persistentvolumeclaims": "2", "requests.storage": "5Gi",
    }  # fmt: skip
    await world.create("resourcequotas", "all", spec={"hard": hard})
    await world.create(
        "resourcequotas", "best", spec={"hard": {"pods": "1"}, "scopes": ["BestEffort"]}
    )
    yield "created"
    resources = {"requests": {"cpu": "300m"}, "limits": {"memory": "256Mi", "cpu": "500m"}}
    for name in ("one", "two"):
        container = {"name": "main", "image": "x", "resources": resources}
        await world.create("pods", name, spec={"containers": [container]})
    await world.create("secrets", "s")
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    await world.create("services", "s", spec={"ports": ports})
    await world.create("deployments.apps", "web", spec=workload(0))
    await _claim(world, "c")
    yield "used"
    await world.run_pods(1)
    await world.end_pods("Failed")
    await world.delete("secrets", "s")
    await world.delete("services", "s")
    yield "less is used"
    await world.patch("resourcequotas", "all", {"spec": {"hard": {"pods": None, "secrets": "7"}}})
    yield "another quota"


async def secrets_have_tokens(world: World) -> Steps:
    await world.create("serviceaccounts", "robot")
    for name, account in (("token", "robot"), ("early", "nobody")):
        annotations = {"kubernetes.io/service-account.name": account}
        await world.create(
            "secrets", name, metadata={"annotations": annotations},
            type="kubernetes.io/service-account-token",
        )  # fmt: skip
    yield "created"
    await world.patch("secrets", "token", {"data": {"namespace": None, "token": None}})
    yield "spoilt"
    await world.delete("serviceaccounts", "robot")
    yield "the account is gone"


SCENARIOS: tuple[Scenario, ...] = (
    volumes_are_bound, volumes_are_meant_for_claims, claims_wait, claims_wait_for_pods,
    volumes_are_not_ours_to_delete, claims_are_kept_for_pods, pods_bring_claims_along,
    stateful_set_has_claims, quotas_count, secrets_have_tokens,
)  # fmt: skip
