"""DeviceClasses, ResourceClaims, their templates and ResourceSlices, which are kept for others to act on."""

from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import Answer, Client

GROUP = "/apis/resource.k8s.io/v1"
CLAIMS = f"{GROUP}/namespaces/default/resourceclaims"
SLICES = f"{GROUP}/resourceslices"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
GPU = {"deviceClassName": "gpu"}
SLICE = {"driver": "a.b", "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}  # fmt: skip
PLACES = (
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
)
UNKNOWN = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"


async def claim(client: Client, *requests: Any, **devices: Any) -> Answer:
    spec = {"devices": {"requests": list(requests)} | devices}
    return await client.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})


async def test_a_claim_is_for_one_device_unless_it_says_otherwise(client: Client) -> None:
    made = await claim(
        client, {"name": "a", "exactly": GPU}, {"name": "b", "exactly": GPU | {"allocationMode": "All"}},
        {"name": "c", "firstAvailable": [GPU | {"name": "x", "count": 3}]},
    )  # fmt: skip
    one = {"allocationMode": "ExactCount", "count": 1}
    assert made.document["spec"]["devices"]["requests"] == [
        {"name": "a", "exactly": GPU | one},
        {"name": "b", "exactly": GPU | {"allocationMode": "All"}},
        {"name": "c", "firstAvailable": [GPU | {"name": "x"} | one | {"count": 3}]},
    ]
    (row,) = (await client.get(f"{CLAIMS}/c", headers=TABLE)).document["rows"]
    assert row["cells"] == ["c", "pending", "0s"]


async def test_what_is_asked_for_stays_and_a_status_is_written(client: Client) -> None:
    await claim(client, {"name": "a", "exactly": GPU})
    other = {"spec": {"devices": {"requests": [{"name": "b", "exactly": GPU}]}}}
    refused = await client.patch(f"{CLAIMS}/c", other)
    assert refused.code == 422
    assert refused.message.startswith(
        'ResourceClaim.resource.k8s.io "c" is invalid: spec: Invalid value: '
    )
    assert refused.message.endswith(": field is immutable")
    user = {"resource": "pods", "name": "p", "uid": "u"}
    status = {"status": {"allocation": {}, "reservedFor": [user]}}
    assert (await client.patch(f"{CLAIMS}/c/status", status)).code == 200
    (row,) = (await client.get(f"{CLAIMS}/c", headers=TABLE)).document["rows"]
    assert row["cells"][1] == "allocated,reserved"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"name": "r"}, "requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"),
        ({"name": "r", "exactly": {}}, "requests[0].exactly.deviceClassName: Required value"),
        ({"name": "r", "exactly": GPU | {"allocationMode": "Odd"}}, 'requests[0].exactly.allocationMode: Unsupported value: "Odd": supported values: "All", "ExactCount"'),
        ({"name": "r", "exactly": GPU | {"allocationMode": "All", "count": 3}}, "requests[0].exactly.count: Invalid value: 3: must not be specified when allocationMode is 'All'"),
        ({"name": "r", "exactly": GPU | {"count": -1}}, "requests[0].exactly.count: Invalid value: -1: must be greater than zero"),
        ({"name": "r", "exactly": GPU | {"selectors": [{}]}}, "requests[0].exactly.selectors[0].cel: Required value"),
        ({"name": "r", "exactly": GPU | {"tolerations": [{"operator": "Odd"}]}}, 'requests[0].exactly.tolerations[0].operator: Unsupported value: "Odd": supported values: "Equal", "Exists"'),
    ],
)  # fmt: skip
async def test_requests_that_are_refused(client: Client, request_: Any, why: str) -> None:
    refused = await claim(client, request_)
    assert refused.message == f'ResourceClaim.resource.k8s.io "c" is invalid: spec.devices.{why}'


async def test_constraints_are_about_requests_of_the_claim(client: Client) -> None:
    constraint = {"requests": ["odd"], "matchAttribute": "a"}
    refused = await claim(client, {"name": "r", "exactly": GPU}, constraints=[constraint])
    assert refused.message == (
        'ResourceClaim.resource.k8s.io "c" is invalid: [spec.devices.constraints[0].requests[0]: Invalid value: "odd": '
        f'{UNKNOWN}, spec.devices.constraints[0].matchAttribute: Invalid value: "a": must include a domain]'
    )


async def test_a_template_says_nothing_of_the_name(client: Client) -> None:
    path = f"{GROUP}/namespaces/default/resourceclaimtemplates"
    made = await client.post(path, {"metadata": {"name": "t"}, "spec": {"spec": {}}})
    assert made.document["spec"] == {"metadata": {}, "spec": {"devices": {"requests": None}}}
    named = {"metadata": {"name": "u"}, "spec": {"metadata": {"name": "x"}, "spec": {}}}
    refused = await client.post(path, named)
    assert refused.message == (
        'ResourceClaimTemplate.resource.k8s.io "u" is invalid: spec.metadata.name: Forbidden: cannot be set'
    )


async def test_a_class_says_how_devices_are_set_up(client: Client) -> None:
    made = await client.post(f"{GROUP}/deviceclasses", {"metadata": {"name": "gpu"}, "spec": {}})
    assert made.document["metadata"]["generation"] == 1
    config = {"spec": {"config": [{"opaque": {"driver": "", "parameters": {"kind": "X"}}}]}}
    refused = await client.patch(f"{GROUP}/deviceclasses/gpu", config)
    assert "spec.config[0].opaque.driver: Required value" in refused.message


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"nodeName": None}, f"spec: Required value: {PLACES}"),
        ({"allNodes": True}, f'spec: Invalid value: "{{`nodeName`, `allNodes`}}": {PLACES}, but multiple fields are set'),
        ({"pool": {"name": "p", "generation": -1, "resourceSliceCount": 0}}, "[spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero, spec.pool.generation: Invalid value: -1: must be greater than or equal to zero]"),
        ({"devices": [{"name": "d"}, {"name": "d"}]}, 'spec.devices[1].name: Duplicate value: "d"'),
        ({"devices": [{"name": "d", "attributes": {"x": {}}}]}, "spec.devices[0].attributes[x]: Required value: exactly one value must be specified"),
        ({"devices": [{"name": "d", "attributes": {"x": {"version": "v"}}}]}, 'spec.devices[0].attributes[x].version: Invalid value: "v": must be a string compatible with semver.org spec 2.0.0'),
    ],
)  # fmt: skip
async def test_slices_that_are_refused(client: Client, spec: Any, why: str) -> None:
    refused = await client.post(SLICES, {"metadata": {"name": "s"}, "spec": SLICE | spec})
    assert refused.message == f'ResourceSlice.resource.k8s.io "s" is invalid: {why}'


async def test_slices_are_found_by_node(client: Client) -> None:
    for name, node in (("s", "n"), ("t", "m")):
        await client.post(SLICES, {"metadata": {"name": name}, "spec": SLICE | {"nodeName": node}})
    found = await client.get(f"{SLICES}?fieldSelector=spec.nodeName=m", headers=TABLE)
    (row,) = found.document["rows"]
    assert row["cells"] == ["t", "m", "a.b", "p", "0s"]
    refused = await client.get(f"{SLICES}?fieldSelector=spec.odd=m")
    assert refused.message == (
        "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.odd"
    )


async def test_a_slice_stays_where_it_is(client: Client) -> None:
    await client.post(SLICES, {"metadata": {"name": "s"}, "spec": SLICE})
    refused = await client.patch(f"{SLICES}/s", {"spec": {"nodeName": None, "allNodes": True}})
    assert refused.message == (
        'ResourceSlice.resource.k8s.io "s" is invalid: spec.nodeName: Invalid value: null: field is immutable'
    )
