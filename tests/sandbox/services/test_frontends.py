from typing import Any

import pytest

from kthena_sandbox.kinds import Document
from kthena_sandbox.services.frontends import (
    Endpoint,
    Frontend,
    endpoints_of,
    routes_of,
    unforwarded,
)


def _service(*ports: Document, **spec: Any) -> Document:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"type": "ClusterIP", "clusterIP": "127.96.1.2", "ports": list(ports)} | spec,
    }


def _slice(*endpoints: Document, name: str = "", port: int = 8000) -> Document:
    return {"endpoints": list(endpoints), "ports": [{"name": name, "port": port}]}


def _endpoint(address: str, **conditions: bool) -> Document:
    return {"addresses": [address], "conditions": conditions}


HTTP = {"port": 80, "protocol": "TCP"}
READY = _endpoint("127.1.0.1", ready=True, serving=True, terminating=False)
UNREADY = _endpoint("127.1.0.2", ready=False, serving=False, terminating=False)
DRAINING = _endpoint("127.1.0.3", ready=False, serving=True, terminating=True)


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ([READY, UNREADY, DRAINING], [("127.1.0.1", 8000)]),
        ([UNREADY, DRAINING], [("127.1.0.3", 8000)]),
        ([UNREADY], []),
        ([_endpoint("127.1.0.9")], [("127.1.0.9", 8000)]),
    ],
)
def test_who_gets_new_connections(
    endpoints: list[Document], expected: list[tuple[str, int]]
) -> None:
    assert list(endpoints_of("", [_slice(*endpoints)])) == expected


def test_a_port_is_found_by_its_name() -> None:
    slices = [_slice(READY, name="http"), _slice(READY, name="admin", port=9000)]
    assert endpoints_of("admin", slices) == (Endpoint("127.1.0.1", 9000),)
    assert endpoints_of("other", slices) == ()


def test_every_way_to_a_service() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "127.4.0.7"}, {"ip": "127.0.0.1"}]}}
    service = _service(HTTP | {"nodePort": 30123}, type="LoadBalancer") | {"status": status}
    assert set(routes_of(service, [_slice(READY)])) == {
        Frontend("127.96.1.2", 80), Frontend("127.0.0.1", 30123), Frontend("127.4.0.7", 80),
    }  # fmt: skip


def test_services_without_sockets() -> None:
    assert routes_of(_service(HTTP), [_slice(UNREADY)]) == {}
    assert routes_of(_service(HTTP, clusterIP="None"), [_slice(READY)]) == {}
    assert routes_of(_service(HTTP, clusterIP="10.96.0.9"), [_slice(READY)]) == {}
    outside = {"metadata": {}, "spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert routes_of(outside, []) == {}


def test_what_is_not_forwarded_has_a_name() -> None:
    dns = {"name": "dns", "port": 53, "protocol": "SCTP"}
    asked = _service(
        HTTP, dns, externalIPs=["127.5.0.1", "192.0.2.1"], loadBalancerSourceRanges=["10.0.0.0/8"]
    )
    assert unforwarded(asked) == [
        "port dns/SCTP: the sandbox forwards TCP and UDP only",
        "externalIPs: 192.0.2.1 is not an address of the loopback, where all Services of the sandbox are",
        "loadBalancerSourceRanges are not applied by the sandbox",
    ]
    assert Frontend("127.5.0.1", 80) in routes_of(asked, [_slice(READY)])
    assert unforwarded(_service(HTTP)) == []
    assert routes_of(_service(dns), [_slice(READY, name="dns")]) == {}


def test_a_port_may_be_for_both_protocols() -> None:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}]
    service = _service(*ports)
    slices = [
        {"ports": [{"name": "dns", "port": 5353, "protocol": "UDP"},
                   {"name": "dns-tcp", "port": 5354, "protocol": "TCP"}],
         "endpoints": [{"addresses": ["127.1.0.9"], "conditions": {"ready": True}}]},
    ]  # fmt: skip
    routes = routes_of(service, slices)
    assert {frontend: route.endpoints for frontend, route in routes.items()} == {
        Frontend("127.96.1.2", 53, "UDP"): (Endpoint("127.1.0.9", 5353),),
        Frontend("127.96.1.2", 53, "TCP"): (Endpoint("127.1.0.9", 5354),),
    }


def test_affinity_has_a_time() -> None:
    service = _service(
        HTTP, sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 9}}
    )
    (route,) = routes_of(service, [_slice(READY)]).values()
    assert route.affinity_seconds == 9.0
