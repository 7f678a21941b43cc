"""Claims and volumes: which go together, what is made and what is left."""

from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.house import Cluster, engine_pod, running

from kthena_sandbox.controllers.volume_plan import (
    cannot_make,
    fits,
    new_volume,
    removable,
    volume_for,
)
from kthena_sandbox.kinds import (
    CLAIMS,
    EVENTS,
    PODS,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Document,
    Key,
)

GI = {"requests": {"storage": "1Gi"}}
ONCE = ["ReadWriteOnce"]


def _claim(name: str = "c", **spec: Any) -> Document:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"accessModes": ONCE, "resources": GI} | spec}


def _volume(
    name: str, size: str = "1Gi", labels: dict[str, str] | None = None, **spec: Any
) -> Document:
    usual = {"accessModes": ONCE, "capacity": {"storage": size}}
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": usual | spec}


@pytest.mark.parametrize(
    ("claim", "volume", "expected"),
    [
        ({}, {}, True),
        ({}, {"size": "1023Mi"}, False),
        ({"accessModes": ["ReadWriteMany"]}, {}, False),
        ({"accessModes": ["ReadWriteMany"]}, {"accessModes": ["ReadWriteMany", "ReadWriteOnce"]}, True),
        ({"storageClassName": "fast"}, {}, False),
        ({"storageClassName": ""}, {}, True),
        ({"storageClassName": "fast"}, {"storageClassName": "fast"}, True),
        ({"volumeMode": "Block"}, {"volumeMode": "Filesystem"}, False),
        ({"selector": {"matchLabels": {"a": "b"}}}, {}, False),
        ({"selector": {"matchLabels": {"a": "b"}}}, {"labels": {"a": "b"}}, True),
    ],
)  # fmt: skip
def test_a_volume_has_all_that_a_claim_asks_for(
    claim: Document, volume: Document, expected: bool
) -> None:
    assert fits(_volume("v", **volume), _claim(**claim)) is expected


def test_the_smallest_free_volume_is_taken_unless_one_is_meant_for_the_claim() -> None:
    free = [_volume("large", "4Gi"), _volume("small", "2Gi"), _volume("tiny", "1Mi")]
    taken = _volume("taken", claimRef={"namespace": "default", "name": "other", "uid": "x"})
    assert (volume_for(_claim(), [*free, taken]) or {})["metadata"]["name"] == "small"
    meant = _volume("meant", "8Gi", claimRef={"namespace": "default", "name": "c"})
    assert (volume_for(_claim(), [*free, meant]) or {})["metadata"]["name"] == "meant"
    assert volume_for(_claim(), [taken]) is None


def test_folders_are_made_for_what_they_can_be() -> None:
    made = new_volume(_claim(), {"metadata": {"name": "standard"}}, Path("/volumes"))
    assert made["spec"]["hostPath"] == {"path": "/volumes/pvc-uid-c", "type": "DirectoryOrCreate"}
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert cannot_make(_claim()) == ""
    assert cannot_make(_claim(volumeMode="Block")) == (
        "the sandbox has no block volumes, only folders"
    )
    assert cannot_make(_claim(selector={})) == ""
    assert cannot_make(_claim(selector={"matchLabels": {"a": "b"}})) == (
        "claim.Spec.Selector is not supported"
    )


def test_what_others_have_made_is_removed_where_kubernetes_does() -> None:
    folder = Path("/volumes")
    own = new_volume(_claim(), {"metadata": {"name": "standard"}}, folder)
    assert removable(own, folder) == (Path("/volumes/pvc-uid-c"), "")
    assert removable(own, Path("/elsewhere")) == (
        None,
        "host_path deleter only supports /tmp/.+ but received provided /volumes/pvc-uid-c",
    )
    assert removable(_volume("v", hostPath={"path": "/tmp/x"}), folder) == (Path("/tmp/x"), "")
    assert removable(_volume("v", hostPath={"path": "/tmp"}), folder)[0] is None
    assert removable(_volume("v", local={"path": "/tmp/x"}), folder) == (
        None,
        'Error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    )


async def _claimed(cluster: Cluster, name: str, **spec: Any) -> Document:
    usual = {"accessModes": ONCE, "resources": GI}
    return await cluster.create(CLAIMS, name, spec=usual | spec)


async def _phase(cluster: Cluster, name: str, phase: str) -> Document:
    async def look() -> Document | None:
        claim = await cluster.client.find(CLAIMS, Key("default", name))
        return claim if claim and claim["status"]["phase"] == phase else None

    found: Document = await cluster.until(look)
    return found


async def _volume_phase(cluster: Cluster, name: str, phase: str) -> Document:
    async def look() -> Document | None:
        volume = await cluster.client.find(VOLUMES, Key("", name))
        return volume if volume and volume["status"]["phase"] == phase else None

    found: Document = await cluster.until(look)
    return found


async def _event(cluster: Cluster, reason: str) -> str:
    async def look() -> str:
        events = await cluster.client.list(EVENTS, "default")
        return next((one["message"] for one in events if one["reason"] == reason), "")

    return str(await cluster.until(look))


async def _class_is_there(cluster: Cluster) -> None:
    async def look() -> bool:
        return await cluster.client.find(STORAGE_CLASSES, Key("", "standard")) is not None

    await cluster.until(look)


async def test_claims_get_folders_that_go_with_them(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await _class_is_there(cluster)
        await _claimed(cluster, "data")
        claim = await _phase(cluster, "data", "Bound")
        assert claim["spec"]["storageClassName"] == "standard"
        assert (claim["status"]["capacity"], claim["status"]["accessModes"]) == (
            {"storage": "1Gi"},
            ONCE,
        )
        name = claim["spec"]["volumeName"]
        assert name == f"pvc-{claim['metadata']['uid']}"
        volume = await _volume_phase(cluster, name, "Bound")
        folder = tmp_path / "volumes" / name
        assert volume["spec"]["hostPath"]["path"] == str(folder)
        (folder / "weights").write_text("much")
        larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        await cluster.client.patch(CLAIMS, Key("default", "data"), larger)

        async def grown() -> bool:
            found = await cluster.client.get(CLAIMS, Key("default", "data"))
            return bool(found["status"]["capacity"]["storage"] == "2Gi")

        await cluster.until(grown)
        await cluster.client.delete(CLAIMS, Key("default", "data"))
        await cluster.gone(VOLUMES, Key("", name))
        assert not folder.exists()
        assert await _event(cluster, "ProvisioningSucceeded") == (
            f"Successfully provisioned volume {name}"
        )


async def test_volumes_of_the_user_are_found_kept_and_lost(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await _class_is_there(cluster)
        spec = {
            "capacity": {"storage": "5Gi"},
            "accessModes": ONCE,
            "hostPath": {"path": "/mnt/models"},
        }
        for name in ("kept", "other"):
            await cluster.client.create(VOLUMES, {"metadata": {"name": name}, "spec": spec})
            await _volume_phase(cluster, name, "Available")
        await _claimed(cluster, "data", storageClassName="", volumeName="kept")
        claim = await _phase(cluster, "data", "Bound")
        assert claim["status"]["capacity"] == {"storage": "5Gi"}
        await _volume_phase(cluster, "kept", "Bound")
        await cluster.client.delete(VOLUMES, Key("", "kept"))  # which waits for the claim
        assert (await cluster.client.get(VOLUMES, Key("", "kept")))["status"]["phase"] == "Bound"
        await cluster.client.delete(CLAIMS, Key("default", "data"))
        await cluster.gone(VOLUMES, Key("", "kept"))
        await _claimed(cluster, "second", storageClassName="")
        await _phase(cluster, "second", "Bound")
        await cluster.client.delete(CLAIMS, Key("default", "second"))
        released = await _volume_phase(cluster, "other", "Released")
        assert released["spec"]["claimRef"]["name"] == "second"
        await _claimed(cluster, "third", storageClassName="")
        assert await _event(cluster, "FailedBinding") == (
            "no persistent volumes available for this claim and no storage class is set"
        )
        await cluster.client.patch(VOLUMES, Key("", "other"), {"spec": {"claimRef": None}})
        await _phase(cluster, "third", "Bound")
        await cluster.client.delete(VOLUMES, Key("", "other"))
        gone = {"metadata": {"finalizers": None}}
        await cluster.client.patch(VOLUMES, Key("", "other"), gone)
        await _phase(cluster, "third", "Lost")


async def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await _class_is_there(cluster)
        await _claimed(cluster, "a", storageClassName="none")
        assert await _event(cluster, "ProvisioningFailed") == (
            'storageclass.storage.k8s.io "none" not found'
        )
        foreign = {"metadata": {"name": "foreign"}, "provisioner": "example.com/disk"}
        await cluster.client.create(STORAGE_CLASSES, foreign)
        await _claimed(cluster, "b", storageClassName="foreign")
        assert (await _event(cluster, "ExternalProvisioning")).startswith(
            "Waiting for a volume to be created either by the external provisioner 'example.com/disk'"
        )


async def test_late_claims_wait_for_a_pod_and_are_kept_while_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        late = {
            "metadata": {"name": "late"},
            "provisioner": "sandbox.kthena.io/folder",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        await cluster.client.create(STORAGE_CLASSES, late)
        await _claimed(cluster, "cache", storageClassName="late")
        assert await _event(cluster, "WaitForFirstConsumer") == (
            "waiting for first consumer to be created before binding"
        )
        volumes = [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}]
        mounts = [{"name": "cache", "mountPath": "/root/.cache"}]
        spec = engine_pod(volumeMounts=mounts) | {"volumes": volumes}
        pod = await cluster.create(PODS, "user", spec=spec)

        async def started() -> bool:
            found = await cluster.client.get(PODS, Key("default", "user"))
            return bool(found["status"]["phase"] == "Running")

        await cluster.until(started)
        claim = await _phase(cluster, "cache", "Bound")
        link = (
            tmp_path / "kubelet" / "pods" / pod["metadata"]["uid"] / "volumes"
            / "kubernetes.io~local-volume" / "cache"
        )  # fmt: skip
        folder = tmp_path / "volumes" / claim["spec"]["volumeName"]
        assert link.readlink() == folder
        await cluster.client.delete(CLAIMS, Key("default", "cache"))
        assert folder.exists()
        await cluster.client.delete(PODS, Key("default", "user"), gracePeriodSeconds=0)
        await cluster.gone(CLAIMS, Key("default", "cache"))
        await cluster.gone(VOLUMES, Key("", claim["spec"]["volumeName"]))
        assert not folder.exists()


async def test_claims_that_a_pod_brings_along_go_with_it(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _class_is_there(cluster)
        template = {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"accessModes": ONCE, "resources": GI},
        }
        volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
        mounts = [{"name": "scratch", "mountPath": "/scratch", "subPath": "deep/down"}]
        spec = engine_pod(volumeMounts=mounts) | {"volumes": volumes}
        pod = await cluster.create(PODS, "user", spec=spec)
        claim = await _phase(cluster, "user-scratch", "Bound")
        (owner,) = claim["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], claim["metadata"]["labels"]) == (
            "Pod",
            "user",
            {"a": "b"},
        )

        async def started() -> bool:
            found = await cluster.client.get(PODS, Key("default", "user"))
            return bool(found["status"]["phase"] == "Running")

        await cluster.until(started)
        folder = tmp_path / "volumes" / claim["spec"]["volumeName"]
        assert (folder / "deep" / "down").is_dir()
        await cluster.client.delete(PODS, Key("default", "user"), pod["metadata"]["uid"])
        await cluster.gone(CLAIMS, Key("default", "user-scratch"))


async def test_pods_wait_for_their_claims(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "absent"}}]
        await cluster.create(PODS, "user", spec=engine_pod() | {"volumes": volumes})
        assert await _event(cluster, "FailedScheduling") == (
            '0/1 nodes are available: persistentvolumeclaim "absent" not found. preemption: '
            "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )


async def test_stateful_sets_have_claims_that_stay_or_go(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await _class_is_there(cluster)
        template = {"metadata": {"labels": {"app": "a"}}, "spec": engine_pod()}
        spec = {
            "replicas": 2, "serviceName": "s", "selector": {"matchLabels": {"app": "a"}}, "template": template,
            "podManagementPolicy": "Parallel",
            "volumeClaimTemplates": [
                {"metadata": {"name": "data"}, "spec": {"accessModes": ONCE, "resources": GI}}
            ],
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete", "whenDeleted": "Retain"},
        }  # fmt: skip
        await cluster.create(STATEFUL_SETS, "web", spec=spec)
        claim = await _claim_of(cluster, "data-web-1")
        assert claim["metadata"]["labels"] == {"app": "a"}
        await _phase(cluster, "data-web-0", "Bound")
        pod = await cluster.until(lambda: cluster.client.find(PODS, Key("default", "web-1")))
        assert pod["spec"]["volumes"][0] == {
            "name": "data",
            "persistentVolumeClaim": {"claimName": "data-web-1"},
        }
        await cluster.client.patch(STATEFUL_SETS, Key("default", "web"), {"spec": {"replicas": 1}})
        await cluster.gone(CLAIMS, Key("default", "data-web-1"))
        await cluster.client.delete(STATEFUL_SETS, Key("default", "web"))
        await cluster.gone(PODS, Key("default", "web-0"))
        assert (await _claim_of(cluster, "data-web-0"))["status"]["phase"] == "Bound"


async def _claim_of(cluster: Cluster, name: str) -> Document:
    found: Document = await cluster.until(lambda: cluster.client.find(CLAIMS, Key("default", name)))
    return found
