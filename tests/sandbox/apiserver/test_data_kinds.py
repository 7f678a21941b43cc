"""Kinds that are kept for others to read: what drivers of storage write, and addresses of Services."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import Answer, Client

STORAGE = "/apis/storage.k8s.io/v1"
NETWORKING = "/apis/networking.k8s.io/v1"
CAPACITIES = f"{STORAGE}/namespaces/default/csistoragecapacities"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
NO_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


async def make(client: Client, path: str, name: str, **fields: Any) -> Answer:
    return await client.post(path, {"metadata": {"name": name}} | fields)


async def cells(client: Client, path: str) -> list[Any]:
    found: list[Any] = (await client.get(path, headers=TABLE)).document["rows"][0]["cells"]
    return found


async def test_a_driver_says_what_it_does_by_saying_nothing(client: Client) -> None:
    made = (await make(client, f"{STORAGE}/csidrivers", "d", spec={})).document
    assert made["spec"] == {
        "attachRequired": True, "fsGroupPolicy": "ReadWriteOnceWithFSType", "podInfoOnMount": False,
        "requiresRepublish": False, "seLinuxMount": False, "storageCapacity": False,
        "volumeLifecycleModes": ["Persistent"],
    }  # fmt: skip
    assert await cells(client, f"{STORAGE}/csidrivers/d") == [
        "d", True, False, False, "<unset>", False, "Persistent", "0s",
    ]  # fmt: skip


async def test_changes_of_a_driver_are_counted(client: Client) -> None:
    made = (await make(client, f"{STORAGE}/csidrivers", "d", spec={})).document
    assert "generation" not in made["metadata"]
    changed = await client.patch(f"{STORAGE}/csidrivers/d", {"spec": {"fsGroupPolicy": "File"}})
    assert changed.document["metadata"]["generation"] == 1
    refused = await client.patch(f"{STORAGE}/csidrivers/d", {"spec": {"attachRequired": False}})
    assert refused.message == (
        'CSIDriver.storage.k8s.io "d" is invalid: spec.attachedRequired: Invalid value: false: field is immutable'
    )


async def test_the_drivers_of_a_node_stay_or_go(client: Client) -> None:
    drivers = [{"name": "a.example.com", "nodeID": "n"}]
    made = await make(client, f"{STORAGE}/csinodes", "n", spec={"drivers": drivers})
    assert made.document["spec"] == {"drivers": [drivers[0] | {"topologyKeys": None}]}
    other = {"spec": {"drivers": [{"name": "a.example.com", "nodeID": "m"}]}}
    refused = await client.patch(f"{STORAGE}/csinodes/n", other)
    assert refused.message == (
        'CSINode.storage.k8s.io "n" is invalid: spec.drivers: Invalid value: {"Name":"a.example.com","NodeID":"m",'
        '"TopologyKeys":null,"Allocatable":null}: field is immutable'
    )
    emptied = await client.patch(f"{STORAGE}/csinodes/n", {"spec": {"drivers": []}})
    assert emptied.document["spec"] == {"drivers": None}
    assert (await client.delete(f"{STORAGE}/csinodes/n")).document["kind"] == "CSINode"


async def test_an_attachment_has_one_volume(client: Client) -> None:
    spec = {"attacher": "a.example.com", "nodeName": "n", "source": {}}
    refused = await make(client, f"{STORAGE}/volumeattachments", "a", spec=spec)
    assert refused.message == (
        'VolumeAttachment.storage.k8s.io "a" is invalid: spec.source: Required value: must specify exactly one of '
        "inlineVolumeSpec and persistentVolumeName"
    )
    spec = spec | {"source": {"persistentVolumeName": "v"}}
    made = await make(client, f"{STORAGE}/volumeattachments", "a", spec=spec)
    assert made.document["status"] == {"attached": False}
    attached = await client.patch(f"{STORAGE}/volumeattachments/a/status", {"status": {"attached": True}})  # fmt: skip
    assert attached.document["status"] == {"attached": True}
    assert await cells(client, f"{STORAGE}/volumeattachments/a") == [
        "a", "a.example.com", "v", "n", True, "0s",
    ]  # fmt: skip


async def test_a_capacity_is_of_one_class(client: Client) -> None:
    refused = await make(client, CAPACITIES, "c", storageClassName="a_b", capacity="-1")
    assert refused.message == (
        f'CSIStorageCapacity.storage.k8s.io "c" is invalid: [storageClassName: Invalid value: "a_b": {NO_SUBDOMAIN}, '
        'capacity: Invalid value: "-1": must be greater than or equal to 0]'
    )
    assert (await make(client, CAPACITIES, "c", storageClassName="slow")).code == 201


async def test_parameters_of_a_class_of_attributes_stay(client: Client) -> None:
    path = f"{STORAGE}/volumeattributesclasses"
    made = await make(client, path, "gold", driverName="d", parameters={"iops": "1"})
    assert made.document["metadata"]["finalizers"] == ["kubernetes.io/vac-protection"]
    refused = await client.patch(f"{path}/gold", {"parameters": {"iops": "2"}})
    assert refused.message == (
        'VolumeAttributesClass.storage.k8s.io "gold" is invalid: parameters: Forbidden: updates to parameters are '
        "forbidden."
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("one", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        ("10.01.1.1", "must not have leading 0s"),
        ("FD00::1", 'must be in canonical form ("fd00::1")'),
    ],
)
async def test_an_address_is_named_as_it_is_written(client: Client, name: str, why: str) -> None:
    parent = {"parentRef": {"resource": "services", "name": "s", "namespace": "default"}}
    refused = await make(client, f"{NETWORKING}/ipaddresses", name, spec=parent)
    assert refused.message == (
        f'IPAddress.networking.k8s.io "{name}" is invalid: metadata.name: Invalid value: "{name}": {why}'
    )
    assert (await make(client, f"{NETWORKING}/ipaddresses", "10.1.1.1", spec=parent)).code == 201
    shown = await cells(client, f"{NETWORKING}/ipaddresses/10.1.1.1")
    assert shown == ["10.1.1.1", "services/default/s"]


@pytest.mark.parametrize(
    ("ranges", "why"),
    [
        ([], "spec.cidrs: Required value: at least one CIDR required"),
        (["10.9.0.1/24"], 'spec.cidrs[0]: Invalid value: "10.9.0.1/24": must not have bits set beyond the prefix length'),
        (["010.9.0.0/24"], 'spec.cidrs[0]: Invalid value: "010.9.0.0/24": must not have leading 0s in IP or prefix length'),
        (["FD00:9::/64"], 'spec.cidrs[0]: Invalid value: "FD00:9::/64": must be in canonical form ("fd00:9::/64")'),
        (["10.9.0.0/24", "10.8.0.0/24"], 'spec.cidrs: Invalid value: ["10.9.0.0/24","10.8.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'),
    ],
)  # fmt: skip
async def test_ranges_of_services(client: Client, ranges: list[str], why: str) -> None:
    refused = await make(client, f"{NETWORKING}/servicecidrs", "c", spec={"cidrs": ranges})
    assert refused.message == f'ServiceCIDR.networking.k8s.io "c" is invalid: {why}'


async def test_a_second_range_has_no_effect_and_that_is_said(client: Client) -> None:
    made = await make(client, f"{NETWORKING}/servicecidrs", "c", spec={"cidrs": ["10.9.0.0/24"]})
    assert made.headers["warning"] == (
        '299 - "this sandbox draws addresses of Services from the ServiceCIDR kubernetes alone: another one has no effect"'
    )


async def test_the_range_of_the_cluster_is_there(client: Client) -> None:
    found = (await client.get(f"{NETWORKING}/servicecidrs/kubernetes")).document
    assert found["spec"] == {"cidrs": ["127.96.0.0/16"]}
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("Ready", "True")
    assert condition["message"] == "Kubernetes default Service CIDR is ready"
