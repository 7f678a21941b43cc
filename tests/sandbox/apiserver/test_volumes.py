"""Volumes, claims and their classes as the API server alone keeps them; expected words are those of a kube-apiserver 1.34."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import Answer, Client

VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}


async def make_claim(client: Client, name: str = "c", **spec: object) -> Answer:
    usual = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return await client.post(CLAIMS, {"metadata": {"name": name}, "spec": usual | spec})


async def make_volume(client: Client, **spec: object) -> Answer:
    usual = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/mnt/a"},
    }
    return await client.post(VOLUMES, {"metadata": {"name": "v"}, "spec": usual | spec})


async def make_class(client: Client, name: str, **fields: Any) -> Answer:
    metadata = {"name": name, "annotations": fields.pop("annotations", {})}
    body = {"metadata": metadata, "provisioner": "example.com/disk"} | fields
    return await client.post(CLASSES, body)


async def test_new_volumes_and_claims_wait_and_are_protected(client: Client) -> None:
    claim = (await make_claim(client)).document
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem",
    }  # fmt: skip
    assert claim["status"] == {"phase": "Pending"}
    volume = (await make_volume(client, storageClassName="")).document
    assert volume["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    assert volume["spec"] == {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/mnt/a", "type": ""},
        "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem",
    }  # fmt: skip
    assert volume["status"] == {
        "phase": "Pending",
        "lastPhaseTransitionTime": "2026-01-02T03:04:05Z",
    }


async def test_a_phase_has_the_time_at_which_it_came(client: Client) -> None:
    await make_volume(client)
    client.clock.advance(5)
    same = await client.patch(f"{VOLUMES}/v/status", {"status": {"message": "m"}})
    assert same.document["status"]["lastPhaseTransitionTime"] == "2026-01-02T03:04:05Z"
    moved = await client.patch(f"{VOLUMES}/v/status", {"status": {"phase": "Available"}})
    assert moved.document["status"]["lastPhaseTransitionTime"] == "2026-01-02T03:04:10Z"


async def test_claims_without_a_class_get_the_default_one(client: Client) -> None:
    await make_class(client, "slow", annotations=DEFAULT)
    assert (await make_claim(client, "a")).document["spec"]["storageClassName"] == "slow"
    client.clock.advance(1)
    await make_class(client, "fast", annotations=DEFAULT)
    assert (await make_claim(client, "b")).document["spec"]["storageClassName"] == "fast"
    chosen = await make_claim(client, "d", storageClassName="")
    assert chosen.document["spec"]["storageClassName"] == ""


async def test_what_a_claim_says_stays(client: Client) -> None:
    await make_claim(client)
    refused = await client.patch(f"{CLAIMS}/c", {"spec": {"volumeAttributesClassName": "gold"}})
    assert refused.code == 422
    assert refused.message == (
        'PersistentVolumeClaim "c" is invalid: spec: Forbidden: spec is immutable after creation except '
        "resources.requests and volumeAttributesClassName for bound claims\n"
        "@@ -14,5 +14,5 @@\n"
        '  "VolumeMode": "Filesystem",\n'
        '  "DataSource": null,\n'
        '  "DataSourceRef": null,\n'
        '- "VolumeAttributesClassName": null\n'
        '+ "VolumeAttributesClassName": "gold"\n'
        " }\n"
    )
    bound = await client.patch(f"{CLAIMS}/c", {"spec": {"volumeName": "v"}})
    assert bound.document["spec"]["volumeName"] == "v"


async def test_bound_claims_grow_where_their_class_lets_them(client: Client) -> None:
    await make_class(client, "fixed")
    await make_class(client, "open", allowVolumeExpansion=True)
    larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    for name, code in (("fixed", 403), ("open", 200)):
        await make_claim(client, name, storageClassName=name, volumeName="v")
        status = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
        await client.patch(f"{CLAIMS}/{name}/status", {"status": status})
        grown = await client.patch(f"{CLAIMS}/{name}", larger)
        assert grown.code == code
    assert (await client.patch(f"{CLAIMS}/fixed", larger)).message == (
        'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the '
        "storageclass that provisions the pvc must support resize"
    )
    smaller = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    assert (await client.patch(f"{CLAIMS}/open", smaller)).message == (
        'PersistentVolumeClaim "open" is invalid: spec.resources.requests.storage: Forbidden: '
        "field can not be less than status.capacity"
    )


async def test_what_a_volume_is_made_of_stays(client: Client) -> None:
    await make_volume(client)
    refused = await client.patch(f"{VOLUMES}/v", {"spec": {"hostPath": {"path": "/mnt/b"}}})
    assert refused.message == (
        'PersistentVolume "v" is invalid: spec.persistentvolumesource: Forbidden: '
        "spec.persistentvolumesource is immutable after creation\n"
        "@@ -2,7 +2,7 @@\n"
        '  "GCEPersistentDisk": null,\n'
        '  "AWSElasticBlockStore": null,\n'
        '  "HostPath": {\n'
        '-  "Path": "/mnt/a",\n'
        '+  "Path": "/mnt/b",\n'
        '   "Type": ""\n'
        "  },\n"
        '  "Glusterfs": null,\n'
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"capacity": None}, '[spec.capacity: Required value, spec.capacity: Unsupported value: null: supported values: "storage"]'),
        ({"capacity": {"storage": "0"}}, 'spec.capacity[storage]: Invalid value: "0": must be greater than zero'),
        ({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
         "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"),
        ({"hostPath": None}, "spec: Required value: must specify a volume type"),
        ({"hostPath": {"path": "/a/../b"}}, 'spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\''),
        ({"hostPath": None, "local": {"path": "/x"}}, "spec.nodeAffinity: Required value: Local volume requires node affinity"),
        ({"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
         "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"),
        ({"nodeAffinity": {}}, "spec.nodeAffinity.required: Required value: must specify required node constraints"),
        ({"volumeAttributesClassName": "x"}, "spec.csi: Required value: has to be specified when using volumeAttributesClassName"),
    ],
)  # fmt: skip
async def test_bad_volumes_are_refused(client: Client, spec: dict[str, object], words: str) -> None:
    answer = await make_volume(client, **spec)
    assert (answer.code, answer.message) == (422, f'PersistentVolume "v" is invalid: {words}')


async def test_a_claim_names_its_source_twice(client: Client) -> None:
    source = {"kind": "PersistentVolumeClaim", "name": "x"}
    spec = (await make_claim(client, dataSource=source)).document["spec"]
    assert spec["dataSource"] == spec["dataSourceRef"] == source | {"apiGroup": None}
    dropped = (await make_claim(client, "d", dataSource={"kind": "Odd", "name": "x"})).document
    assert "dataSource" not in dropped["spec"]
    refused = await make_claim(client, "e", dataSource=source, dataSourceRef=source | {"name": "y"})
    assert refused.message == (
        'PersistentVolumeClaim "e" is invalid: spec: Invalid value: {}: must match dataSourceRef'
    )


async def test_classes_keep_what_volumes_are_made_by(client: Client) -> None:
    made = (await make_class(client, "s")).document
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    refused = await client.patch(f"{CLASSES}/s", {"parameters": {"a": "b"}})
    assert refused.message == (
        'StorageClass.storage.k8s.io "s" is invalid: parameters: Forbidden: updates to parameters are forbidden.'
    )
    empty = await make_class(client, "t", allowedTopologies=[{}])
    assert empty.message == (
        'StorageClass.storage.k8s.io "t" is invalid: allowedTopologies[0].matchLabelExpressions: '
        'Duplicate value: ""'
    )


async def test_what_is_of_old_is_taken_with_a_warning(client: Client) -> None:
    resources = {"requests": {"storage": "0.5"}}
    assert _said(await make_claim(client, resources=resources)) == (
        'spec.resources.requests[storage]: fractional byte value \\"500m\\" is invalid, must be an integer'
    )
    assert _said(await make_volume(client, persistentVolumeReclaimPolicy="Recycle")) == (
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
        "recommended approach is to use dynamic provisioning."
    )
    zone = {"key": "failure-domain.beta.kubernetes.io/zone", "values": ["a"]}
    made = await make_class(client, "s", allowedTopologies=[{"matchLabelExpressions": [zone]}])
    assert _said(made) == (
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use "
        '\\"topology.kubernetes.io/zone\\" instead'
    )


def _said(made: Answer) -> str:
    """The one warning of an answer."""
    assert made.code == 201, made.body
    return made.headers["warning"].removeprefix('299 - "').removesuffix('"')
