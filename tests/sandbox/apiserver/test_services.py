from ipaddress import ip_address
from typing import Any

import pytest
from tests.sandbox.apiserver.asgi_client import Answer, Client

from kthena_sandbox.apiserver import services

SERVICES = "/api/v1/namespaces/default/services"
HTTP = {"name": "http", "port": 80}
DNS = {"name": "dns", "port": 53}


async def create(client: Client, name: str, **spec: object) -> Answer:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]} | spec}
    return await client.post(SERVICES, body)


async def spec_of(client: Client, name: str, **spec: object) -> dict[str, Any]:
    answer = await create(client, name, **spec)
    assert answer.code == 201, answer.body
    found: dict[str, Any] = answer.document["spec"]
    return found


async def change(client: Client, name: str, **spec: object) -> Answer:
    return await client.patch(f"{SERVICES}/{name}", {"spec": spec})


async def test_services_get_cluster_addresses_of_their_own(client: Client) -> None:
    first, second = await spec_of(client, "a"), await spec_of(client, "b")
    addresses = {first["clusterIP"], second["clusterIP"]}
    assert len(addresses) == 2
    assert all(ip_address(entry) in services.RANGE for entry in addresses)
    assert first["clusterIPs"] == [first["clusterIP"]]
    assert (await spec_of(client, "headless", clusterIP="None"))["clusterIP"] == "None"
    out = await spec_of(client, "out", type="ExternalName", externalName="example.com")
    assert "clusterIP" not in out
    kept = await change(client, "a", clusterIP=None, type="NodePort")
    assert kept.document["spec"]["clusterIP"] == first["clusterIP"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("1.2.3.4", ('spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the '
                    "provided network does not match the current range")),
        ("127.96.0.1", ('spec.clusterIPs: Invalid value: ["127.96.0.1"]: failed to allocate IP '
                      "127.96.0.1: provided IP is already allocated")),
        ("mine", ('spec.clusterIPs[0]: Invalid value: "mine": must be a valid IP address, '
                 "(e.g. 10.9.8.7 or 2001:db8::ffff)")),
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_had(client: Client, address: str, why: str) -> None:
    answer = await create(client, "a", clusterIP=address)
    assert (answer.code, answer.message) == (422, f'Service "a" is invalid: {why}')


async def test_an_address_stays_for_life(client: Client) -> None:
    await spec_of(client, "a")
    moved = await change(client, "a", clusterIP="127.96.9.9")
    assert moved.message == (
        'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ["127.96.9.9"]: '
        "may not change once set"
    )


async def test_node_ports_are_given_out_and_belong_to_names(client: Client) -> None:
    spec = await spec_of(client, "a", type="NodePort", ports=[HTTP, DNS])
    http, dns = (port["nodePort"] for port in spec["ports"])
    balanced = await spec_of(client, "b", type="LoadBalancer")
    given = {http, dns, balanced["ports"][0]["nodePort"]}
    assert len(given) == 3
    assert given <= set(range(30086, 32768))
    answer = await change(client, "a", ports=[DNS | {"port": 5353}, {"name": "new", "port": 1}])
    assert [port["nodePort"] for port in answer.document["spec"]["ports"]] == [dns, http]


async def test_node_ports_only_where_they_are_wanted(client: Client) -> None:
    assert "nodePort" not in (await spec_of(client, "a"))["ports"][0]
    without = await spec_of(client, "b", type="LoadBalancer", allocateLoadBalancerNodePorts=False)
    assert "nodePort" not in without["ports"][0]


async def test_a_service_that_is_no_longer_balanced_loses_what_came_with_that(
    client: Client,
) -> None:
    address = (await spec_of(client, "a", type="LoadBalancer"))["clusterIP"]
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
    await client.patch(f"{SERVICES}/a/status", ingress)
    changed = (await change(client, "a", type="ClusterIP")).document
    assert changed["status"] == {"loadBalancer": {}}
    assert changed["spec"] == {
        "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    }  # fmt: skip


async def test_an_external_name_gives_its_address_back(client: Client) -> None:
    address = (await spec_of(client, "a"))["clusterIP"]
    changed = await change(client, "a", type="ExternalName", externalName="example.com", ports=None)
    assert set(changed.document["spec"]) == {"type", "externalName", "sessionAffinity"}
    assert (await create(client, "b", clusterIP=address)).code == 201


def test_all_of_a_range_is_drawn_from_a_place_that_the_uid_determines() -> None:
    assert sorted(services.drawn(range(5, 9), "u")) == [5, 6, 7, 8]
    starts = {next(services.drawn(range(1000), f"uid {number}")) for number in range(20)}
    assert len(starts) > 15


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"type": "NodePort", "ports": [HTTP | {"nodePort": 99}]},
         "Invalid value: 99: provided port is not in the valid range. The range of valid ports is 30000-32767"),
        ({"type": "NodePort", "ports": [HTTP | {"nodePort": 30001}]},
         "Invalid value: 30001: provided port is already allocated"),
        ({"ports": [HTTP | {"nodePort": 30002}]},
         "Forbidden: may not be used when `type` is 'ClusterIP'"),
    ],
)  # fmt: skip
async def test_a_node_port_that_cannot_be_had(
    client: Client, spec: dict[str, Any], why: str
) -> None:
    await spec_of(client, "other", type="NodePort", ports=[HTTP | {"nodePort": 30001}])
    answer = await create(client, "a", **spec)
    expected = f'Service "a" is invalid: spec.ports[0].nodePort: {why}'
    assert (answer.code, answer.message) == (422, expected)


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        (
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]},
            [
                'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
                'Invalid value: "IPv6": not configured on this cluster',
            ],
        ),
        (
            {"ipFamilyPolicy": "Any", "ipFamilies": ["IPv5"]},
            [
                'Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
                (
                    'Unsupported value: "Any": supported values: "PreferDualStack", '
                    '"RequireDualStack", "SingleStack"'
                ),
            ],
        ),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            [
                (
                    "Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' "
                    "when multiple IP families are specified"
                )
            ],
        ),
        (
            {"ipFamilies": ["IPv6"], "clusterIP": "None", "selector": {"a": "b"}},
            ['Invalid value: "IPv6": not configured on this cluster'],
        ),
    ],
)
async def test_families_that_the_cluster_does_not_have_are_refused(
    client: Client, spec: dict[str, Any], messages: list[str]
) -> None:
    refused = await create(client, "a", **spec)
    assert refused.code == 422
    assert [cause["message"] for cause in refused.document["details"]["causes"]] == messages


async def test_families_that_are_not_chosen(client: Client) -> None:
    usual = await spec_of(client, "a", ipFamilyPolicy="PreferDualStack")
    assert (usual["ipFamilies"], usual["ipFamilyPolicy"]) == (["IPv4"], "PreferDualStack")
    headless = await spec_of(client, "b", clusterIP="None", selector={"a": "b"})
    assert (headless["ipFamilies"], headless["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    free = await spec_of(client, "c", clusterIP="None", ipFamilies=["IPv6"])
    assert (free["ipFamilies"], free["ipFamilyPolicy"]) == (["IPv6", "IPv4"], "RequireDualStack")
    assert (await change(client, "c", sessionAffinity="ClientIP")).code == 200


async def test_endpoints_go_with_their_service(client: Client) -> None:
    endpoints = "/api/v1/namespaces/default/endpoints"
    await create(client, "a")
    await client.post(endpoints, {"metadata": {"name": "a"}})
    await client.post(endpoints, {"metadata": {"name": "b"}})
    await client.delete(f"{SERVICES}/a")
    assert (await client.get(f"{endpoints}/a")).code == 404
    assert (await client.get(f"{endpoints}/b")).code == 200


async def test_policy_for_internal_traffic_is_kept_and_not_shown(client: Client) -> None:
    await create(client, "a")
    changed = await change(client, "a", type="ExternalName", externalName="a.b")
    assert "internalTrafficPolicy" not in changed.document["spec"]
    kept = await client.get(f"{SERVICES}/a/status")
    assert kept.document["spec"]["internalTrafficPolicy"] == "Cluster"
    listed = await client.get(SERVICES)
    assert "internalTrafficPolicy" not in listed.document["items"][0]["spec"]
