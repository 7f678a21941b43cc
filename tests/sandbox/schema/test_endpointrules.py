"""What a kube-apiserver 1.34 says of Endpoints, EndpointSlices and Events that do not fit."""

from typing import Any

import pytest

from kthena_sandbox.schema.endpointrules import endpoint_slice_rules, endpoints_rules, event_rules

Document = dict[str, Any]
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


@pytest.mark.parametrize(
    ("subset", "said"),
    [
        ({"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}, []),
        ({"addresses": [{"ip": "127.0.0.1"}]}, []),  # unlike a real one: pods here have such addresses
        ({}, ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
        ({"notReadyAddresses": [{"ip": "x"}]}, [
            f'subsets[0].notReadyAddresses[0].ip: Invalid value: "x": {NO_ADDRESS}',
            'subsets[0].notReadyAddresses[0].ip: Invalid value: "x": must be a valid IP address',
        ]),
        ({"addresses": [{"ip": "::1"}], "ports": [{"port": 0}]},
         ["subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ({"addresses": [{"ip": "::1"}], "ports": [{"port": 1, "name": "a"}, {"port": 2, "protocol": "X"}]}, [
            "subsets[0].ports[1].name: Required value",
            'subsets[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ]),
    ],
)  # fmt: skip
def test_subsets_of_endpoints(subset: Document, said: list[str]) -> None:
    assert [error.message for error in endpoints_rules({"subsets": [subset]})] == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"addressType": ""}, ["addressType: Required value"]),
        ({"addressType": "Odd"}, ['addressType: Unsupported value: "Odd": supported values: "FQDN", "IPv4", "IPv6"']),
        ({"addressType": "IPv6"}, ['endpoints[0].addresses: Invalid value: "10.1.2.3": must be an IPv6 address']),
        ({"endpoints": [{"addresses": []}]}, ["endpoints[0].addresses: Required value: must contain at least 1 address"]),
        ({"endpoints": [{"addresses": ["x"]}]}, [f'endpoints[0].addresses[0]: Invalid value: "x": {NO_ADDRESS}']),
        ({"addressType": "FQDN", "endpoints": [{"addresses": ["a.b"]}]}, []),
        ({"ports": [{"name": "a"}, {"name": "a"}]}, ['ports[1].name: Duplicate value: "a"']),
    ],
)  # fmt: skip
def test_endpoint_slices(changed: Document, said: list[str]) -> None:
    good = {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}], "ports": [{"port": 80}]}  # fmt: skip
    assert [error.message for error in endpoint_slice_rules(good | changed)] == said


@pytest.mark.parametrize(
    ("own", "asked", "said"),
    [
        ("n", "n", []),
        ("default", "", []),
        ("n", "", ['involvedObject.namespace: Invalid value: "": does not match event.namespace']),
        (
            "n",
            "m",
            ['involvedObject.namespace: Invalid value: "m": does not match event.namespace'],
        ),
    ],
)
def test_events_stand_beside_what_they_are_about(own: str, asked: str, said: list[str]) -> None:
    event = {"metadata": {"namespace": own}, "involvedObject": {"namespace": asked}}
    assert [error.message for error in event_rules(event)] == said
